"""Beginning: how an attempt gets its staging and its number."""

from contextlib import suppress

from ..core.attempt import Attempt
from ..core.config import Config
from ..core.context import Context
from ..core.refs import DRef
from . import attempts, below, derivations, disk, scratch, tree
from .claim_text import Claim
from .parts import Parts
from .staging import Staging, make_folder


def begin(
    parts: Parts, config: Config, context: Context, seed: int | None = None, *, after: int = 0
) -> Staging:
    """A new staging and attempt number. With `seed`, the attempt has this seed again.

    If an earlier attempt (with this seed) left a scratch, that one goes on. A new attempt starts no
    earlier than `after` [ns since the epoch, UTC].
    """
    derivations.take_place(parts.layout, config.dref)
    derivations.record(parts, [config])
    with parts.session.open_gate():
        path, held = make_folder(parts.staging_area, config.dref)
        try:
            listed = attempts.names(parts.layout.attempts(config.dref))
            left = scratch.take_over(parts, config, context, path.name, seed, listed)
            _tidy(parts, config.dref, context, listed)
            if left is not None:
                resumed = Staging(path, config, context, left.claim, held, left.held, left.number)
                return _telling(parts, resumed)
            claimed = claim(
                parts, config.dref, context, path.name, seed=seed, after=after, listed=listed
            )
        except BaseException:
            held.close()
            tree.remove(path)
            raise
    return _telling(parts, Staging(path, config, context, claimed, held, witness=held))


def _telling(parts: Parts, staging: Staging) -> Staging:
    """The staging of an attempt that tells its metrics; the same attempt may have told some."""
    from .told import Telling, read  # for its weight: what is there already begins nothing

    number, digest = staging.claim.number, staging.context.digest
    path = attempts.live_path(parts.layout.attempts(staging.dref), digest, number)
    if staging.resumed == number:
        staging.told = read(path)
    told = staging.told
    staging.telling = Telling(path) if told is None else Telling(path, told.metrics, told.usage)
    return staging


def _tidy(parts: Parts, dref: DRef, context: Context, listed: list[str]) -> None:
    """Removes the files of running attempts that processes left when they were killed.

    What an attempt without a record has told stays.
    """
    folder, digest = parts.layout.attempts(dref), context.digest
    if left := set(attempts.numbers_in(listed, digest, "live|stop")):
        recorded = [*listed, *attempts.packed_names(folder, listed)]
        ended = left.intersection(attempts.numbers_in(recorded, digest, "json"))
        asked = [f"{folder}/{digest}.{number}.stop" for number in left]
        for path in (*asked, *(attempts.live_path(folder, digest, n) for n in ended)):
            with suppress(OSError):  # it means nothing, and harms nobody
                disk.remove_file(path)


def claim(
    parts: Parts,
    dref: DRef,
    context: Context,
    staging: str,
    *,
    seed: int | None,
    after: int = 0,
    listed: list[str] | None = None,
) -> Claim:
    """Claims the next attempt number of a (derivation, context) for a staging."""
    layout = parts.layout
    before = below.ended(layout, dref, context.digest, after, seeds=seed is None)
    return attempts.claim(
        layout.attempts(dref),
        dref,
        context,
        staging,
        clock=parts.clock,
        tmp=parts.tmp,
        seed=seed,
        before=before,
        salt=parts.salt,
        listed=listed,
    )


def trial(parts: Parts, config: Config, context: Context, attempt: Attempt) -> Staging:
    """A staging for a run that is not recorded, such as the replay of `attempt`."""
    with parts.session.open_gate():
        path, held = make_folder(parts.staging_area, config.dref)
    claimed = Claim(attempt.number, attempt.seed, attempt.start)
    return Staging(path, config, context, claimed, held)
