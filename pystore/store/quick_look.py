"""A quick look at the realizations of one derivation: which of them are sound?

The texts of a sound realization are made from what is found, and compared with its files.

QL1  A realization that is called sound has no damage, as `tree_damages.Looking` finds them. Of the
     others nothing is said: a look at small flat trees alone can be quick.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Literal

from blake3 import blake3

from ..core.context import CONTEXT, parse_provenance, provenance_digest, provenance_end
from ..core.errors import Corrupted
from ..core.manifest import MANIFEST, file_line, manifest_digest, manifest_text
from ..core.refs import RRef
from . import at_once
from .at_once import Read

Dangling = Callable[[RRef], bool]  # whether an input is neither here nor in any record

_Place = tuple[RRef, str]  # a realization, and its folder

_Kind = Literal["file", "folder", "other"]

_KINDS: dict[str, _Kind] = {CONTEXT: "file", MANIFEST: "file", "out": "folder"}
_OTHER = "\udcff"  # in place of the name of what is no file
_FEW = 32  # files in a tree that is looked at
_END = len(provenance_end("0" * 64))


class QuickLook:
    """Looks at realizations of one derivation."""

    def __init__(self, is_dangling: Dangling) -> None:
        self._is_dangling = is_dangling
        self._heads: set[bytes] = set()  # the beginnings of contexts that are sound

    def sound(self, places: Iterable[_Place]) -> Iterator[tuple[RRef, int]]:
        """Those that are found sound, each with the size of its files [bytes]."""
        rest = iter(places)
        while some := list(islice(rest, at_once.MOST)):
            is_quick = False
            with suppress(at_once.NotAtOnceError, OSError):
                for one in self._sound(some):
                    is_quick = True
                    yield one
            if not is_quick:
                return  # trees of one derivation are alike: the others would not be quick either

    def _sound(self, places: list[_Place]) -> Iterator[tuple[RRef, int]]:
        flat = [(rref, home, names) for rref, home in places if (names := _flat(home)) is not None]
        contexts = at_once.texts([f"{home}/{CONTEXT}" for _, home, _ in flat])
        manifests = at_once.texts([f"{home}/{MANIFEST}" for _, home, _ in flat])
        paths = [f"{home}/out/{name}" for _, home, names in flat for name in names]
        files = at_once.read(paths, follow=False)
        for rref, _, names in flat:
            context, manifest = next(contexts), next(manifests)
            text, size = _manifest(names, files)
            if context and text and text == manifest and self._is_context(rref, context, text):
                yield rref, size

    def _is_context(self, rref: RRef, text: bytes, manifest: bytes) -> bool:
        """Whether this is the context of a realization whose manifest has this text."""
        return (
            text[-_END:] == provenance_end(manifest_digest(manifest))
            and provenance_digest(text) == rref.digest
            and (text[:-_END] in self._heads or self._is_sound(rref, text))
        )

    def _is_sound(self, rref: RRef, text: bytes) -> bool:
        try:
            dref, context, _ = parse_provenance(text)
        except Corrupted:
            return False
        needs = (need for needs in context.values() for need in needs)
        if dref != rref.dref or any(map(self._is_dangling, needs)):
            return False
        self._heads.add(text[:-_END])
        return True


def _flat(home: str) -> list[str] | None:
    """The names in the tree of a realization, sorted as in its manifest; None for other trees."""
    with os.scandir(home) as found:
        if {one.name: _kind(one) for one in found} != _KINDS:
            return None
    with os.scandir(f"{home}/out") as found:
        names = [one.name if one.is_file(follow_symlinks=False) else _OTHER for one in found]
    return sorted(names) if len(names) <= _FEW and "".join(names).isascii() else None


def _kind(entry: os.DirEntry[str]) -> _Kind:
    if entry.is_file(follow_symlinks=False):
        return "file"
    return "folder" if entry.is_dir(follow_symlinks=False) else "other"


def _manifest(names: list[str], files: Iterator[Read]) -> tuple[bytes | None, int]:
    """The text of the manifest of these files, and their size.

    None if a file is not small, or can be written.
    """
    lines, total, modes = [], 0, 0
    for name, (mode, content) in zip(names, files, strict=False):
        if content is None:
            modes |= 0o222  # this one file makes it None
            continue
        size, digest = len(content), blake3(content).hexdigest()
        lines.append(file_line(name.replace("%", "%25"), mode & 0o100 != 0, size, digest))
        total, modes = total + size, modes | mode
    return None if modes & 0o7222 else manifest_text(lines), total
