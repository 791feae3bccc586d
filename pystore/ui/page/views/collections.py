"""Collections: who listens to the rows of a database, and the latest rows with predictions.

YC1  No password of the database's URL is shown, and a database that is not there is not made.
YC2  A picture of a row is sent as the bytes that it is stored as, if these begin as a picture.
YC3  The page has another version as soon as it shows something else, and not before.
"""

import json
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ....core.digest import short
from ....core.errors import NotInStore
from ....core.extras import needs_extra
from ....db.errors import BadContent, BadDatabase, BadField
from ...quantities import size
from ..asked import Asked, Picture, Shown
from ..json_twin import as_json
from ..magic import picture_type

if TYPE_CHECKING:
    from ....db.collection import Collection
    from ....db.database import Database
    from ....db.fields import Field

_COLLECTIONS, _ROWS, _MORE = 8, 6, 60  # shown of all, and of one


class Cell(NamedTuple):
    """A value of a row as text, or the address of its picture."""

    text: str
    picture: str = ""


class Rows(NamedTuple):
    """The latest rows of a collection: their keys, cells of fields, and predictions."""

    name: str
    total: int
    fields: list[str]
    listeners: list[str]
    rows: list[tuple[str, list[Cell]]]
    why_not: str = ""  # why its rows cannot be read


def show(asked: Asked) -> Shown:
    """The listeners and the latest rows; without a database, how to name one."""
    if not asked.database:
        return Shown("collections.html", "Collections", {"database": None}, {"database": None})
    database = _opened(asked.database)
    names = database.collections()
    chosen = asked.choice("collection", names, "") if asked.query.get("collection") else ""
    shown = [chosen] if chosen else names[:_COLLECTIONS]
    most = _MORE if chosen else _ROWS
    found = [_rows(asked, database[name], most) for name in shown]
    listeners = database.listeners()
    values = {
        "database": database.name, "listeners": listeners, "found": found, "chosen": chosen,
        "others": [name for name in names if name not in shown],
    }  # fmt: skip
    data = {"collections": names, "listeners": listeners, "rows": [_plain(one) for one in found]}
    digest = short("pystore page rows 1", as_json(data))
    changes = "/collections/changed"
    return Shown("collections.html", "Collections", values, data, changes=changes, version=digest)


def version(asked: Asked) -> str:
    """The version of what `show` shows now; that of an error where it cannot be read."""
    asked.check()
    if not asked.database:
        return ""
    try:
        return show(asked).version
    except BadDatabase as error:
        return short("pystore page error 1", error.what.encode())


def picture(asked: Asked) -> Picture:
    """The picture in a field of a row."""
    database = _opened(asked.database or "")
    name, field = asked.path["name"], asked.query.get("field", "")
    absent = NotInStore("no such picture", remedy="go back to the rows")
    try:
        key = json.loads(asked.query.get("key", ""))
    except (ValueError, RecursionError):
        raise absent from None
    if name not in database.collections() or type(key) not in (int, str):
        raise absent
    collection = database[name]
    if field not in collection.fields or collection.fields[field].fetched is not None:
        raise absent
    with database.read() as connection:
        stored = collection.source(field).contents(connection, [(key,)]).get((key,), (None,))[0]
    kind = picture_type(bytes(stored)) if isinstance(stored, bytes | memoryview) else None
    if kind is None:
        raise absent
    return Picture(bytes(stored), kind)


@cache
def _connected(url: str) -> "Database":
    with needs_extra("db", "a package is missing that opens databases", BadDatabase):
        from ....db.connecting import connect  # for weight: SQLAlchemy
    return connect(url)


def _opened(url: str) -> "Database":
    """The database, which is there (YC1)."""
    if not url:
        raise BadDatabase("there is no such database", remedy="--database URL")
    database = _connected(url)
    database.check_is_there()
    return database


def _rows(asked: Asked, collection: "Collection", most: int) -> Rows:
    try:
        last = collection.last(most)
    except (BadDatabase, BadField) as error:  # its table is gone, or has other columns
        return Rows(collection.name, 0, [], [], [], error.what)
    listeners = list(dict.fromkeys(name for _, _, outputs in last for name in outputs))
    rows = []
    for pk, stored, outputs in last:
        address = _address(asked, collection, pk)
        named = zip(collection.fields.items(), stored, strict=True)
        cells = [_cell(name, field, one, address) for (name, field), one in named]
        cells += [Cell(_text(outputs[name]) if name in outputs else "—") for name in listeners]
        rows.append((", ".join(map(str, pk)), cells))
    return Rows(collection.name, len(collection), [*collection.fields], listeners, rows)


def _address(asked: Asked, collection: "Collection", pk: tuple[Any, ...]) -> Any:
    """Gives the address of the picture in a field; "" where the key is none that JSON has."""
    if len(pk) != 1 or type(pk[0]) not in (int, str):
        return lambda name: ""
    key = json.dumps(pk[0])
    return lambda name: asked.url(f"/picture/{collection.name}", field=name, key=key)


def _cell(name: str, field: "Field", stored: Any, address: Any) -> Cell:
    if stored is None:
        return Cell("—")
    if field.fetched is not None:
        return Cell(_text(stored))  # a URL of somebody else's, which no page follows
    if isinstance(stored, bytes | memoryview):
        kind = picture_type(bytes(stored[:16]))
        return Cell(f"{kind or field.kind}, {size(len(stored))}", address(name) if kind else "")
    try:
        return Cell(_text(field.value(stored) if field.load is None else stored))
    except BadContent:
        return Cell(_text(stored))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 300 else text[:299] + "…"


def _plain(one: Rows) -> dict[str, Any]:
    names = [*one.fields, *one.listeners]
    rows = [
        {"key": key, **{n: cell.text for n, cell in zip(names, cells, strict=True)}}
        for key, cells in one.rows
    ]
    return {"collection": one.name, "count": one.total, "rows": rows}
