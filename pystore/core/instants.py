"""Instants: moments of time as whole nanoseconds since the epoch."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def nanoseconds(moment: datetime) -> int:
    """The moment [ns since the epoch, UTC], exactly. It must have a time zone."""
    return (moment - _EPOCH) // _MICROSECOND * 1000


def utc(time: int) -> datetime:
    """The moment at a time [ns since the epoch], in UTC, cut to the microsecond: never later."""
    return _EPOCH + time // 1000 * _MICROSECOND
