"""Announcing: PostgreSQL tells whoever listens which rows have a prediction to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from .source import Pk

_MOST = 7000  # [bytes] of a payload; PostgreSQL takes 8000


def channel_of(collection: str, listener: str) -> str:
    """The name of the notifications of a listener."""
    return f"pystore_ready_{collection}_{listener}".replace(".", "_")[:63]


def announce(connection: sa.Connection, channel: str, pks: Sequence[Pk] | None) -> None:
    """Sends the keys of rows as lists in JSON when the transaction ends; `null` for all rows."""
    payloads = ["null"] if pks is None else _payloads(pks)
    for payload in payloads:
        connection.execute(sa.select(sa.func.pg_notify(channel, payload)))


def _payloads(pks: Sequence[Pk]) -> Iterator[str]:
    some: list[Any] = []
    size = 0
    for pk in pks:
        one = json.dumps(pk[0] if len(pk) == 1 else list(pk), default=str)
        if size + len(one.encode()) + 2 > _MOST and some:
            yield f"[{', '.join(some)}]"
            some, size = [], 0
        some.append(one)
        size += len(one.encode()) + 2
    if some:
        yield f"[{', '.join(some)}]"
