"""Moment: a time as people write it: a date, a span before now, or what was built last."""

import re
import time
from datetime import UTC, datetime

from ...core.errors import BadRef, PystoreError
from ...core.instants import nanoseconds
from ...store.store import Store
from .attempts import newest_first
from .short_refs import find_refs

_SPAN = re.compile(r"(\d+)\s*([smhdw])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def moment(text: str, store: Store) -> int:
    """The time [ns since the epoch, UTC] that a date, a span before now, or a reference means."""
    if span := _SPAN.match(text):
        return time.time_ns() - int(span[1]) * _SECONDS[span[2]] * 10**9
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        pass  # it may be a reference
    else:
        return nanoseconds(told if told.tzinfo else told.replace(tzinfo=UTC))
    try:
        refs = find_refs(text, code="any", store=store)
        built = [attempt.stop for attempt in newest_first(refs, store)]
    except PystoreError as error:
        raise error.having(also="it is no time either: 2026-11-21, 3h, 2d") from None
    if not built:
        raise BadRef("nothing was ever built of this", given=text, remedy="name another, or a time")
    return max(built)
