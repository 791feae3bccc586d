"""Metric names: a matcher may name a metric that its stage will surely never have."""

import os
import re
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..core.derivation import Derivation
from ..core.errors import BadMetric, Corrupted, NotInStore
from ..core.ports import StoreReader
from .identity.by_hand import source_digest
from .identity.functions import codes_of, content
from .stage import StageRealizer

_BY_METRIC = ("match_best", "match_top", "match_until")
_MANY = ("metrics.json", "metrics.jsonl")  # files whose entries are metrics of any name
_ASIDE = frozenset(["parent", "parents", "with_name", "with_stem", "with_suffix", "dirname"])
_PACKAGES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_STANDARD = os.path.dirname(os.__file__) + os.sep
_SHORTEST = 4  # letters of a name; a misspelling of a shorter one may be another name


def check_metrics(derivations: Iterable[Derivation], store: StoreReader) -> None:
    """Raises BadMetric for a matcher whose metric its stage will surely never have.

    That is sure when the name is a misspelt output or recorded metric, when the stage writes
    nothing but its outputs, and when earlier attempts by the same code did not have the metric.
    """
    recorded: dict[str, set[str]] = {}
    for derivation in derivations:
        if (name := metric_of(derivation)) is not None:
            check_metric(derivation.matcher.name, derivation, name, store, recorded)


def check_metric(
    who: str,
    derivation: Derivation,
    name: str,
    store: StoreReader,
    recorded: dict[str, set[str]],
    *,
    where: str = "the matcher",
) -> None:
    """Raises BadMetric if `who` goes by a metric that a stage will surely never have.

    `recorded` keeps the metrics of stages that were looked at, by the name of the stage.
    """
    if _may_write(derivation, name):
        return
    stage = derivation.config.name
    if stage not in recorded:
        recorded[stage] = _recorded(stage, store)
    if name in recorded[stage]:
        return
    outputs = ["/".join(parts) for parts in derivation.config.promises]
    near = [one for one in (*outputs, *sorted(recorded[stage])) if misspells(name, one)]
    if near or _writes_outputs_only(derivation) or _had_none(derivation, name, store):
        raise BadMetric(
            f"{who} goes by {name!r}, which {stage} will never have",
            dref=derivation.dref,
            closest=", ".join(dict.fromkeys(near)) or None,
            outputs=", ".join(outputs) or None,
            recorded=", ".join(sorted(recorded[stage])) or None,
            remedy=f"name {near[0] if near else 'a metric that it has'} in {where}, or "
            f"promise the file: output({name!r})",
        )


def metric_of(derivation: Derivation) -> str | None:
    """The metric by which the matcher of a derivation ranks; None for other matchers."""
    matcher = derivation.matcher
    found = dict(matcher.arguments).get("file") if matcher.name in _BY_METRIC else None
    return found if isinstance(found, str) else None


def misspells(name: str, other: str) -> bool:
    """Whether one may be a misspelling of the other: another ending, or a slip or two."""
    one, two = (re.sub("[-_ ]", "", _stem(text).lower()) for text in (name, other))
    if one == two:
        return name != other
    if min(len(one), len(two)) < _SHORTEST or re.findall(r"\d", one) != re.findall(r"\d", two):
        return False  # top1 and top5 are two
    return slips(one, two) <= (1 if min(len(one), len(two)) < 2 * _SHORTEST else 2)


def slips(one: str, two: str) -> int:
    """The number of letters that were left out, added, changed or swapped with the next one.

    Source: the optimal string alignment distance.
    """
    before: list[int] = []
    last = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(two, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if before and j > 1 and a == two[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _stem(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.rpartition('.')[0] or file}"


def _may_write(derivation: Derivation, name: str) -> bool:
    """Whether a stage promises the file, or a file of metrics, or has the name in its code."""
    promised = {"/".join(parts) for parts in derivation.config.promises}
    parents = {name[:i] for i, letter in enumerate(name) if letter == "/"}
    if promised & {name, *parents, *_MANY}:
        return True
    file = name.rpartition("/")[2]
    return any(text in (name, file) for text, _ in _words(derivation.realizer.plain))


def _writes_outputs_only(derivation: Derivation) -> bool:
    """Whether a stage can write nothing but its outputs: no Build, and no other path."""
    realizer = derivation.realizer.function
    if not isinstance(realizer, StageRealizer) or realizer.stage.takes_build:
        return False
    return not any(is_name and word in _ASIDE for word, is_name in _words(realizer.stage.function))


def _words(function: Any, seen: set[CodeType] | None = None) -> Iterator[tuple[str, bool]]:
    """The texts and names in a function and in what it uses, as (word, whether it is a name)."""
    seen = set() if seen is None else seen
    function = getattr(function, "__func__", function)  # a class method or static method
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) or code in seen or _is_installed(code.co_filename):
        return
    seen.add(code)
    names = set()
    for one in codes_of(code):
        names |= {*one.co_names, *one.co_freevars}
        yield from ((text, False) for text in one.co_consts if isinstance(text, str))
    yield from ((name, True) for name in names)
    bound = {n: function.__globals__[n] for n in names if n in function.__globals__}
    cells = map(content, function.__closure__ or ())
    for value in (*bound.values(), *cells, *(function.__defaults__ or ())):
        if isinstance(value, str):
            yield value, False
        elif isinstance(value, type):
            for method in vars(value).values():
                yield from _words(method, seen)
        elif isinstance(value, FunctionType):
            yield from _words(value, seen)
        elif isinstance(value, ModuleType):
            for name in names & vars(value).keys():
                yield from _words(vars(value)[name], seen)


def _is_installed(file: str) -> bool:
    return file.startswith(_STANDARD) or any(part in file for part in _PACKAGES)


def _recorded(stage: str, store: StoreReader) -> set[str]:
    """The metrics that attempts of stages of this name have recorded."""
    drefs = [dref for dref in store.drefs() if dref.name == stage]
    return {name for dref in drefs for a in store.attempts(dref) for name in a.metrics}


def _had_none(derivation: Derivation, name: str, store: StoreReader) -> bool:
    """Whether the derivation has results by this code, and none of them has the metric."""
    source = source_digest(derivation.realizer)
    made = [a for a in store.attempts(derivation.dref) if a.succeeded and a.source == source]
    return bool(made) and not any(_has(a.rref, name, store) for a in made if a.rref)


def _has(rref: Any, name: str, store: StoreReader) -> bool:
    """Whether a realization may have a file; one whose files are gone may have had it."""
    try:
        return (store.path(rref) / name).exists()
    except (NotInStore, Corrupted):
        return True
