"""Ledger: predictions by model and key, and what each listener shows of them.

LD1  A prediction is made once for a model and a content, however many rows have it.
LD2  A reader sees one model at a time: one statement changes from one to the next.
LD3  No lock is held while a model runs: what is worked on is claimed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..core.printable import listed
from .connections import Connections
from .errors import BadDatabase
from .sql import statements
from .tracking import NEVER, Failure, Tracking, due_again

_LEASE = 60.0  # [s]
UNNAMED = "prediction"  # the name of an output without a name

Made = tuple[bytes, Any | Failure]
"""A key with its prediction, a dict of outputs, or with what went wrong."""


class Standing(NamedTuple):
    """What a listener shows, what it fills, and whether the latter has each row."""

    shown: int | None
    target: int | None
    is_full: bool


@dataclass(frozen=True)
class Entry:
    """A listener as it is recorded: one field of one collection, one predictor."""

    collection: str
    name: str
    field: str
    predictor: str
    follows: str
    outputs: Mapping[str, str]


class Ledger:
    """The predictions of one listener, in the tables of ours."""

    def __init__(self, entry: Entry, tracking: Tracking) -> None:
        self.entry = entry
        self.tracking = tracking
        self.database: Connections = tracking.database
        tables = self.database.tables
        self._models, self._made, self._own = tables.models, tables.predictions, tables.listeners

    # --- the listener

    def register(self, connection: sa.Connection) -> None:
        """Records the listener. Raises BadDatabase when its name has another field or predictor."""
        own, entry = self._own, self.entry
        told = {
            "field": entry.field,
            "predictor": entry.predictor,
            "follows": entry.follows,
            "outputs": dict(entry.outputs),
        }
        new = self.database.insert(own).values(
            collection=entry.collection, name=entry.name, is_full=False, **told
        )
        connection.execute(new.on_conflict_do_nothing())
        found = connection.execute(sa.select(own).where(*self._mine())).mappings().one()
        other = [key for key in ("field", "predictor") if found[key] != told[key]]
        if other:
            raise BadDatabase(
                f"the listener {entry.name} of {entry.collection} has another {listed(other)}",
                has=", ".join(str(found[key]) for key in other),
                given=", ".join(str(told[key]) for key in other),
                remedy="give this one another name: listen(…, name='other'), or remove the old one",
            )
        connection.execute(sa.update(own).where(*self._mine()).values(**told))

    def _mine(self) -> tuple[Any, ...]:
        return self._own.c.collection == self.entry.collection, self._own.c.name == self.entry.name

    def standing(self) -> Standing | None:
        """What is shown and what is filled; None when the listener was removed."""
        own = self._own.c
        with self.database.read() as connection:
            query = sa.select(own.shown, own.target, own.is_full).where(*self._mine())
            row = connection.execute(query).first()
        return None if row is None else Standing(*row)

    def note(self, process: str, note: str | None, behind_since: float | None) -> None:
        """Records that a process is at work, since when it is behind, and what keeps it."""
        values = {
            "alive": time.time(), "process": process, "note": note, "behind_since": behind_since
        }  # fmt: skip
        with self.database.write() as connection:
            connection.execute(sa.update(self._own).where(*self._mine()).values(**values))

    def ended(self, process: str) -> None:
        """Records that a process is no longer at work."""
        with self.database.write() as connection:
            mine = sa.update(self._own).where(*self._mine(), self._own.c.process == process)
            connection.execute(mine.values(alive=None))

    def take(self, rref: str, code: str) -> Standing:
        """Makes a model the one to fill; the first one is shown at once."""
        own, models = self._own, self._models
        with self.database.write() as connection:
            model = self._model(connection, rref, code)
            query = sa.select(own.c.shown, own.c.target, own.c.is_full).where(*self._mine())
            now = Standing(*connection.execute(query).one())
            shown = model if now.shown is None else now.shown
            is_full = now.is_full and now.target == model
            new = {"target": model, "shown": shown, "is_full": is_full}
            connection.execute(sa.update(own).where(*self._mine()).values(**new))
        assert models is not None
        return Standing(shown, model, is_full)

    def _model(self, connection: sa.Connection, rref: str, code: str) -> int:
        models = self._models
        new = self.database.insert(models).values(rref=rref, code=code)
        connection.execute(new.on_conflict_do_nothing())
        same = (models.c.rref == rref, models.c.code == code)
        return int(connection.execute(sa.select(models.c.id).where(*same)).scalar_one())

    def model(self, number: int) -> tuple[str, str]:
        """The realization and the code of a model."""
        models = self._models.c
        with self.database.read() as connection:
            query = sa.select(models.rref, models.code).where(models.id == number)
            rref, code = connection.execute(query).one()
        return rref, code

    # --- what is there

    def there(self, connection: sa.Connection, model: int, keys: Sequence[bytes]) -> set[bytes]:
        """Those of these keys that have a prediction, or that failed for good."""
        made, found = self._made.c, set()
        is_done = made.value.is_not(None) | made.error.is_not(None)
        for at in range(0, len(keys), 500):
            some = list(keys[at : at + 500])
            query = sa.select(made.key).where(made.model == model, made.key.in_(some), is_done)
            found |= set(map(bytes, connection.scalars(query)))
        return found

    def claim_due(self, model: int, most: int, owner: int) -> list[bytes]:
        """Keys whose prediction is due again, or was left to be made; ours from now on (LD3)."""
        made, now = self._made, time.time()
        waiting = (made.c.model == model, made.c.value.is_(None), made.c.due <= now)
        wanted = sa.select(made.c.key).where(*waiting).limit(most)
        with self.database.read() as connection:
            if connection.execute(wanted.limit(1)).first() is None:
                return []
        if self.database.is_postgres:
            wanted = wanted.with_for_update(skip_locked=True)
        taken = (
            sa.update(made)
            .where(made.c.model == model, made.c.key.in_(wanted))
            .values(due=now + _LEASE, owner=owner)
            .returning(made.c.key)
        )
        with self.database.write() as connection:
            return list(map(bytes, connection.scalars(taken)))

    def claim_missing(
        self, model: int, after: bytes, most: int, owner: int
    ) -> tuple[list[bytes], bytes | None]:
        """Keys of rows without a prediction, in the order of the keys, and where to go on.

        Those that another process works on are left out. None: there are no more.
        """
        made, state = self._made, self.tracking.state
        same = (made.c.model == model) & (made.c.key == state.c.key)
        query = (
            sa.select(state.c.key)
            .outerjoin(made, same)
            .where(state.c.key > after, made.c.key.is_(None))
            .distinct()
            .order_by(state.c.key)
            .limit(most)
        )
        with self.database.read() as connection:
            keys = list(map(bytes, connection.scalars(query)))
        if not keys:
            return [], None
        return self.claim(model, keys, owner), keys[-1]

    def claim(self, model: int, keys: Sequence[bytes], owner: int | None) -> list[bytes]:
        """Those of these keys that nobody has claimed; they are ours, or left to be done."""
        made = self._made
        due = time.time() + _LEASE if owner is not None else 0.0
        rows = [
            {"model": model, "key": key, "due": due, "tries": 0, "owner": owner}
            for key in sorted(keys)
        ]
        new = self.database.insert(made).on_conflict_do_nothing().returning(made.c.key)
        with self.database.write() as connection:
            return list(map(bytes, connection.scalars(new, rows)))

    # --- what is made

    def put(self, connection: sa.Connection, model: int, made: Iterable[Made]) -> None:
        """Keeps predictions and failures; a prediction that is there stays (LD1)."""
        ordered = sorted(made, key=lambda pair: pair[0])
        values = [(key, one) for key, one in ordered if not isinstance(one, Failure)]
        failures = [(key, one) for key, one in ordered if isinstance(one, Failure)]
        if values:
            self._put_values(connection, model, values)
        if failures:
            self._put_failures(connection, model, failures)

    def _put_values(
        self, connection: sa.Connection, model: int, values: Sequence[tuple[bytes, Any]]
    ) -> None:
        now = time.time()
        if self.database.is_postgres:
            quote, table = self.database.quoted, self._made
            text = statements("postgresql")["put_values"]
            filled = text.replace("{predictions}", quote(table.name, table.schema))
            bound = {
                "models": [model] * len(values),
                "keys": [key for key, _ in values],
                "values": [json.dumps(one) for _, one in values],
                "made": now,
            }
            connection.execute(sa.text(filled), bound)
            return
        rows = [
            {"model": model, "key": key, "value": one, "made": now, "tries": 0}
            for key, one in values
        ]
        self._upsert(connection, rows, ("value", "made", "due", "error", "phase", "owner"))

    def _put_failures(
        self, connection: sa.Connection, model: int, failures: Sequence[tuple[bytes, Failure]]
    ) -> None:
        made, now = self._made.c, time.time()
        keys = [key for key, _ in failures]
        query = sa.select(made.key, made.tries).where(made.model == model, made.key.in_(keys))
        tried = {bytes(row.key): row.tries for row in connection.execute(query)}
        rows = []
        for key, failure in failures:
            tries = tried.get(key, 0) + 1
            due = due_again(tries, failure.is_final, now)
            told = {"error": failure.error, "phase": failure.phase, "due": due, "tries": tries}
            rows.append({"model": model, "key": key, "owner": None, **told})
        self._upsert(connection, rows, ("error", "phase", "due", "tries", "owner"))

    def _upsert(
        self, connection: sa.Connection, rows: list[dict[str, Any]], change: Sequence[str]
    ) -> None:
        new = self.database.insert(self._made)
        changed = {name: new.excluded[name] for name in change}
        index = [self._made.c.model, self._made.c.key]
        is_free = self._made.c.value.is_(None)
        statement = new.on_conflict_do_update(index_elements=index, set_=changed, where=is_free)
        connection.execute(statement, rows)

    def drop(self, connection: sa.Connection, model: int, keys: Sequence[bytes]) -> None:
        """Forgets claims of keys that no row has any more."""
        made = self._made
        if keys:
            gone = (made.c.model == model, made.c.key.in_(list(keys)), made.c.value.is_(None))
            connection.execute(sa.delete(made).where(*gone))

    # --- swap

    def tell_others(self, connection: sa.Connection, keys: Sequence[bytes], own: set[int]) -> None:
        """Leaves these keys to be predicted by the models of other listeners of the source."""
        others = self._other_models(connection) - own
        new = self.database.insert(self._made).on_conflict_do_nothing()
        rows = [
            {"model": model, "key": key, "due": 0.0, "tries": 0}
            for model in sorted(others)
            for key in sorted(keys)
        ]
        if rows:
            connection.execute(new, rows)

    def _other_models(self, connection: sa.Connection) -> set[int]:
        own, entry = self._own.c, self.entry
        query = sa.select(own.shown, own.target).where(
            own.collection == entry.collection, own.field == entry.field, own.name != entry.name
        )
        return {model for row in connection.execute(query) for model in row if model is not None}

    def swap(self, standing: Standing, most_lost: float) -> tuple[bool, float]:
        """Shows the target when nothing is left to do for it: (whether it did, share lost).

        `most_lost` is the share of what the shown model could predict and the target cannot.
        """
        with self.database.write() as connection:
            if self._is_left(connection, standing.target):
                return False, 0.0
            lost = self._lost(connection, standing)
            if lost > most_lost:
                return False, lost
            same = (*self._mine(), self._own.c.target == standing.target)
            new = {"shown": standing.target, "is_full": True}
            connection.execute(sa.update(self._own).where(*same).values(**new))
        return True, lost

    def _is_left(self, connection: sa.Connection, model: int | None) -> bool:
        made = self._made.c
        waiting = (made.model == model, made.value.is_(None), made.error.is_(None))
        return connection.execute(sa.select(made.key).where(*waiting).limit(1)).first() is not None

    def _lost(self, connection: sa.Connection, standing: Standing) -> float:
        """The share of keys with a prediction of the shown model for which the target failed."""
        if standing.shown in (None, standing.target):
            return 0.0
        old, new = self._made.alias("old"), self._made.alias("new")
        key = self.tracking.state.c.key
        has_row = sa.exists(sa.select(key).where(key == old.c.key))
        could = (old.c.model == standing.shown, old.c.value.is_not(None), has_row)
        total = connection.scalar(sa.select(sa.func.count()).select_from(old).where(*could)) or 0
        fails = sa.select(sa.func.count()).select_from(
            old.join(new, (new.c.key == old.c.key) & (new.c.model == standing.target))
        )
        failed = connection.scalar(fails.where(*could, new.c.error.is_not(None))) or 0
        return failed / total if total else 0.0

    def free(self, owner: int) -> None:
        """Frees what a process that is gone had claimed."""
        made = self._made
        mine = (made.c.owner == owner, made.c.value.is_(None), made.c.error.is_(None))
        models = self._listened()
        with self.database.write() as connection:
            waiting = sa.update(made).where(*mine, made.c.model.in_(models))
            connection.execute(waiting.values(due=0.0, owner=None))

    def _listened(self) -> Any:
        own = self._own.c
        mine = (own.collection == self.entry.collection, own.name == self.entry.name)
        return sa.union(sa.select(own.shown).where(*mine), sa.select(own.target).where(*mine))

    def retry(self) -> int:
        """Makes what has failed work to do again: fetching, decoding and predicting."""
        made = self._made
        failed = (made.c.error.is_not(None), made.c.model.in_(self._listened()))
        with self.database.write() as connection:
            again = sa.update(made).where(*failed)
            told = connection.execute(again.values(due=0.0, tries=0, error=None, phase=None))
            return int(told.rowcount) + self.tracking.retry(connection)

    def is_idle(self) -> bool:
        """Whether nothing is to be done now: no new row, nothing due, the target has each row."""
        state, made, now = self.tracking.state.c, self._made.c, time.time()
        standing = self.standing()
        if standing is None:
            return True
        if standing.target is None or not standing.is_full:
            return False
        new = (state.key.is_(None), (state.due <= now) | state.owner.is_not(None))
        models = {standing.shown, standing.target} - {None}
        waits = (made.due <= now) | made.owner.is_not(None) | (made.error.is_(None))
        due = (made.model.in_(models), made.value.is_(None), waits)
        with self.database.read() as connection:
            is_new = connection.execute(sa.select(state.stamp).where(*new).limit(1)).first()
            is_due = connection.execute(sa.select(made.key).where(*due).limit(1)).first()
        return is_new is None and is_due is None

    def failed_for_good(self) -> int:
        """How many rows and contents are not tried again."""
        state, made = self.tracking.state.c, self._made.c
        rows = sa.select(sa.func.count()).where(state.error.is_not(None), state.due >= NEVER)
        shown = sa.select(self._own.c.shown).where(*self._mine()).scalar_subquery()
        final = (made.model == shown, made.error.is_not(None), made.due.is_(None))
        has_row = sa.exists(sa.select(state.key).where(state.key == made.key))
        contents = sa.select(sa.func.count()).where(*final, has_row)
        with self.database.read() as connection:
            return int(connection.scalar(rows) or 0) + int(connection.scalar(contents) or 0)

    def forget_deleted(self) -> None:
        """Removes what was made of deleted rows whose content no other row has."""
        tables, state = self.database.tables, self.tracking.state.c
        gone = tables.deleted
        mine = gone.c.source == self.tracking.source.name
        is_used = sa.exists(sa.select(state.key).where(state.key == gone.c.key))
        keys = sa.select(gone.c.key).where(mine, ~is_used)
        with self.database.write() as connection:
            found = list(map(bytes, connection.scalars(keys)))
            for table in (tables.predictions, tables.fetched):
                connection.execute(sa.delete(table).where(table.c.key.in_(found)))
            connection.execute(sa.delete(gone).where(mine))

    def has_others(self, connection: sa.Connection) -> bool:
        """Whether other listeners have the same source."""
        own, entry = self._own.c, self.entry
        same = (own.collection == entry.collection, own.field == entry.field)
        query = sa.select(own.name).where(*same, own.name != entry.name).limit(1)
        return connection.execute(query).first() is not None

    def remove(self, connection: sa.Connection) -> None:
        """Forgets the listener; predictions stay."""
        connection.execute(sa.delete(self._own).where(*self._mine()))
