"""Beside an attempt: its trace, and how the project's files differed; each with its checksum."""

from pathlib import Path
from typing import Literal

from ..model.attempt import Attempt
from ..model.digest import short
from ..model.errors import Corrupted
from . import disk
from .layout import Layout
from .metrics import Trace, parse_trace, trace_text
from .protocol import Told
from .staging import Staging

Suffix = Literal["trace", "diff"]
SUFFIXES: tuple[Suffix, ...] = ("trace", "diff")


def keep(layout: Layout, staged: Staging, told: Told, trace: Trace) -> None:
    """Writes what an attempt told at length."""
    for suffix, text in (("trace", trace_text(trace)), ("diff", told.diff)):
        if text:
            number = staged.begun.number
            path = layout.beside(staged.dref, staged.context.digest, number, suffix)
            disk.publish(path, _checked(text), tmp=layout.tmp, durable=False)


def read(layout: Layout, attempt: Attempt, suffix: Suffix) -> bytes:
    """What an attempt told at length; empty where it told nothing. Raises Corrupted."""
    path = layout.beside(attempt.dref, attempt.context, attempt.number, suffix)
    try:
        return check(disk.read(path))
    except FileNotFoundError:
        return b""


def read_trace(layout: Layout, attempt: Attempt) -> Trace:
    """The metrics that an attempt told over its steps. Raises Corrupted."""
    return parse_trace(read(layout, attempt, "trace"))


def logdir(layout: Layout, staged: Staging) -> Path:
    """A directory beside the record of an attempt, which stays and is not checked."""
    number = staged.begun.number
    path = Path(layout.beside(staged.dref, staged.context.digest, number, "logs"))
    path.mkdir(exist_ok=True)
    return path


def check(content: bytes) -> bytes:
    """What a file beside an attempt says. Raises Corrupted when a byte has changed."""
    checksum, _, text = content.partition(b"\n")
    if checksum.decode("latin-1") != short("pystore beside 1", text):
        raise Corrupted("a file beside an attempt does not match its checksum")
    return text


def _checked(text: bytes) -> bytes:
    return short("pystore beside 1", text).encode() + b"\n" + text
