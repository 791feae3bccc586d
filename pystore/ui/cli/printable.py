"""Printable: names, numbers and times as a terminal may be given them, on one line."""

import os
import sys
from datetime import UTC, datetime

from ...model.refs import DRef, RRef

_STEPS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def printable(text: str | bytes) -> str:
    r"""The text with what could steer a terminal, or is no UTF-8, as escapes: `\x1b`, `\n`."""
    text = os.fsdecode(text)
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":  # a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def in_terminal() -> bool:
    """Whether a person sees what is printed."""
    return sys.stdout.isatty()


def ref(given: DRef | RRef) -> str:
    """A reference: its first digits in a terminal, whole elsewhere."""
    return given[:13] if in_terminal() else given


def size(count: float) -> str:
    """A number of bytes, in three digits or so."""
    for step, unit in _STEPS:
        if count >= step * 0.9995:
            return f"{count / step:.3g} {unit}"
    return f"{count:.0f} B"


def when(time: int | None) -> str:
    """A time [ns since the epoch], in UTC; empty for none."""
    if time is None:
        return ""
    return datetime.fromtimestamp(time // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """How long, in the two largest units."""
    whole = round(seconds)
    if seconds < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def number(value: float) -> str:
    """A metric, in six digits."""
    return f"{value:.6g}"
