"""Room: the bytes that stages take, what gc would remove, and why it would leave the rest."""

from collections import Counter
from typing import Any

from ....ask.inspection.usage import Usage, usage
from ....core.dataclasses import dataclass
from ....core.refs import RRef
from ....store.gc import Garbage, Why, collect
from ..asked import Asked, Shown

REASONS: dict[Why, str] = {
    "pinned": "a pin names it",
    "in use": "a process uses it now",
    "chosen": "the latest of its derivation, or a matcher would choose it now",
    "input": "one that stays was built from it",
}


@dataclass(frozen=True)
class Row:
    """A stage: its bytes, and how many of its realizations stay for which reason."""

    used: Usage
    kept: Counter[str]
    goes: int  # realizations that gc would remove
    freed: int  # [bytes] of them, with what others share

    def to_dict(self) -> dict[str, Any]:
        """As `pystore du --json`, and `kept`, `goes` and `freed`."""
        return {
            **self.used.to_dict(), "kept": dict(self.kept), "goes": self.goes, "freed": self.freed
        }  # fmt: skip


def show(asked: Asked) -> Shown:
    """The table of stages, the largest first."""
    store = asked.store
    rrefs = [rref for dref in store.drefs() for rref in store.realizations(dref)]
    used, total = usage(rrefs, "name", store)
    garbage = collect(store)
    rows = [_row(one, garbage) for one in reversed(used)]
    values = {
        "rows": rows, "total": _row(total, garbage), "garbage": garbage, "reasons": REASONS,
        "frees": garbage.size - garbage.shared,
    }  # fmt: skip
    data = {"stages": rows, "total": values["total"], "gc": garbage}
    return Shown("room.html", "Room", values, data, asked.command("gc"))


def _row(used: Usage, garbage: Garbage) -> Row:
    goes = [rref for rref in used.rrefs if rref in garbage.realizations]
    kept = Counter(why for rref in used.rrefs if (why := garbage.kept.get(RRef(rref))))
    return Row(used, Counter(kept), len(goes), sum(garbage.realizations[rref] for rref in goes))
