"""Failures of fetches, in words that are the same each time the failure is the same.

EQ1  Equal failures read equal: no address, no number and no password of the moment stands in them,
     and no word of a server. The first line says all that a list of failures needs.
"""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, IncompleteRead

from ..errors import FetchRefused, NotFetched

_AGAIN = "it is tried again; if it stays so, ask the owner of the host"
# What may be otherwise soon: a file that is uploaded after its row, a server that is busy.
_LATER = {403, 404, 408, 409, 423, 425, 429}


@contextmanager
def in_our_words(host: str | None, timeout: float) -> Iterator[None]:
    """Makes NotFetched of whatever a network and a server bring about."""
    try:
        yield
    except NotFetched as error:
        raise error.having(host=host) from None
    except (OSError, HTTPException, ValueError) as error:
        raise _failure(error, timeout).having(host=host) from None


def bad_status(status: int) -> NotFetched:
    """The failure of an answer that brings no content."""
    try:
        words = f"{status} {HTTPStatus(status).phrase}"  # the phrase of the server may vary
    except ValueError:
        words = f"{status}"
    if status >= 500 or status in _LATER:
        return NotFetched(f"the server answers {words}", remedy=_AGAIN)
    return FetchRefused(f"the server answers {words}", remedy="check that the URL is right")


def _failure(error: Exception, timeout: float) -> NotFetched:
    if isinstance(error, TimeoutError):
        return NotFetched(
            f"not all had arrived within {timeout:g} s",
            remedy="it is tried again; a longer timeout=… gives the host more time",
        )
    return NotFetched(_words(error), remedy=_AGAIN)


def _words(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        is_busy = error.errno == socket.EAI_AGAIN
        return "no name server answers" if is_busy else "the name of the host is not known"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the host is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "the host does not speak TLS as it should"
    if isinstance(error, ConnectionRefusedError):
        return "the host refuses connections"
    if isinstance(error, ConnectionError | IncompleteRead):
        return "the connection was cut"
    if isinstance(error, OSError) and error.errno:
        return f"the connection failed: {os.strerror(error.errno)}"
    return "the answer is no HTTP"
