"""Damage: something in a store that is not as it should be, and how its user repairs it."""

from dataclasses import asdict
from typing import Any, Literal

from ..core.dataclasses import dataclass
from ..core.refs import DRef, RRef

Kind = Literal[
    "config", "context", "manifest", "changed", "missing", "extra", "mode", "attempt", "dangling",
    "unrecorded", "access", "verdict", "note", "pin", "pack", "code",
]  # fmt: skip

_RESTORE = {
    "config": "instantiate its stage again: the text is written anew",
    "attempt": "nothing can: the history of this attempt is lost; the others are untouched",
    "dangling": "realize that input again; with equal bytes it reconnects",
    "unrecorded": "realize its stage again: with equal bytes it is recorded anew",
    "verdict": "pystore reject it again, with its reason; or delete this file",
    "code": "delete this file: the next attempt that runs this code keeps it anew",
    "pack": "put a copy of this file from a backup in its place; until then, those of its records "
    "count that can be read",
    "note": "nothing can: write it again, and delete this file",
    "pin": "nothing can: the history of this pin lacks it; delete this file",
    "access": "chmod go-w, or chown, after asking who did this",
    "mode": "chmod a-w, where no byte has changed; or pystore rm it, to have it built again",
}
_REBUILD = (
    "pull it from where it is whole, or pystore rm it; a run that needs it builds it with its seed"
)


@dataclass(frozen=True)
class Damage:
    """A file or directory of the store that is not as it should be."""

    ref: DRef | RRef | None  # None: the store itself
    kind: Kind
    path: str  # inside the store
    what: str

    @property
    def restore(self) -> str:
        """What the user can do to repair it."""
        return _RESTORE.get(self.kind, _REBUILD)

    def to_dict(self) -> dict[str, Any]:
        """The damage as a JSON object: the fields by name, and `restore`."""
        return {**asdict(self), "restore": self.restore}

    def __str__(self) -> str:
        return f"{self.path}: {self.what}\n  try: {self.restore}"
