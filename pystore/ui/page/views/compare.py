"""Compare: how two results differ, in what they were made from and in what they reached."""

from typing import Any

from ....app.confusion import evidence_in
from ....app.evidence import McNemar, mcnemar
from ....app.signature import Signature
from ....ask.experiments.compare import Comparison, comparisons
from ....ask.inspection.difference import difference
from ....core.dataclasses import dataclass
from ....core.errors import BadMetric, BadStage, Corrupted, NotInStore
from ....core.manifest import Entry
from ....core.printable import printable
from ....core.refs import DRef, RRef
from ...quantities import size
from ..asked import Asked, Shown
from ..strips import strip

_MOST = 20  # metrics that are compared
_LINES = 400  # of a text


@dataclass(frozen=True)
class Side:
    """One side: the reference whose files are compared, and the attempts whose metrics are."""

    ref: DRef | RRef
    attempts: DRef | str  # a derivation, or the name of a family


def show(asked: Asked) -> Shown:
    """The comparison; a form where one side is missing."""
    a, b = (asked.query.get(side, "").strip() for side in "ab")
    values: dict[str, Any] = {
        "a": a,
        "b": b,
        "found": None,
        "paired": asked.query.get("paired", ""),
    }
    if not (a and b):
        return Shown("compare.html", "Compare", values, {"a": a or None, "b": b or None})
    one, other = _side(asked, a), _side(asked, b)
    if type(one.ref) is not type(other.ref):
        one, other = (Side(side.ref.dref, side.attempts) for side in (one, other))
    found = difference(one.ref, other.ref, asked.store)
    tests, why_not = _tests(asked, one, other, values["paired"])
    exact, why_no_rows = _on_rows(asked, one.ref, other.ref)
    values |= {
        "found": found, "lines": _LINES, "kind": _kind,
        "tests": [(test, _strips(test)) for test in tests], "why_not": why_not,
        "rows": exact, "why_no_rows": why_no_rows,
    }  # fmt: skip
    data = {
        "difference": found, "tests": [_plain(test) for test in tests], "why_no_test": why_not,
        "mcnemar": exact and {"only_a": exact.only_a, "only_b": exact.only_b, "rows": exact.rows,
                              "p": exact.p},
    }  # fmt: skip
    return Shown("compare.html", "Compare", values, data, _command(asked, a, b, bool(tests)))


def _command(asked: Asked, a: str, b: str, tested: bool) -> str:
    """The commands that do the same; without a test, one."""
    paired = asked.query.get("paired", "")
    how = [*(["--paired", paired] if paired else []), *asked.where_words]
    compared = [asked.command("compare", a, b, *how)] if tested else []
    return "; ".join([asked.command("diff", a, b), *compared])


def _side(asked: Asked, text: str) -> Side:
    """What a text means; of a name or a derivation, the files of the latest realization."""
    try:
        ref: DRef | RRef = asked.rref(text)
    except NotInStore:
        ref = asked.ref(text)  # a derivation of which nothing is here, or the error
    several = sum(dref.name == text for dref in asked.store.drefs()) > 1
    return Side(ref, text if several and ref.name == text else ref.dref)


def _tests(asked: Asked, one: Side, other: Side, paired: str) -> tuple[list[Comparison], str]:
    """The tests of the metrics that both have; why there is none, or not one for each."""
    if one.attempts == other.attempts:
        return [], "Both are of one derivation: their metrics differ by luck alone."
    how: dict[str, Any] = {"store": asked.store, "where": asked.where or None}
    asked.conditions()
    try:
        tests = comparisons(one.attempts, other.attempts, paired=paired or None, **how)
    except (BadStage, BadMetric) as error:
        facts = "; ".join(f"{name.replace('_', ' ')}: {x}" for name, x in error.facts.items())
        return [], ". ".join(filter(None, (error.what, facts, error.remedy)))
    if len(tests) > _MOST:
        return tests[:_MOST], f"Both have {len(tests)} metrics: the first {_MOST} are compared."
    return tests, ""


def _on_rows(asked: Asked, a: DRef | RRef, b: DRef | RRef) -> tuple[McNemar | None, str]:
    """McNemar's test of two realizations that keep what they predicted; why there is none."""
    if a == b or isinstance(a, DRef) or isinstance(b, DRef):
        return None, ""
    folders = [asked.store.path(ref) for ref in (a, b)]
    one, other = map(evidence_in, folders)
    if one is None or other is None:
        return None, ""
    try:
        codes = {Signature.read(folder).codes.get("predictor") for folder in folders}
        if len(codes) > 1:
            return None, "they have predicted by other predictors"
        return mcnemar(one, other), ""
    except (BadStage, Corrupted) as error:
        return None, error.what
    except (TypeError, ValueError, AttributeError):  # a file of that name that is something else
        return None, "what was predicted cannot be compared"


def _strips(test: Comparison) -> tuple[Any, Any]:
    """Both sides on one axis."""
    ends = [*test.a, *test.b]
    return strip(test.a, min(ends), max(ends)), strip(test.b, min(ends), max(ends))


def _plain(test: Comparison) -> dict[str, Any]:
    told = {
        name: getattr(test.difference, name) for name in ("value", "low", "high", "t", "df", "p")
    }
    return {"metric": test.metric, "a": test.a, "b": test.b, "paired": test.paired, **told}


def _kind(entry: Entry | None) -> str:
    """What an artifact is: its size, or its kind."""
    if entry is None:
        return "—"
    return size(entry.size) if entry.kind == "file" else f"{entry.kind} {printable(entry.target)}"
