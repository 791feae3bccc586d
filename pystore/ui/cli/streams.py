"""Streams: standard input, output and error, open and safe for any text."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import IncrementalNewlineDecoder, TextIOWrapper
from typing import TextIO

from ...core.printable import printable

_ESCAPED = "pystore escaped"
_REFUSE = ("strict", "surrogateescape")  # Python's own choices, the second in the C locale


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""A character that the encoding lacks, as `\u2605`; a byte of a name stays as it is."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    try:
        return text.encode("ascii", "surrogateescape"), error.end
    except UnicodeEncodeError:
        return codecs.backslashreplace_errors(error)


codecs.register_error(_ESCAPED, _escaped)


def prepare() -> None:
    """Opens 0, 1 and 2 if they are closed, and lets any text be written to standard output."""
    _open_missing()
    # Standard error never refuses a character; output does if its encoding lacks it.
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors in _REFUSE:
        sys.stdout.reconfigure(errors=_ESCAPED)


def _open_missing() -> None:
    """Opens 0, 1 and 2 if they are closed: a file of the store must not become one of them."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        if descriptor == 1:
            sys.stdout = os.fdopen(1, "w")
        elif descriptor == 2:
            sys.stderr = os.fdopen(2, "w")
    os.close(descriptor)


@contextmanager
def standard_output(alone: bool) -> Iterator[TextIO]:
    """Standard output; with `alone`, other output of this process goes to standard error."""
    sys.stdout.flush()
    saved = os.dup(1)
    if alone:
        os.dup2(2, 1)
    out = os.fdopen(saved, "w", 1, "utf-8", closefd=False)
    try:
        yield out
    finally:
        try:
            out.close()
        except OSError:
            pass  # its reader has gone, which must not hide how the run ended
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def calm(pieces: Iterator[bytes], stream: TextIO) -> Iterator[bytes]:
    r"""Bytes for a stream. For a terminal, escapes that could steer it become text: `\x1b`.

    Lines stay lines; each state of a bar that was painted over gets a line of its own.
    """
    if not stream.isatty():
        yield from pieces
        return
    bytewise = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    decoder = IncrementalNewlineDecoder(bytewise, translate=True)
    for piece in pieces:
        yield _calmed(decoder.decode(piece), stream)
    yield _calmed(decoder.decode(b"", final=True), stream)


def _calmed(text: str, stream: TextIO) -> bytes:
    calmed = "".join(c if c in "\n\t" else printable(c) for c in text)
    return calmed.encode(stream.encoding, _ESCAPED)
