"""Columns: aligned rows of text, cut at the edge of a terminal, and whole elsewhere."""

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from unicodedata import category, east_asian_width

import click

from ...ask.experiments.table import written
from ...core.printable import printable

Style = Callable[[str], str]

_GAP = "  "
_BEGINNING = 20  # cells of the last column that must fit; the rest may be cut
_WIDE = 40  # cells of another column that must fit


def columns(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Collection[str] = (),
    spare: Sequence[str] = (),
    styles: Callable[[Sequence[str]], Style | None] = lambda row: None,
) -> str:
    """The rows below a header; the columns named in `right` are aligned to the right.

    In a narrow terminal the columns named in `spare` are left out, the first of them first.
    `styles` gives the colour of a row.
    """
    body = [tuple(row) for row in rows]
    given = list(zip(header, *body, strict=True))
    simple = all(map(str.isascii, map("".join, given)))  # as most tables are: a cell a character
    widths = [max(map(len if simple else cells, column)) for column in given]
    to_right = [name in right for name in header]
    places = _fitting(header, widths, spare)
    if not to_right[-1]:
        widths[-1] = 0
    room = terminal_width()
    aligned = _aligned(widths, to_right, places, simple=simple)
    lines = [click.style(_cut(aligned(header), room), bold=True)]
    for row in body:
        style = styles(row)
        line = _cut(aligned(row), room)
        lines.append(style(line) if style else line)
    return "\n".join(lines)


def facts(pairs: Iterable[tuple[str, str]], *, whole: bool = False) -> str:
    """A line for each name and value; with `whole`, no line is cut."""
    known = list(pairs)
    width = max((cells(name) for name, _ in known), default=0)
    lines = (f"{_GAP}{_pad(name, width)}{_GAP}{text}".rstrip() for name, text in known)
    return "\n".join(lines if whole else map(cut, lines))


def in_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def ref(given: str) -> str:
    """A reference: its first digits in a terminal, whole elsewhere."""
    return given[:13] if in_terminal() else given


def value(given: object) -> str:
    """A parameter: its beginning in a terminal, whole elsewhere."""
    return printable(written(given) if in_terminal() else written(given, None))


def terminal_width() -> int | None:
    """How many characters a line of the terminal has; None when there is no terminal."""
    if not in_terminal():
        return None
    from shutil import get_terminal_size  # it imports all compressors

    return get_terminal_size().columns


def cut(line: str) -> str:
    """The line, as far as the terminal shows it."""
    return _cut(line, terminal_width())


def _cut(line: str, room: int | None) -> str:
    if room is None or cells(line) <= room:
        return line
    used = 0
    for place, character in enumerate(line):
        used += cells(character)
        if used >= room:  # the last cell has the sign that there is more
            return line[:place] + "…"
    return line


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if category(character) in ("Mn", "Me"):
        return 0  # it is drawn over the character before
    return 2 if east_asian_width(character) in ("W", "F") else 1


def _fitting(header: Sequence[str], widths: Sequence[int], spare: Sequence[str]) -> list[int]:
    """The places of the columns that fit; of wide ones and the last, the beginning must fit."""
    least = [*(min(width, _WIDE) for width in widths[:-1]), min(widths[-1], _BEGINNING)]
    kept, room = list(range(len(header))), terminal_width()
    for name in spare:
        if room is None or sum(least[i] + len(_GAP) for i in kept) - len(_GAP) <= room:
            break
        kept = [i for i in kept if header[i] != name]
    return kept


def _aligned(
    widths: Sequence[int], right: Sequence[bool], places: Sequence[int], *, simple: bool
) -> Callable[[Sequence[str]], str]:
    """A function that makes the line of a row; `simple` says that all texts are ASCII."""
    if simple:
        parts = [f"{{{i}:{'>' if right[i] else '<'}{widths[i] or ''}}}" for i in places]
        form = _GAP.join(parts)
        return lambda row: form.format(*row).rstrip()
    return lambda row: _GAP.join(_pad(row[i], widths[i], right[i]) for i in places).rstrip()


def _pad(text: str, width: int, right: bool = False) -> str:
    if text.isascii():
        return text.rjust(width) if right else text.ljust(width)
    space = " " * (width - cells(text))
    return space + text if right else text + space
