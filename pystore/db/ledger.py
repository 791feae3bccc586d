"""Ledger: predictions by model and key, and what each listener shows of them.

LE1  A prediction is made once for a model and a content, however many rows have it.
LE2  A reader sees one model at a time: one statement changes from one to the next.
LE3  No lock is held while a model runs: what is worked on is claimed.
LE4  A row that comes while a model takes over has a prediction of that model, too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from .register import Entry, Register, Standing
from .sql import filled, statements
from .tracking import NEVER, Failure, Tracking, due_again

_LEASE = 60.0  # [s]
_AGAIN = 0.5  # [s] until a content is looked for again whose row was just changed
_SOME = 5000  # values in one statement

Made = tuple[bytes, Any | Failure]
"""A key with its prediction, a dict of outputs, or with what went wrong."""


class Ledger(Register):
    """The predictions of one listener, in the tables of ours."""

    def __init__(self, entry: Entry, tracking: Tracking) -> None:
        super().__init__(entry, tracking)
        self._made = self.database.tables.predictions

    # --- what is there

    def there(
        self, connection: sa.Connection, models: Collection[int], keys: Sequence[bytes]
    ) -> set[tuple[int, bytes]]:
        """Those of these models and keys that have a prediction, or that failed."""
        if self.database.is_postgres:
            bound = {"models": sorted(models), "keys": list(keys)}
            there = connection.exec_driver_sql(self._text("there"), bound).all()
            return {(model, bytes(key)) for model, key in there}
        found: set[tuple[int, bytes]] = set()
        for at in range(0, len(keys), _SOME):
            some = keys[at : at + _SOME]
            words = {"models": ", ".join("?" * len(models)), "keys": ", ".join("?" * len(some))}
            text = self._text("there", **words)
            there = connection.exec_driver_sql(text, (*models, *some)).all()
            found |= {*map(tuple, there)}
        return found

    def _one_of(self, column: Any, keys: Sequence[bytes]) -> Any:
        """Whether a column has one of these keys."""
        if not self.database.is_postgres:
            return column.in_(list(keys))
        return column == sa.func.any(sa.bindparam(None, list(keys), ARRAY(sa.LargeBinary)))

    # --- claims

    def claim_due(self, model: int, most: int, owner: int) -> list[bytes]:
        """Keys whose prediction is due again, or was left to be made; ours from now on (LE3)."""
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
        with self.database.work() as connection:
            return list(map(bytes, connection.scalars(taken)))

    def claim_missing(
        self, model: int, after: bytes, most: int, owner: int
    ) -> tuple[list[bytes], bytes | None]:
        """Those of the next keys of rows that have no prediction, and where to go on.

        Those that another process works on are left out. None: there are no more.
        """
        key = self.tracking.state.c.key
        query = sa.select(key).where(key > after).distinct().order_by(key).limit(most)
        with self.database.look() as connection:
            keys = [bytes(key) for [key] in connection.execute(query).all()]
            there = self.there(connection, [model], keys)
        missing = [key for key in keys if (model, key) not in there]
        claimed = self.claim(model, missing, owner) if missing else []
        return claimed, keys[-1] if len(keys) == most else None

    def claim(self, model: int, keys: Sequence[bytes], owner: int) -> list[bytes]:
        """Those of these keys that nobody has claimed; they are ours from now on."""
        with self.database.work() as connection:
            return self._insert(connection, [model], keys, time.time() + _LEASE, owner)

    def leave(
        self, connection: sa.Connection, models: Collection[int], keys: Collection[bytes]
    ) -> None:
        """Leaves keys to be predicted by whoever has these models; what is there stays."""
        if models and keys:
            self._insert(connection, models, keys, 0.0, None)

    def _insert(
        self,
        connection: sa.Connection,
        models: Collection[int],
        keys: Collection[bytes],
        due: float,
        owner: int | None,
    ) -> list[bytes]:
        # Sorted, so that two processes never wait for each other in a circle.
        pairs = [(model, key) for model in sorted(models) for key in sorted(keys)]
        if self.database.is_postgres:
            bound = {
                "models": [model for model, _ in pairs],
                "keys": [key for _, key in pairs],
                "due": due,
                "owner": owner,
            }
            new = connection.exec_driver_sql(self._text("claim_keys"), bound).all()
            return [bytes(key) for [key] in new]
        new = self.database.insert(self._made).on_conflict_do_nothing()
        rows = [
            {"model": model, "key": key, "due": due, "tries": 0, "owner": owner}
            for model, key in pairs
        ]
        return list(map(bytes, connection.scalars(new.returning(self._made.c.key), rows)))

    def _text(self, name: str, **words: str) -> str:
        """A statement on the table of predictions, as the driver takes it."""
        quote, table = self.database.quoted, self._made
        known = statements(self.database.engine.dialect.name)[name]
        return filled(known, {"predictions": quote(table.name, table.schema), **words})

    # --- what is made

    def put(self, connection: sa.Connection, model: int, made: Iterable[Made]) -> None:
        """Keeps predictions and failures; a prediction that is there stays (LE1)."""
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
            bound = {
                "models": [model] * len(values),
                "keys": [key for key, _ in values],
                "values": [json.dumps(one) for _, one in values],
                "made": now,
            }
            connection.exec_driver_sql(self._text("put_values"), bound)
            return
        rows = [(model, key, json.dumps(one), now) for key, one in values]
        connection.exec_driver_sql(self._text("put_values"), rows)

    def _put_failures(
        self, connection: sa.Connection, model: int, failures: Sequence[tuple[bytes, Failure]]
    ) -> None:
        made, now = self._made.c, time.time()
        keys = [key for key, _ in failures]
        query = sa.select(made.key, made.tries).where(
            made.model == model, self._one_of(made.key, keys)
        )
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
        """Gives up claims of keys whose row was not found; goes on with those that a row has."""
        if not keys:
            return
        made, key = self._made, self.tracking.state.c.key
        mine = (made.c.model == model, self._one_of(made.c.key, keys), made.c.value.is_(None))
        has_row = sa.exists(sa.select(key).where(key == made.c.key))
        later = sa.update(made).where(*mine, has_row)
        connection.execute(later.values(due=time.time() + _AGAIN, owner=None))
        connection.execute(sa.delete(made).where(*mine, ~has_row))

    # --- swap

    def swap(self, standing: Standing, most_lost: float) -> tuple[bool, float]:
        """Shows the target when nothing is left to do for it: (whether it did, share lost).

        `most_lost` is the share of what the shown model could predict and the target cannot.
        """
        target = standing.target
        with self.database.read() as connection:  # this takes long, and needs no lock
            if self._is_pending(connection, target) or self._is_missing(connection, target):
                return False, 0.0
            lost = self._lost(connection, standing)
        if lost > most_lost:
            return False, lost
        same = (*self._mine(), self._own.c.target == target)
        with self.database.write() as connection:
            # Rows that came meanwhile were left to be done (LE4), and no others come now.
            locked = sa.select(self._own.c.name).where(*same).with_for_update()
            is_same = connection.execute(locked).first() is not None
            if not is_same or self._is_pending(connection, target):
                return False, 0.0
            new = {"shown": target, "is_full": True}
            connection.execute(sa.update(self._own).where(*same).values(**new))
        return True, lost

    def _is_pending(self, connection: sa.Connection, model: int | None) -> bool:
        """Whether a prediction of a model is left to be made, or somebody makes it."""
        made = self._made.c
        waiting = (made.model == model, made.value.is_(None), made.error.is_(None))
        return connection.execute(sa.select(made.key).where(*waiting).limit(1)).first() is not None

    def _is_missing(self, connection: sa.Connection, model: int | None) -> bool:
        """Whether nobody has begun with the content of a row."""
        made, key = self._made.c, self.tracking.state.c.key
        has = sa.exists(sa.select(made.key).where(made.model == model, made.key == key))
        missing = sa.select(key).where(key.is_not(None), ~has).limit(1)
        return connection.execute(missing).first() is not None

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

    def owners(self, connection: sa.Connection) -> set[int]:
        """The processes that have claims of predictions of this listener."""
        made = self._made.c
        mine = (made.value.is_(None), made.owner.is_not(None), made.model.in_(self._listened()))
        return set(connection.scalars(sa.select(made.owner).where(*mine).distinct()))

    def free(self, owner: int) -> None:
        """Frees what a process that is gone had claimed."""
        made = self._made
        mine = (made.c.owner == owner, made.c.value.is_(None))
        models = self._listened()
        with self.database.write() as connection:
            waiting = sa.update(made).where(*mine, made.c.model.in_(models))
            connection.execute(waiting.values(due=0.0, owner=None))

    def _listened(self) -> Any:
        own = self._own.c
        mine = self._mine()
        return sa.union(sa.select(own.shown).where(*mine), sa.select(own.target).where(*mine))

    def retry(self) -> int:
        """Makes what has failed work to do again: fetching, decoding and predicting."""
        made = self._made
        failed = (made.c.error.is_not(None), made.c.model.in_(self._listened()))
        with self.database.write() as connection:
            again = sa.update(made).where(*failed)
            told = connection.execute(again.values(due=0.0, tries=0, error=None, phase=None))
            return int(told.rowcount) + self.tracking.retry(connection)

    def is_idle(self, models: Collection[int]) -> bool:
        """Whether nothing is to be done now by those who have these models."""
        state, made, now = self.tracking.state.c, self._made.c, time.time()
        standing = self.standing()
        if standing is None:
            return True
        if standing.target is None or not standing.is_full:
            return False
        new = (state.key.is_(None), (state.due <= now) | state.owner.is_not(None))
        waits = (made.due <= now) | made.owner.is_not(None) | (made.error.is_(None))
        due = (made.model.in_({*models, standing.target}), made.value.is_(None), waits)
        with self.database.look() as connection:
            is_new = connection.execute(sa.select(state.stamp).where(*new).limit(1)).first()
            is_due = connection.execute(sa.select(made.key).where(*due).limit(1)).first()
        return is_new is None and is_due is None

    def failed_for_good(self) -> int:
        """How many rows are not tried again: those of them, and those of their contents."""
        state, made = self.tracking.state.c, self._made.c
        rows = sa.select(sa.func.count()).where(state.error.is_not(None), state.due >= NEVER)
        shown = sa.select(self._own.c.shown).where(*self._mine()).scalar_subquery()
        final = (made.model == shown, made.error.is_not(None), made.due.is_(None))
        contents = sa.select(sa.func.count()).where(*final, state.key == made.key)
        with self.database.read() as connection:
            return int(connection.scalar(rows) or 0) + int(connection.scalar(contents) or 0)
