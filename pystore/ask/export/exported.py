"""Exported: the result of an export, as a value."""

from typing import Any

from ...core.dataclasses import dataclass
from ...core.left_out import NOTHING, LeftOut
from ...core.printable import counted


@dataclass(frozen=True)
class Exported:
    """The numbers of attempts that an export has added, and of those that were there."""

    place: str  # the file, the folder or the URL
    added: int
    known: int  # exported before
    unfinished: int = 0  # they still run: a later export adds them
    left_out: LeftOut = NOTHING  # attempts of the same names by other code
    rejected: int = 0  # exported before, and rejected since: they are marked

    def to_dict(self) -> dict[str, Any]:
        """The export as a JSON object: the fields by name."""
        names = ("place", "added", "known", "unfinished", "rejected")
        told = {name: getattr(self, name) for name in names}
        return {**told, "left_out": str(self.left_out) if self.left_out else None}

    def __str__(self) -> str:
        told = [f"{counted(self.added, 'attempt')} added"]
        told += [f"{self.known:,} there before"] if self.known else []
        told += [f"{self.unfinished:,} left out that still run"] if self.unfinished else []
        told += [f"{self.rejected:,} there marked as rejected"] if self.rejected else []
        return "\n".join([", ".join(told), *([str(self.left_out)] if self.left_out else [])])
