"""Listeners: functions that are told of events, and that change nothing for who tells them.

LN1  An exception of a listener becomes a warning; the work and the other listeners go on.
"""

import warnings

from .errors import PystoreWarning
from .events import Event, Listener, ignore


def both(first: Listener, second: Listener) -> Listener:
    """The listener that tells two listeners."""
    if first is ignore or second is ignore:
        return second if first is ignore else first

    def tell(event: Event) -> None:
        first(event)
        second(event)

    return tell


def guarded(listener: Listener) -> Listener:
    """The listener, whose first exception is told as a warning; later ones are dropped.

    What is no Exception passes, as Ctrl-C and SystemExit do.
    """
    if listener is ignore:
        return listener
    raised: list[Exception] = []

    def tell(event: Event) -> None:
        try:
            listener(event)
        except Exception as error:
            if not raised:
                raised.append(error)
                _warn(event, error)

    return tell


def _warn(event: Event, error: Exception) -> None:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    assert place is not None
    warnings.warn_explicit(
        f"a listener raised {type(error).__name__}: {error}, when it was told of "
        f"{type(event).__name__}; the call goes on",
        PystoreWarning,
        place.tb_frame.f_code.co_filename,
        place.tb_lineno,
    )
