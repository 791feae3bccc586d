"""Repeats: attempts with the seed of another one, as of two who have trained apart."""

from collections.abc import Iterable

from ...core.attempt import Attempt
from ...core.same_run import distinct, run_of


def repeats(attempts: Iterable[Attempt], *, apart: bool) -> list[str]:
    """What is to be said of attempts that had a seed which another one had; nothing if none did.

    Copies of one training, such as adopted ones, are no repeats. `apart` says that some ran in
    another store, which would not have had these seeds if it had its own.
    """
    made = list({run_of(a): a for a in attempts if a.succeeded}.values())
    seeds = {(a.dref, a.context, a.seed) for a in made}
    if len(seeds) == len(made):
        return []
    n, told = len(distinct(made)), []
    if n < len(made):
        told.append(f"{len(made):,} attempts are n = {n:,}: equal seeds gave equal results")
    if n > len(seeds):
        told.append(f"of n = {n:,}, {n - len(seeds):,} had the seed of another, and are like it")
    remedy = ["`pystore init --seeds own` makes a store whose seeds are its own"] if apart else []
    return ["; ".join([*told, *remedy])]
