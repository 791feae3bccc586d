"""Unpacked: the tree that an untrusted archive is unpacked into.

UN1  Every path consists of plain names below the root; no step of it is a link.
UN2  No path is written twice, nor two paths that a file system could confuse.
UN3  Links are made last, when nothing is written any more, and lead to inside of the root.
UN4  Only files, directories and links are made; of the modes, only the exec bit counts.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO
from unicodedata import normalize

from pystore.errors import UnsafeArchive

from .limits import Limits

_DEEPEST = 100  # directories
_LONGEST_PATH = 1024  # [bytes]
_LONGEST_NAME = 255  # [bytes]


class Unpacked:
    """The content of one archive below `root`, where the names `taken` are in use."""

    def __init__(self, root: Path, limits: Limits, taken: Iterable[str] = ()) -> None:
        self.root = root
        self._limits = limits
        self._names: dict[str, str] = {}  # as a file system may see a name → as it is written
        self._folders = {""}
        self._files: set[str] = set()
        self._links: list[tuple[str, str]] = []
        for name in taken:
            self._claim(name)

    def folder(self, name: str) -> None:
        """Makes a directory, and the directories above it, where they are missing."""
        self._make_folders("/".join(steps_of(name)))

    def file(self, name: str, *, executable: bool) -> BinaryIO:
        """A new file, open for writing."""
        path = self._place(name)
        self._files.add(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.root / path, flags, 0o755 if executable else 0o644)
        return os.fdopen(descriptor, "wb")

    def link(self, name: str, target: str) -> None:
        """Remembers a symbolic link for `finish`."""
        path = self._place(name)
        _check_target(path, target)
        self._links.append((path, target))

    def hard_link(self, name: str, target: str) -> None:
        """A second name of a file that was written before."""
        path, old = self._place(name), "/".join(steps_of(target))
        if old not in self._files:
            raise _unsafe("a hard link to what is no file of the archive", name, target=target)
        os.link(self.root / old, self.root / path, follow_symlinks=False)
        self._files.add(path)

    def finish(self) -> None:
        """Makes the links."""
        for path, target in self._links:
            os.symlink(target, self.root / path)

    def _place(self, name: str) -> str:
        steps = steps_of(name)
        if not steps:
            raise _unsafe("a file without a name", name)
        self._make_folders("/".join(steps[:-1]))
        path = "/".join(steps)
        if path in self._folders:
            raise _unsafe("a file where a directory is", name)
        self._claim(path)
        return path

    def _make_folders(self, path: str) -> None:
        if path in self._folders:
            return
        above, _, _ = path.rpartition("/")
        self._make_folders(above)  # at most as deep as `steps_of` allows
        self._claim(path)
        os.mkdir(self.root / path)
        self._folders.add(path)

    def _claim(self, path: str) -> None:
        seen = normalize("NFC", normalize("NFC", path).casefold())
        if seen in self._names:
            raise _unsafe("two names that are one, or may be one", path, other=self._names[seen])
        self._names[seen] = path
        self._limits.check_members(len(self._names))


def steps_of(name: str) -> list[str]:
    """The steps of a path from the root. Raises UnsafeArchive (UN1)."""
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError:
        raise _unsafe("a name that is no text", name) from None
    steps = [step for step in name.split("/") if step not in ("", ".")]
    if name.startswith("/"):
        raise _unsafe("an absolute name", name)
    if ".." in steps:
        raise _unsafe("a name that leads outside", name)
    if "\0" in name:
        raise _unsafe("a name that holds NUL", name)
    if len(steps) > _DEEPEST:
        raise _unsafe(f"a name deeper than {_DEEPEST} directories", name)
    if size > _LONGEST_PATH or any(len(os.fsencode(step)) > _LONGEST_NAME for step in steps):
        raise _unsafe(
            f"a name longer than {_LONGEST_NAME} bytes, or a path than {_LONGEST_PATH}", name
        )
    return steps


def _check_target(path: str, target: str) -> None:
    # The directories above `path` are no links, so `..` at the start leads to the one above. After
    # a name it might not: the name may be that of a link.
    steps = [step for step in target.split("/") if step not in ("", ".")]
    up = next((i for i, step in enumerate(steps) if step != ".."), len(steps))
    if not target or target.startswith("/") or up > path.count("/") or ".." in steps[up:]:
        raise _unsafe("a link that leads, or may lead, outside", path, target=target)
    steps_of("/".join(steps[up:]))


def _unsafe(what: str, member: str, **facts: str) -> UnsafeArchive:
    return UnsafeArchive(
        f"the archive holds {what}",
        member=ascii(member)[:200],
        **{key: ascii(value)[:200] for key, value in facts.items()},
        remedy="do not trust it; if it is yours, pack it again without this",
    )
