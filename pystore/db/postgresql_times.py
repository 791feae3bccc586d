"""Times of PostgreSQL: a server has some that Python has not, such as `infinity`, or years B. C.

PZ1  A time that Python does not have is the fault of its row, and holds up no other.
"""

from __future__ import annotations

from typing import Any

_TYPES = ("timestamp", "timestamptz", "date", "time", "timetz")


def read_each_time(connection: Any) -> None:
    """Makes a connection of psycopg give the text of a time that Python does not have (PZ1)."""
    from psycopg import DataError, pq  # for weight, and where it is installed
    from psycopg.adapt import Loader

    known = connection.adapters

    def lenient(kind: str) -> type[Loader]:
        oid = known.types[kind].oid
        strict = known.get_loader(oid, pq.Format.TEXT)

        class Lenient(Loader):
            def __init__(self, oid: int, context: Any = None) -> None:
                super().__init__(oid, context)
                self._load = strict(oid, context).load

            def load(self, data: Any) -> Any:
                try:
                    return self._load(data)
                except DataError:
                    return bytes(data).decode()

        return Lenient

    for kind in _TYPES:
        known.register_loader(kind, lenient(kind))
