"""Words: a line for each event that matters, and a summary."""

from collections import Counter

from ...core.derivation import Closure
from ...core.errors import in_one_line
from ...core.events import (
    Adopted,
    AttemptFailed,
    Event,
    Fetched,
    NotChosen,
    OtherInputs,
    SourceFailed,
    Started,
    Succeeded,
    Waiting,
)
from ...core.progress import Running, Tally
from ...core.refs import DRef
from ..quantities import size, span

Words = tuple[str, str]
"""A verb, and the rest of the line."""

_LONGEST = 200  # characters of an error; the call shows all of it at its end
_SHORT = 6  # digits that distinguish two derivations of one name
_BYTES = ("B", "bytes")


class Labels:
    """The label of a derivation: its name, and more if the closure has several with that name.

    Then its key among the targets is added, such as `epochs=3` in a sweep, or digits of its digest.
    """

    def __init__(self, closure: Closure) -> None:
        self._count = Counter(derivation.dref.name for derivation in closure.derivations)
        keys = closure.keys_of_targets
        self._keys = {dref: first_line(key) for dref, key in keys.items() if key != dref}

    def __call__(self, dref: DRef, number: int = 0) -> str:
        """The name of a derivation, or of an attempt after its first."""
        name: str = dref.name
        if self._count[name] > 1:
            name += f" {self._keys.get(dref) or dref[5 : 5 + _SHORT]}"
        return f"{name} #{number}" if number else name


def ending(event: Event, labels: Labels) -> Words | None:
    """A verb and the rest of the line, for an event that ends something; else None."""
    match event:
        case Succeeded(dref, number, _, fresh, duration):
            same = "" if fresh else ", to the same bytes as before"
            return "built", f"{labels(dref, number)} in {span(duration)}{same}"
        case AttemptFailed(dref, number, error):
            return _end_of(event), f"{labels(dref, number)}: {first_line(in_one_line(error))}"
        case Adopted(dref, rrefs):
            return "adopted", f"{labels(dref)}: {len(rrefs)} made elsewhere from the same bytes"
        case Fetched(dref, _, source, size):
            return "fetched", f"{labels(dref)} from {source}, {amount(size, 'bytes')}"
        case SourceFailed(dref, source, error):
            return "without", f"{source} for {labels(dref)}: {first_line(error)}"
        case NotChosen(dref):
            return "kept", f"{labels(dref)}: its matcher prefers another to the one just built"
        case _:
            return None


def _end_of(event: AttemptFailed) -> str:
    if event.pruned:
        return "pruned"
    return "stopped" if event.stopped else "retrying" if event.again else "failed"


def beginning(event: Event, labels: Labels) -> Words | None:
    """A verb and the rest of the line, for an event that begins something; else None."""
    match event:
        case Started(dref, number, seed):
            return "building", f"{labels(dref, number)}, seed {seed}"
        case Waiting(dref, owner):
            return "waiting", f"for {labels(dref)}: {owner}"
        case OtherInputs(dref, count):
            return "new", f"{labels(dref)}: {count} made from other inputs do not count"
        case _:
            return None


def summary(tally: Tally, took: float) -> str:
    """The summary: `3 of 7 done · 2 reused · 1 failed · 12 s`."""
    failed, stopped, pruned = (
        len({dref for dref, _ in of}) for of in (tally.failed, tally.stopped, tally.pruned)
    )
    counts = {
        "reused": tally.reused,
        "adopted": len(tally.adopted),
        "fetched": len(tally.fetched),
        "failed": failed,
        "stopped": stopped,
        "pruned": pruned,
        "waiting": len(tally.waiting),
    }
    shown = [f"{count} {word}" for word, count in counts.items() if count]
    return " · ".join([f"{tally.done} of {tally.total} done", *shown, span(took)])


def how_far(one: Running) -> str:
    """The progress, `3/10 epochs` or `12 MB`; empty when the attempt does not tell it."""
    if one.first is None:
        return ""
    if one.total is None:
        return amount(one.done, one.unit)
    each = one.unit if one.unit in _BYTES else ""
    return f"{amount(one.done, each)}/{amount(one.total, one.unit)}"


def amount(number: float, unit: str = "") -> str:
    """A number with its unit; bytes in the unit that fits."""
    if unit in _BYTES:
        return size(number)
    text = str(number) if isinstance(number, int) else f"{number:.4g}"
    return f"{text} {unit}".rstrip()


def first_line(text: str) -> str:
    """The first line of a text, shortened, without characters that move the cursor."""
    line = (text.strip().splitlines() or [""])[0]
    line = "".join(letter if letter.isprintable() else " " for letter in line)
    line = line.rstrip(": ")  # an error without a message is only its class
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
