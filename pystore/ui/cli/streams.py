"""Streams: standard input, output and error as the command line wants them."""

import codecs
import os
import sys
from collections.abc import Iterator
from io import IncrementalNewlineDecoder, TextIOWrapper
from typing import TextIO

from ...core.printable import printable

_SHOWN = "pystore shown"
_REFUSE = ("strict", "surrogateescape")  # what Python chooses, the second in the C locale


def _shown(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""What is written where an encoding lacks it: `\u2605`; a byte of a name as it is."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    try:
        return text.encode("ascii", "surrogateescape"), error.end
    except UnicodeEncodeError:
        return codecs.backslashreplace_errors(error)


codecs.register_error(_SHOWN, _shown)


def prepare() -> None:
    """Sees to it that 0, 1 and 2 are open, and that any text can be written to output."""
    _open_missing()
    # Standard error never refuses a character; output does, in the encoding of a terminal or pipe.
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors in _REFUSE:
        sys.stdout.reconfigure(errors=_SHOWN)


def _open_missing() -> None:
    """Opens 0, 1 and 2 where they are closed: a file of the store must not become one of them."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        if descriptor == 1:
            sys.stdout = os.fdopen(1, "w")
        elif descriptor == 2:
            sys.stderr = os.fdopen(2, "w")
    os.close(descriptor)


def calm(pieces: Iterator[bytes], stream: TextIO) -> Iterator[bytes]:
    r"""Bytes for a stream: on a terminal, which they could steer, with escapes as `\x1b`.

    Elsewhere as they are. Lines stay lines; what a bar has painted over stands on lines of its own.
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
    return calmed.encode(stream.encoding, _SHOWN)
