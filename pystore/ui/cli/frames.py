"""Frames: the lines of the user's own files at which an error arose."""

import os
import re
import traceback
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from ...declare.identity.project import file_of_project

_DEEPEST = 8  # frames in an error
_FRAME = re.compile(r'^ *File "(.+?)", line (\d+), in (.+)\n(?: {4}(.*)\n)?', re.M)

Frame = tuple[str, int | None, str, str]  # file, line, function, the text of the line


def frames(error: BaseException) -> str:
    """The lines of the user's own files that led to the error, innermost last; "" if none did."""
    found = [
        (f.filename, f.lineno, f.name, f.line or "")
        for f in traceback.extract_tb(error.__traceback__)
    ]
    lines = _told(found)
    if not lines:  # the traceback of another process came as text
        lines = _told((f, int(n), name, text) for f, n, name, text in _FRAME.findall(str(error)))
    if isinstance(error, SyntaxError) and error.filename and error.text:
        lines.append(f"{_near(error.filename)}:{error.lineno}\n  {error.text.strip()}")
    return "\n".join(lines)


def _told(found: Iterable[Frame]) -> list[str]:
    own = [frame for frame in found if not frame[0].startswith("<") and file_of_project(frame[0])]
    runs = [(frame, len(list(same))) for frame, same in groupby(own)]  # it may have recursed
    return [_line(frame, count) for frame, count in runs[-_DEEPEST:]]


def _line(frame: Frame, count: int) -> str:
    file, line, function, text = frame
    often = f", {count} times" if count > 1 else ""
    return f"{_near(file)}:{line} in {function}{often}\n  {text.strip()}"


def _near(file: str) -> str:
    """The path as one would type it here."""
    path, here = Path(file), Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else file
