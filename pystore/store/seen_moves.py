"""Seen moves: what a store remembers of the moves of pins at remotes that it has followed or made.

So it notices when a remote shows an older history, and can put back what a remote has lost.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ..core.digest import short
from . import disk, rights
from .parts import Parts


class SeenMoves:
    """What a store remembers of the pins at one remote: the objects, under their last names."""

    def __init__(self, parts: Parts, url: str) -> None:
        self._parts = parts
        self._home = parts.layout.seen / short("pystore remote 1", url.encode())

    def names(self, pin: str) -> frozenset[str]:
        """The names of the objects about a pin."""
        return frozenset(_names(self._home / pin))

    def read(self, pin: str) -> dict[str, bytes]:
        """The objects about a pin by their names."""
        return {name: disk.read(self._home / pin / name) for name in sorted(self.names(pin))}

    @rights.explained
    def add(self, pin: str, objects: Mapping[str, bytes]) -> None:
        """Remembers objects about a pin."""
        folder = self._home / pin
        for needed in (self._home.parent, self._home, folder):
            rights.ensure_folder(needed)
        tmp, durable = self._parts.tmp, self._parts.durable
        for name, content in objects.items():
            disk.publish(str(folder / name), content, tmp=tmp, durable=durable)


def forget(parts: Parts, pin: str) -> None:
    """Makes sure that nothing is remembered of a pin, at any remote."""
    for folder in _folders(parts, pin):
        for name in _names(folder):
            disk.remove_file(folder / name)
        with suppress(OSError):  # another process remembers something new
            os.rmdir(folder)


def all_seen(parts: Parts) -> Iterator[tuple[str, str, bytes]]:
    """The pin, the name and the content of all that is remembered."""
    for home in _names(parts.layout.seen):
        for pin in _names(parts.layout.seen / home):
            folder = parts.layout.seen / home / pin
            yield from ((pin, name, disk.read(folder / name)) for name in _names(folder))


def _folders(parts: Parts, pin: str) -> Iterator[Path]:
    for home in _names(parts.layout.seen):
        yield parts.layout.seen / home / pin


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
