"""Instants: moments of time as whole nanoseconds since the epoch."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def nanoseconds(moment: datetime) -> int:
    """The moment [ns since the epoch, UTC], exactly. It must have a time zone."""
    return (moment - _EPOCH) // _MICROSECOND * 1000
