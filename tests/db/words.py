"""Words: a collection of words, and a cheap model that shouts them, for tests of listeners."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

import pystore as ps
from pystore import match_best
from pystore.app.answers import predictor
from pystore.db import connect

BEST = match_best("score.txt")
OUTPUTS = {"loud": str, "size": int}


@ps.stage
def fit(width: int = 1, score: float = 0.5, out=ps.output("score.txt")):
    """A model: what it is called is its width, and how good it is its score."""
    out.write_text(f"{score}\n")


def trained(width: int, score: float) -> ps.RRef:
    """A model with this width and score."""
    return ps.realize(fit(width, score), progress=False)


def shouter(
    said: Callable[[Any, list[str]], Any] | None = None,
    *,
    bad: str = "",
    mark: str = "!",
    outputs: dict[str, type] | None = None,
) -> Any:
    """A predictor of words: upper case, with as many marks as the model is wide.

    A word with the letters of `bad` makes it fail; `said` predicts in its place.
    """

    @predictor(of=fit, outputs=OUTPUTS if outputs is None else outputs)
    def shout(model, batch):
        if said is not None:
            return said(model, batch)
        if bad and any(bad in word for word in batch):
            raise ValueError("such a word cannot be shouted")
        return [{"loud": word.upper() + mark * model.width, "size": len(word)} for word in batch]

    return shout


def words_in(url: str, words: Sequence[str] = (), **fields: Any) -> Any:
    """A collection with these words."""
    collection = connect(url).collection("words", word=str, note=str, **fields)
    collection.insert([{"word": word, "note": "-"} for word in words])
    return collection


def done(listener: Any) -> int:
    """Does all that is due; returns how many rows the models were asked about."""
    listener.install()
    listener.run(once=True)
    return int(listener.calls)


def shown(collection: Any, listener: Any) -> dict[str, str | None]:
    """What readers of the view see: each word with what it was shouted as."""
    view = listener.views.names[0]
    if not collection.database.is_sql:
        named = collection.database.named
        loud = {row["_id"]: row.get("loud") for row in named[view].find()}
        return {row.get("word"): loud.get(row["_id"]) for row in named["words"].find()}
    with collection.database.read() as connection:
        own = collection.database.quoted("words")
        query = f"SELECT w.word, v.loud FROM {own} AS w LEFT JOIN {view} AS v ON v.id = w.id"
        return dict(connection.exec_driver_sql(query).all())


def in_view(collection: Any, listener: Any) -> list[dict[str, Any]]:
    """The rows of the view of predictions, each with the key of its row as `id`."""
    view = listener.views.names[0]
    if not collection.database.is_sql:
        found = collection.database.named[view].find()
        return [{"id": row.pop("_id"), "loud": None, **row} for row in found]
    with collection.database.read() as connection:
        query = f"SELECT id, loud, model FROM {view}"
        return [dict(row) for row in connection.exec_driver_sql(query).mappings()]


def drop_fetched(database: Any) -> None:
    """Loses all that was fetched."""
    if not database.is_sql:
        database.ours("fetched").delete_many({})
        return
    with database.write() as connection:
        connection.execute(sa.delete(database.tables.fetched))


def failed(collection: Any, listener: Any) -> list[dict[str, Any]]:
    """The rows of the view of failures."""
    if not collection.database.is_sql:
        found = collection.database.named[listener.views.names[1]].find().sort("_id", 1)
        return [{"id": row.pop("_id"), **row} for row in found]
    with collection.database.read() as connection:
        query = f"SELECT * FROM {listener.views.names[1]} ORDER BY id"
        return [dict(row) for row in connection.exec_driver_sql(query).mappings()]
