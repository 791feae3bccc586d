"""Choice: a derivation that chooses the best of several others; it can be an input of a stage.

BO1  It depends on all of them, and its realization has the files of the one with the best metric.
BO2  The order of the derivations makes no difference; ties go by reference.
BO3  It records the derivation and the tree of the chosen one; its view is the view of that one.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.candidate import Candidate
from ..core.context import Context
from ..core.dataclasses import dataclass
from ..core.derivation import Closure, Derivation, leaves
from ..core.errors import BadMetric, BadRef, BadStage, Corrupted
from ..core.extremes import Over, checked_over
from ..core.matchers import match_latest
from ..core.options import Mode, checked_mode
from ..core.ports import StoreReader
from ..core.realizer import Realizer
from ..core.refs import DRef, RRef
from ..store import disk
from .build import Build
from .parameters import CHOICE

FILE = "best-of.json"
_LONGEST = 100  # [characters] of a name


def best_of(what: Any, metric: str, mode: Mode = "max", *, over: Over | None = None) -> Derivation:
    """The one with the best metric among these derivations, such as a sweep: an input of a stage.

    `what` are derivations, or stages to call, in nested lists and dicts. Each is built, as its
    matcher says; the stage gets the view of the best: its parameters, its files, its inputs.
    `metric` is a name as recorded, or a file whose first line is a number; `over` is that of
    `match_best`. A realization without it comes last.

    Raises BadStage when there is nothing to choose from; the build fails with BadMetric when none
    has this metric.
    """
    checked_mode(mode)
    if not isinstance(metric, str) or not metric:
        raise BadStage(
            "best_of goes by a metric",
            given=repr(metric)[:200],
            remedy="write best_of(sweep(train, rate=[0.1, 0.2]), 'accuracy.txt')",
        )
    among = {one.dref if isinstance(one, Derivation) else one: one for one in _each(what)}
    if not among:
        raise BadStage(
            "the best of nothing",
            given=repr(what)[:200],
            remedy="give derivations: sweep(train, rate=[0.1, 0.2]), or [train(0.1), train(0.2)]",
        )
    names = {dref.name for dref in among}
    name = f"best-of-{names.pop()[:_LONGEST]}" if len(names) == 1 else "best-of"
    how: dict[str, Any] = {
        "among": [among[dref] for dref in sorted(among)],
        "metric": metric,
        "mode": mode,
    }
    if checked_over(over) is not None:
        how["over"] = over
    return Derivation({"name": name, CHOICE: how}, match_latest(), Realizer(BestOf()))


def _each(what: Any) -> Iterator[Derivation | DRef]:
    for leaf in leaves(what):
        if isinstance(leaf, Closure):
            yield from (leaf[dref] for dref in leaf.drefs)
        elif isinstance(leaf, (Derivation, DRef)):
            yield leaf
        elif hasattr(leaf, "stage_name"):
            yield leaf()
        else:
            raise BadStage(
                "best_of chooses among derivations",
                given=repr(leaf)[:200],
                remedy="call the stage: best_of([train(0.1), train(0.2)], metric), or use sweep",
            )


@dataclass(frozen=True)
class BestOf:
    """The realizer of a choice: copies the files of the best realization."""

    identified = True  # the config says all that the code does
    adopts = False  # adoption compares bytes, and a choice depends on metrics, too

    def __call__(self, b: Build) -> None:
        """Chooses the best realization, and copies its files."""
        how = b.config[CHOICE]
        best, number = _best(b.context, how, b.store)
        _copy(b, b.store.path(best.rref), b.outpath)
        (b.outpath / FILE).unlink(missing_ok=True)  # there is one if the best is a choice itself
        record = {"dref": best.rref.dref, "tree": b.store.tree(best.rref)}
        (b.outpath / FILE).write_text(json.dumps(record))
        b.metric(how["metric"], number, None)


def chosen(
    values: Mapping[str, Any], context: Context, path: Path, store: StoreReader
) -> RRef | None:
    """The realization that a choice with this config, at this path, has chosen; else None."""
    if CHOICE not in values:
        return None
    try:
        record = json.loads(disk.read(path / FILE))
        among = context[DRef(record["dref"])]
        return next(rref for rref in among if store.tree(rref) == record["tree"])
    except (ValueError, KeyError, TypeError, BadRef, StopIteration) as error:
        raise Corrupted(
            "it does not say which of its inputs is the best",
            path=path / FILE,
            because=repr(error)[:200],
            remedy="pystore verify names what is damaged, so that it is chosen again",
        ) from None


def _best(context: Context, how: Mapping[str, Any], store: StoreReader) -> tuple[Candidate, float]:
    metric, over = how["metric"], how.get("over")
    found = [_candidate(rref, metric, store) for rrefs in context.values() for rref in rrefs]
    sign = 1.0 if how["mode"] == "max" else -1.0
    ranks = [(-sign * one.metric(metric, over), one.rref, one) for one in found]
    known = [rank for rank in ranks if rank[0] == rank[0]]
    if not known:
        raise BadMetric(
            f"none of {len(found)} realizations has the metric {metric!r}",
            there_are=", ".join(_recorded(found)) or "none",
            remedy="name one that there is, or write it in the stage: a file with one number",
        )
    number, _, best = min(known, key=lambda rank: rank[:2])
    return best, -sign * number


def _candidate(rref: RRef, metric: str, store: StoreReader) -> Candidate:
    offered = store.candidates(rref.dref, store.context(rref), (metric,))
    return next(candidate for candidate in offered if candidate.rref == rref)


def _recorded(found: Iterable[Candidate]) -> list[str]:
    return sorted({name for one in found for name in one.latest.metrics})[:20]


def _copy(b: Build, source: Path, target: Path) -> None:
    """Copies a tree; equal files are stored once when it is committed."""
    import shutil  # with all its compressors, for what is rare

    for entry in os.scandir(source):
        place = target / entry.name
        if entry.is_symlink():
            link = os.readlink(entry.path)
            if os.path.isabs(link):
                b.allow_outside(link)  # the stage that made the link has allowed it, too
            place.symlink_to(link)
        elif entry.is_dir(follow_symlinks=False):
            place.mkdir()
            _copy(b, Path(entry.path), place)
        else:
            shutil.copyfile(entry.path, place)
            place.chmod(entry.stat().st_mode | 0o200)
