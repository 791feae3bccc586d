"""Rows: what a look has found, with the stamps of the folders, as rows of an index file.

XR1  A row says which stamps its folders had before they were read. So each row is true on its own,
     whoever wrote it last, and whatever has become of the others.
"""

import time
from functools import partial
from typing import Any, NamedTuple

from ...core.attempt_columns import COLUMNS, METRIC, AttemptColumns
from ...core.config import Config
from ...core.holding import Holding
from ...core.refs import DRef
from ..changes import Folder
from ..layout import ATTEMPTS
from ..read_log import boot
from .looking import Look, Place, Stamp
from .packing import Columns, Facts, pack, unpack

KIND = "holding"
_HERE, _CONFIG = "here", "config"  # names of columns
_STAMP = ("inode", "time", "size")


class Row(NamedTuple):
    """A row of the index: a look at one derivation, and the folders as they were before it."""

    look: Look  # without the stamps of its records
    folders: tuple[Folder, Folder]  # of the attempts, and of the derivation
    at: int  # when the folders were looked at [ns since the epoch, UTC]
    mark: bytes  # tells it from each other row of the derivation

    @property
    def may_count(self) -> bool:
        """Whether its stamps say something: if the clock was set back, a change may repeat one."""
        return self.at <= time.time_ns()


def write_row(dref: DRef, found: Look, folders: tuple[Folder, Folder]) -> tuple[bytes, bytes]:
    """The two parts of a row. Raises Unpackable."""
    holding, columns = found.holding, found.holding.attempts
    facts: Facts = {
        "folders": folders,
        "boot": boot(),
        "at": time.time_ns(),
        "count": columns.count,
        "metrics": columns.metrics,
        "built": holding.built,
        "marks": [sorted(holding.rejected), sorted(holding.damaged), holding.matchers],
        "imported": holding.imported,
        "noted": holding.noted,
        "claims": found.claims,
    }
    names = (*COLUMNS, *(METRIC + name for name in columns.metrics)) if columns.count else ()
    told: dict[str, Any] = {name: columns.columns[name] for name in names}
    if holding.here:
        told[_HERE] = holding.here
    if holding.config is not None:
        told[_CONFIG] = [holding.config.parts()]
    body = pack(dref, facts, told)
    return body, _write_stamps(_mark(body), found)


def read_row(dref: DRef, packed: bytes | None) -> Row | None:
    """The row in these bytes; None if it is damaged."""
    if packed is None or (unpacked := unpack(dref, packed)) is None:
        return None
    facts, columns = unpacked
    attempts = AttemptColumns(dref, facts["count"], tuple(facts["metrics"]), columns)
    here = columns[_HERE] if facts["built"] is not None else ()
    rejected, damaged, matchers = facts["marks"]
    holding = Holding(
        dref, lambda: attempts, partial(_config, dref, columns), here, facts["built"],
        frozenset(rejected), frozenset(damaged), tuple(matchers), facts["imported"], facts["noted"],
    )  # fmt: skip
    claims = tuple((context, number) for context, number in facts["claims"])
    now = bool(facts["boot"]) and facts["boot"] == boot()
    one, other = facts["folders"]
    folders = _folder(one[0], one[1], now), _folder(other[0], other[1], now)
    return Row(Look(holding, {}, claims), folders, facts["at"], _mark(packed))


def _config(dref: DRef, columns: Columns) -> Config | None:
    return Config.of_parts(dref, columns[_CONFIG][0]) if _CONFIG in columns else None


def _folder(stamp: list[int] | None, since: float | None, same_start: bool) -> Folder:
    """A folder. After a restart of the machine, nobody knows how long ago its time was."""
    if since is not None and not same_start:
        since = time.monotonic()
    return Folder(None if stamp is None else tuple(stamp), since)


def paths(home: str) -> tuple[str, str]:
    """The folders of a derivation that a row is about."""
    return home + ATTEMPTS, home


# --- the stamps of records, which are read only where something has changed --------------


def _mark(body: bytes) -> bytes:
    return body[:32]  # its checksum


def _write_stamps(mark: bytes, found: Look) -> bytes:
    if not found.stamps:
        return b""
    stamps = [stamp or (0, 0, 0) for stamp in found.stamps.values()]
    columns: dict[str, list[Any]] = {
        "context": [context for context, _ in found.stamps],
        "number": [number for _, number in found.stamps],
        **{name: [stamp[at] for stamp in stamps] for at, name in enumerate(_STAMP)},
    }
    return pack(mark.decode(), {}, columns)


def read_stamps(row: Row, packed: bytes) -> dict[Place, Stamp | None]:
    """The stamps of records; empty if they are damaged or of another row: all are read again."""
    unpacked = unpack(row.mark.decode(), packed)
    if unpacked is None:
        return {}
    columns = unpacked[1]
    places = zip(columns["context"], columns["number"], strict=True)
    stamps = zip(*(columns[name] for name in _STAMP), strict=True)
    return dict(zip(places, stamps, strict=True))
