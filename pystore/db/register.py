"""Register: the listeners as they are recorded: what each shows, and what it fills.

EN1  A name means one field and one predictor: another one is refused, and removes nothing.
EN2  Where an output is declared as another type, no prediction of before is shown as one of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..core.dataclasses import dataclass
from ..core.outputs import UNNAMED
from ..core.printable import listed
from .connections import Connections
from .errors import BadDatabase
from .tracking import Tracking


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
    writes: tuple[str, ...] = ()  # the columns of the table that it fills

    @classmethod
    def of(cls, recorded: Any) -> Entry:
        """The entry of a listener that is recorded, without the columns that it fills."""
        names = ("collection", "name", "field", "predictor", "follows")
        return cls(**{name: recorded[name] for name in names}, outputs=dict(recorded["outputs"]))

    def check_same(self, recorded: Any) -> None:
        """Raises BadDatabase where its name is recorded for another field or predictor (EN1)."""
        given = {"field": self.field, "predictor": self.predictor}
        other = [key for key in given if recorded[key] != given[key]]
        if other:
            raise BadDatabase(
                f"the listener {self.name} of {self.collection} has another {listed(other)}",
                has=", ".join(str(recorded[key]) for key in other),
                given=", ".join(given[key] for key in other),
                remedy="give this one another name: listen(…, name='other'), or remove the old one",
            )

    def shows_others(self, recorded: Mapping[str, str]) -> bool:
        """Whether predictions with these outputs are none of what is declared now (EN2)."""
        both = recorded.keys() & self.outputs.keys()
        is_other = any(recorded[name] != self.outputs[name] for name in both)
        return is_other or (UNNAMED in recorded) != (UNNAMED in self.outputs)


class Register:
    """One listener among those that are recorded."""

    def __init__(self, entry: Entry, tracking: Tracking) -> None:
        self.entry = entry
        self.tracking = tracking
        self.database: Connections = tracking.database
        tables = self.database.tables
        self._models, self._own = tables.models, tables.listeners

    def register(self, connection: sa.Connection) -> None:
        """Records the listener. Raises BadDatabase when its name has another field or predictor."""
        own, entry = self._own, self.entry
        told: dict[str, Any] = {
            "field": entry.field,
            "predictor": entry.predictor,
            "follows": entry.follows,
            "outputs": dict(entry.outputs),
            "writes": [*entry.writes],
        }
        new = self.database.insert(own).values(
            collection=entry.collection, name=entry.name, is_full=False, **told
        )
        connection.execute(new.on_conflict_do_nothing())
        found = connection.execute(sa.select(own).where(*self._mine())).mappings().one()
        entry.check_same(found)
        if entry.shows_others(found["outputs"]):
            told |= {"shown": None, "target": None, "is_full": False}
        connection.execute(sa.update(own).where(*self._mine()).values(**told))
        self._check_writes(connection)

    def _check_writes(self, connection: sa.Connection) -> None:
        """Raises BadDatabase where another listener fills the same column."""
        own, entry = self._own.c, self.entry
        query = sa.select(own.name, own.writes).where(
            own.collection == entry.collection, own.name != entry.name
        )
        for name, columns in connection.execute(query) if entry.writes else ():
            if both := {*(columns or ())} & {*entry.writes}:
                raise BadDatabase(
                    f"the listener {name} fills {listed(sorted(both))} already",
                    collection=entry.collection,
                    remedy="name another column in write_back, or remove that listener",
                )

    def _mine(self) -> tuple[Any, ...]:
        return self._own.c.collection == self.entry.collection, self._own.c.name == self.entry.name

    def recorded(self, connection: sa.Connection) -> Any:
        """What is recorded under its name; None where nothing is."""
        if not sa.inspect(connection).has_table(self._own.name, schema=self._own.schema):
            return None
        query = sa.select(self._own).where(*self._mine())
        return connection.execute(query).mappings().one_or_none()

    def standing(self) -> Standing | None:
        """What is shown and what is filled; None when the listener was removed."""
        own = self._own.c
        with self.database.read() as connection:
            query = sa.select(own.shown, own.target, own.is_full).where(*self._mine())
            row = connection.execute(query).first()
        return None if row is None else Standing(*row)

    def was_removed(self) -> bool:
        """Whether somebody has removed it; where the tables are gone, nobody has."""
        with self.database.read() as connection:
            if not sa.inspect(connection).has_table(self._own.name, schema=self._own.schema):
                return False
        return self.standing() is None

    def note(self, process: str, note: str | None, behind_since: float | None) -> None:
        """Records that a process is at work, since when it is behind, and what keeps it."""
        values = {
            "alive": time.time(), "process": process, "note": note, "behind_since": behind_since
        }  # fmt: skip
        with self.database.work() as connection:
            connection.execute(sa.update(self._own).where(*self._mine()).values(**values))

    def ended(self, process: str) -> None:
        """Records that a process is no longer at work."""
        with self.database.write() as connection:
            mine = sa.update(self._own).where(*self._mine(), self._own.c.process == process)
            connection.execute(mine.values(alive=None))

    def take(self, rref: str, code: str) -> Standing | None:
        """Makes a model the one to fill; the first one is shown at once. None: it was removed."""
        own = self._own
        with self.database.write() as connection:
            model = self._model(connection, rref, code)
            query = sa.select(own.c.shown, own.c.target, own.c.is_full).where(*self._mine())
            row = connection.execute(query.with_for_update()).first()
            if row is None:
                return None
            now = Standing(*row)
            shown = model if now.shown is None else now.shown
            is_full = now.is_full and now.target == model
            new = {"target": model, "shown": shown, "is_full": is_full}
            connection.execute(sa.update(own).where(*self._mine()).values(**new))
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

    def needed(self, connection: sa.Connection) -> set[int]:
        """The models that a new row needs: what is filled here, and all of other listeners.

        None of these listeners takes or shows another model before the transaction ends.
        """
        own, entry = self._own.c, self.entry
        same = (own.collection == entry.collection, own.field == entry.field)
        query = sa.select(own.name, own.shown, own.target).where(*same).order_by(own.name)
        found = set()
        for name, shown, target in connection.execute(query.with_for_update(read=True)):
            found |= {target} if name == entry.name else {shown, target}
        return found - {None}

    def others(self, connection: sa.Connection) -> list[Entry]:
        """The other listeners of the same source."""
        own, entry = self._own.c, self.entry
        same = (own.collection == entry.collection, own.field == entry.field)
        query = sa.select(self._own).where(*same, own.name != entry.name)
        return [Entry.of(row) for row in connection.execute(query).mappings()]

    def remove(self, connection: sa.Connection) -> None:
        """Forgets the listener; predictions stay."""
        connection.execute(sa.delete(self._own).where(*self._mine()))
