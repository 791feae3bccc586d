"""Snapshots: rows of a collection as a derivation, named by what they hold.

SN1  The same rows are the same derivation, on every database and in any order.
SN2  The rows that are written are the rows that were named.
SN3  A snapshot with a name is taken once, and recorded in the database.
SN4  Where a name is used with another condition than it was taken with, with other values in it,
     or with other columns or paths of its fields, that is told.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.config import Config
from ..core.digest import short
from ..core.errors import BadStage, PystoreWarning
from ..core.matchers import match_only
from ..core.printable import counted
from ..core.realizer import Realizer
from ..core.refs import check_name
from ..db.choose import port_of
from ..db.declared import Declared
from ..db.errors import BadDatabase, BadField
from ..db.folds import Fold
from ..declare.build import Build
from ..declare.nesting import file_that_is_loaded
from ..declare.stage import Stage, Staged, StageRealizer
from ..declare.stage_options import Options
from ..run.verbs import realize
from .snapshot_rows import Digest, Reader
from .stored_rows import write_rows

RECIPE = 1  # the number of how rows are written


class SnapshotStage(Stage[...]):
    """Rows as a stage: its config is the digest of what they hold."""

    def __init__(self, name: str) -> None:
        super().__init__(_declare, Options(match_only(), name, code=None), realize)

    @property
    def keys(self) -> frozenset[str] | None:
        """The keys of its configs."""
        return frozenset(("name", "snapshot", "count", "x", "y", "fields", "recipe"))

    def of(self, config: Mapping[str, Any], reader: Reader | None) -> Staged:
        """The derivation with this config, whose rows the reader reads again."""
        realizer = Realizer(StageRealizer(self, {"reader": reader}))
        made = Staged(Config(dict(config)), self.options.matcher, realizer, self.options.resources)
        made.stage = self
        return made

    def work(self, b: Build, values: Mapping[str, Any]) -> None:
        """Writes the rows, if they are still those that the config names (SN2)."""
        reader: Reader | None = values.get("reader")
        if reader is None:
            raise BadStage(
                "the rows of this snapshot are not here",
                remedy="take it again where the collection is: collection.snapshot(…)",
            )
        digest = Digest(reader)
        with reader.reading():
            write_rows(b.outpath, reader.x, reader.y, reader.fields, digest.noting())
        if digest.root() != values["snapshot"]:
            raise BadStage(
                "the rows of this snapshot have changed since it was taken",
                rows=f"{digest.count:,}, then {values['count']:,}",
                remedy="take it again: collection.snapshot(…, retake=True); or pull it from where "
                "it was built",
            )


def snapshot(
    collection: Declared,
    *,
    x: str | Sequence[str],
    y: str | None = None,
    fold: Fold | None = None,
    name: str | None = None,
    retake: bool = False,
) -> Staged:
    """Rows of a collection as a derivation, for any stage: the fields x to predict from, and y.

    `fold` takes the rows of a fold, by the content of x. With a `name` it is taken once, and later
    calls, in any process, give the same without reading a row; `retake` takes it again.

    Raises BadRow for a row without y, BadStage for no rows, BadDatabase for a name that has other
    fields.
    """
    _check_words(x, y, name)
    fields = (x,) if isinstance(x, str) else tuple(x)
    reader = Reader(collection, fields, y, fold)
    stage = SnapshotStage(_stage_name(collection.name))
    told = {
        "x": list(fields),
        "y": y,
        "fold": list(fold) if isinstance(fold, tuple) else fold,
        "fields": {key: one.describe() for key, one in reader.fields.items()},
    }
    if name is not None and not retake:
        known = port_of(collection.database).snapshot(collection.name, name)
        if known is not None:
            _check_same(name, {**told, **_where(reader)}, known)
            return stage.of(known["config"], reader)
    _check_may_take(name)
    config = _taken(stage, reader, told)
    if name is None:
        return stage.of(config, reader)
    told = {**told, **_where(reader)}
    known = port_of(collection.database).record_snapshot(
        collection.name,
        name,
        {"dref": str(stage.of(config, reader).dref), "config": {**told, "config": config}},
        retake=retake,
    )
    _check_same(name, told, known)
    return stage.of(known["config"], reader)


def _check_words(x: Any, y: Any, name: Any) -> None:
    """Raises BadField for what names no fields, or is no name."""
    names = [x] if isinstance(x, str) else x
    is_list = isinstance(names, list | tuple) and all(isinstance(one, str) for one in names)
    if not is_list or not isinstance(y, str | None):
        raise BadField(
            "x is the name of a field, or a list of names, and y is one name",
            x=repr(x)[:80],
            y=repr(y)[:80],
            remedy="snapshot(x='img', y='label'), snapshot(x=['img', 'likes'], y='label'); for "
            "some of the rows: collection.where(collection['age'] > 17).snapshot(…)",
        )
    is_name = isinstance(name, str) and name and name.isprintable()
    if name is not None and not is_name:
        raise BadField(
            "this is no name of a snapshot",
            given=repr(name)[:80],
            remedy="take a text without control characters: name='first'",
        )


def _taken(stage: SnapshotStage, reader: Reader, told: Mapping[str, Any]) -> dict[str, Any]:
    """The config of the rows as they are now, which are written as well."""
    with reader.reading():
        digest = Digest(reader)
        digest.note_all()
        if not digest.count:
            raise BadStage(
                "a snapshot of no rows",
                collection=reader.collection.name,
                fold=told["fold"],
                left_out=_reasons(reader) or None,
                remedy="insert rows first; or take other rows",
            )
        config = {
            "name": stage.stage_name,
            "snapshot": digest.root(),
            "count": digest.count,
            **{key: told[key] for key in ("x", "y", "fields")},
            "recipe": RECIPE,
        }
        _tell_left_out(reader)
        realize(stage.of(config, reader))
    return config


def _stage_name(table: str) -> str:
    """The name of a stage for a table, whose name may have other letters."""
    return check_name(re.sub("[^A-Za-z0-9_-]", "-", table)[:100])


def _reasons(reader: Reader) -> str:
    return "; ".join(f"{number} x {reason}" for reason, number in reader.left_out.items())


def _check_may_take(name: str | None) -> None:
    """Raises BadStage where a file is only loaded: another process would take another snapshot."""
    file = file_that_is_loaded()
    if file is None:
        return
    if name is None:
        raise BadStage(
            "a snapshot without a name is taken anew whenever the file is loaded",
            file=file,
            because="a service would follow a training on rows that nobody has trained on",
            remedy="name it: collection.snapshot(…, name='first')",
        )
    raise BadStage(
        f"the snapshot {name} was not taken yet",
        file=file,
        remedy=f"run the file once: python {file}",
    )


def _tell_left_out(reader: Reader) -> None:
    if reader.left_out:
        left = counted(reader.left_out.total(), "row")
        warnings.warn(
            f"{left} left out of a snapshot: {_reasons(reader)}", PystoreWarning, stacklevel=5
        )


def _where(reader: Reader) -> dict[str, Any]:
    """What is recorded of where rows come from: the condition and the places of fields.

    Of the values in the condition, which may be secret, it is a digest.
    """
    collection = reader.collection
    values = short("pystore condition values 1", repr(collection.condition_values).encode())
    places = {name: field.at or name for name, field in reader.fields.items()}
    return {"where": collection.condition_text, "values": values, "places": places}


def _check_same(name: str, told: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raises BadDatabase for other fields; another condition is told, since it may move (SN4)."""
    moving = {"where": "another condition", "values": "other values in it", "places": "other paths"}
    other = [key for key in told if key not in moving and told[key] != known[key]]
    if other:
        raise BadDatabase(
            f"the snapshot {name} was taken with another {other[0]}",
            has=known[other[0]],
            given=told[other[0]],
            remedy="give this one another name; retake=True takes it again under this name",
        )
    moved = [key for key in moving if told[key] != known.get(key, told[key])]
    if moved:
        had = known["places" if moved == ["places"] else "where"]
        warnings.warn(
            f"the snapshot {name} is used as it was taken, with {moving[moved[0]]}: {had}; "
            "retake=True takes it again, and another name takes another one",
            PystoreWarning,
            stacklevel=4,
        )


def _declare() -> None:
    """Rows of a collection."""
