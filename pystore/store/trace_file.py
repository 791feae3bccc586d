"""Trace files: the metrics that an attempt told over its steps, below their checksum."""

from collections.abc import Mapping
from functools import lru_cache

from ..core.attempt import Trace
from ..core.digest import short
from ..core.errors import Corrupted
from ..core.extremes import extremes_of
from ..core.warned import warn
from . import disk
from .metrics import parse_trace, trace_text


def text_of(trace: Trace) -> bytes:
    """The text of the file."""
    text = trace_text(trace)
    return short("pystore beside 1", text).encode() + b"\n" + text


def check(content: bytes) -> bytes:
    """The content of a file without its checksum. Raises Corrupted when a byte has changed."""
    checksum, _, text = content.partition(b"\n")
    if checksum.decode("latin-1") != short("pystore beside 1", text):
        raise Corrupted("a file beside an attempt does not match its checksum")
    return text


def read(path: str) -> Trace:
    """The trace in a file; empty where there is none. Raises Corrupted."""
    try:
        return parse_trace(check(disk.read(path)))
    except FileNotFoundError:
        return []


def latest(trace: Trace) -> Trace:
    """The last value of each metric at each step. A second try tells some values again."""
    return list({(step, name): (step, name, value) for step, name, value in trace}.values())


def extremes(path: str, identity: str) -> Mapping[str, Mapping[str, list[float]]] | None:
    """The extremes of the trace of an attempt with this id; None where it is damaged.

    An older version recorded none.
    """
    try:
        return _extremes(path, identity)
    except Corrupted as error:
        warn(f"{error.what}: {path}; its last values count", stacklevel=2)
        return None


@lru_cache(4096)
def _extremes(path: str, identity: str) -> Mapping[str, Mapping[str, list[float]]]:
    return extremes_of(read(path))
