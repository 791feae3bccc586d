"""The table of a fuzzer's verdicts: how many edits each way has met, and what went wrong."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from .trial import Verdict

COLUMNS = ("programs", "edits", "stale", "idle", "rebuilt", "unwarned", "overwarned", "failed")


def figures(verdicts: Iterable[Verdict]) -> Counter[str]:
    """How many edits with a meaning (`edits`) and without one (`idle`), and what was wrong."""
    found: Counter[str] = Counter()
    for verdict in verdicts:
        if verdict.edit == "warning":
            found["programs"] += 1
        elif verdict.kind in ("ok", "stale", "rebuilt"):
            found["edits" if verdict.meaningful else "idle"] += 1
        if verdict.kind != "ok":
            found[verdict.kind] += 1
    return found


def table(verdicts: Iterable[Verdict]) -> str:
    """A line for each way, those with faults first, and a line for all."""
    ways: dict[str, list[Verdict]] = defaultdict(list)
    verdicts = list(verdicts)
    for verdict in verdicts:
        for way in verdict.program.ways:
            ways[way.name].append(verdict)
    rows = {name: figures(held) for name, held in ways.items()}
    faults = ("stale", "rebuilt", "unwarned", "overwarned", "failed")
    order = sorted(rows, key=lambda name: (-sum(rows[name][fault] for fault in faults), name))
    lines = [_line("way", COLUMNS), *(_line(name, _cells(rows[name])) for name in order)]
    return "\n".join([*lines, _line("all", _cells(figures(verdicts)))])


def _cells(found: Counter[str]) -> list[str]:
    return [str(found[column]) for column in COLUMNS]


def _line(name: str, cells: Iterable[str]) -> str:
    return f"{name:<44}" + "".join(f"{cell:>11}" for cell in cells)
