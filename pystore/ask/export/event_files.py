"""Event files: the metrics of attempts as TensorBoard reads them, a folder an attempt.

EF1  A file is there whole or not at all, and ends with the id of its attempt: it is found again
     wherever its folder was moved to within the folder of the export.
EF2  The folder of an attempt whose result was rejected since says so in its name.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...core.errors import BadPlace
from ...core.options import Scope
from ...declare.recorder import store_was_read
from ...store import disk
from ...store.current import current_store
from ...store.store import Store
from ..finding.conditions import Where
from .ended import Told, ended
from .exported import Exported

_REJECTED = "rejected "  # before the name of a folder (EF2)
_LONGEST = 120  # [characters] of the parameters in the name of a folder


def export_tensorboard(
    what: Any,
    folder: str | Path,
    *,
    where: Where | None = None,
    code: Scope = "now",
    store: Store | None = None,
) -> Exported:
    """Writes the metrics of attempts as event files: `tensorboard --logdir folder` shows them.

    Each attempt has a folder, named by its stage, the parameters that tell it apart, its number
    and digits of its id. Attempts that are there already are left as they are, but where the result
    was rejected since, the name of the folder says so. The steps of an
    attempt have the time at which it ended: no other time is known of them. Needs tensorboard.
    `what`, `where` and `code` are those of `results`.

    Raises BadStage when there is nothing to show; BadPlace without tensorboard, or where the
    folder cannot be written.
    """
    store_was_read()
    _check_installed()
    target = Path(os.path.abspath(folder))
    found = ended(what, code, current_store(store), where)
    try:
        target.mkdir(parents=True, exist_ok=True)
        known = {path.suffix[1:]: path for path in target.rglob("events.out.tfevents.*")}
        fresh = [one for one in found if one.attempt.id not in known]
        for one in fresh:
            _write(one, target / one.attempt.dref.name / _label(one))
        rejected = [known[id_].parent for id_ in found.rejected if id_ in known]
        for path in rejected:
            _mark(path)
    except OSError as error:
        raise BadPlace(
            "the folder cannot be written",
            path=target,
            because=error.strerror or error,
            remedy="name a folder that you may write to",
        ) from None
    left = len(found.several) - len(fresh)
    return Exported(str(target), len(fresh), left, found.unfinished, found.left_out, len(rejected))


def _check_installed() -> None:
    try:
        import tensorboard.compat.proto.event_pb2  # noqa: F401  # looked for, and used later
    except ImportError:
        raise BadPlace(
            "event files need the package tensorboard",
            remedy="pip install 'pystore-stages[tensorboard]'",
        ) from None


def _label(one: Told) -> str:
    """A name for people: `epochs=3 lr=0.1 2-3fa9c1d0`."""
    told = (f"{name}={value}" for name, value in one.differing.items())
    text = "".join(c if c.isalnum() or c in " =._,+-" else "_" for c in " ".join(told))
    return f"{text[:_LONGEST]} {one.attempt.number}-{one.attempt.id[:8]}".strip().lstrip(".")


def _mark(folder: Path) -> None:
    if not folder.name.startswith(_REJECTED):
        folder.rename(folder.with_name(_REJECTED + folder.name))


def _write(one: Told, folder: Path) -> None:
    """Writes the file of an attempt, first under a name that TensorBoard does not read (EF1)."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder.mkdir(parents=True, exist_ok=True)
    second = one.attempt.start // 10**9
    beside = folder / f".{disk.fresh_name()}"
    try:
        with beside.open("xb") as file:
            records = RecordWriter(file)
            for record in _records(one):
                records.write(record)
        os.replace(beside, folder / f"events.out.tfevents.{second}.{one.attempt.id}")
    finally:
        beside.unlink(missing_ok=True)


def _records(one: Told) -> Iterator[bytes]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    begun, ended = one.attempt.start / 1e9, one.attempt.stop / 1e9
    yield Event(wall_time=begun, file_version="brain.Event:2").SerializeToString()
    for step, name, value in sorted(one.points()):
        number = Summary.Value(tag=name, simple_value=value)
        yield Event(wall_time=ended, step=step, summary=Summary(value=[number])).SerializeToString()
