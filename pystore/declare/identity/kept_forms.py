"""Kept forms: the code and the normal forms of a file, as an earlier process has found them.

KF1  They are used for the very same text only, and for the same Python, options of its compiler,
     and source of the modules that make normal forms. Times and names of files say nothing.
KF2  A file that is damaged, or in a folder that others than the user may write, is as no file; so
     are one that others may write, and whatever else is in its place, such as a folder or a link.
     Loaded code that is not in it is looked for in the source.
KF3  Digests are the same with kept forms and without them.

They are written when Python ends, to the cache folder of the user, and can be removed at any time.
"""

import marshal
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from ...core.errors import Corrupted
from ...core.version import __version__
from ...store import caching, disk
from .compiled import Compiled, by_name
from .normal import Normal
from .scope import Import, Read

SMALLEST = 2**10  # [characters] a shorter text is parsed in the time in which a file is read
LARGEST = 2**20  # [characters]
MOST_FILES = 500  # the oldest ones go
MOST_BYTES = 2**26  # of all files

_HEAD = 32  # [bytes] of each of the two digests before the content

Key = tuple[int, str]  # the first line of a function, and its name
FormKey = tuple[Key, tuple[bool, ...], tuple[str, ...]]  # with what is read of it, and its cells


class Unparsed(NamedTuple):
    """A function in a text that need not be parsed."""

    first: int  # line, that of a decorator if it has one
    name: str
    lineno: int
    end_lineno: int
    roots: tuple[str, ...]  # the names with which its decorators begin


class Kept:
    """What is kept of one text."""

    def __init__(self, functions: Iterable[Any], forms: dict[FormKey, Any], top: CodeType) -> None:
        self.functions = {(one[0], one[1]): Unparsed(*one) for one in functions}
        self.forms = forms
        self.codes: Compiled = by_name(top)

    def form(self, key: FormKey) -> Normal | None:
        """A normal form of a function; None if it is not kept."""
        found = self.forms.get(key)
        return None if found is None else _normal(*found)


class Place(NamedTuple):
    """The file in which is kept what was found of one text."""

    path: Path
    key: bytes

    def read(self) -> Kept | None:
        """What is kept; None if there is no file, or one that is not believed (KF2)."""
        try:
            if not _is_ours_alone(os.lstat(self.path)):
                return None
            content = disk.read(self.path)
        except (OSError, Corrupted):
            return None
        body = memoryview(content)[2 * _HEAD :]
        if content[: 2 * _HEAD] != self.key + _digest(body):
            return None
        return Kept(*marshal.loads(body))

    def write(
        self,
        functions: Iterable[Unparsed],
        forms: dict[FormKey, Normal],
        more: dict[FormKey, Any],
        top: CodeType,
    ) -> None:
        """Keeps functions, forms of them, forms that were kept before, and the code of the text.

        Whatever hinders that costs only time later.
        """
        plain = more | {key: _plain(form) for key, form in forms.items()}
        body = marshal.dumps(([tuple(one) for one in functions], plain, top))
        with suppress(OSError):
            caching.make_room(self.path.parent, MOST_FILES, MOST_BYTES)
            content = self.key + _digest(body) + body
            disk.put(str(self.path), content, tmp=self.path.parent, durable=False)


def form_key(function: Key, read: Read, cells: frozenset[str]) -> FormKey:
    """The key of a normal form."""
    return function, tuple(read), tuple(sorted(cells))


def place_of(text: str) -> Place | None:
    """The place of a text; None where nothing of it is kept."""
    if _SOURCES is None or not SMALLEST <= len(text) <= LARGEST:
        return None
    folder = caching.folder("code")
    if folder is None:
        return None
    key = _digest(_makers() + text.encode("utf-8", "surrogatepass"))
    return Place(folder / key.hex()[:32], key)


@cache
def _makers() -> bytes:
    """What makes forms and code of a text: pystore, Python and the options of its compiler."""
    probe = compile('def f():\n "text"\n assert f\n', "", "exec", dont_inherit=True)
    # Format 2, since later ones depend on what else the process holds.
    kind = sys.implementation.cache_tag
    sources = [_digest(one) for one in _SOURCES or ()]
    told = (__version__, sys.version, kind, marshal.dumps(probe, 2), sources)
    return _digest(repr(told).encode())


def _digest(data: bytes | memoryview) -> bytes:
    from blake3 import blake3  # for weight, and for Pythons that lack it

    return bytes(blake3(data).digest())


def _sources() -> list[bytes] | None:
    """The source of the modules that make normal forms; None where there is none."""
    try:
        return [Path(__file__).with_name(f"{name}.py").read_bytes() for name in _OF_FORMS]
    except OSError:
        return None


_OF_FORMS = (
    "compiled", "functions", "kept_forms", "listing", "normal", "parsing", "scope", "walker",
)  # fmt: skip
# Read now: later, the files may be those of another version than the modules of this process.
_SOURCES = _sources()


def _plain(form: Normal) -> tuple[Any, ...]:
    imports = tuple((i.bound, i.module, i.level, i.name, i.attributes) for i in form.imports)
    return form.text, tuple(form.uses), imports, tuple(map(_plain, form.decorators)), form.cells


def _normal(text: str, uses: Any, imports: Any, decorators: Any, cells: Any) -> Normal:
    inner = tuple(_normal(*one) for one in decorators)
    return Normal(text, dict.fromkeys(uses), tuple(Import(*one) for one in imports), inner, cells)


def _is_ours_alone(status: os.stat_result) -> bool:
    """Whether this is a file of the user that nobody else may write."""
    is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    return is_ours and not caching.is_open(status)
