"""Pin changes on disk: `pinned/<pin>/<digest>.json`, a file for each change of a pin of this store.

PC1  Changes are only added: they stay when the pin is removed, and copies of stores merge.
PC2  A change is noted before it is made. A crash in between leaves a change that was not made.
PC3  A change that cannot be read is left out with a warning. It hides no other one.
"""

import os
import re
import warnings
from collections.abc import Iterator

from ..core.errors import BadName, Corrupted, PystoreWarning
from ..core.pin_change import PinChange, order, parse_pin_change
from ..core.refs import RRef, is_name
from . import disk, rights
from .reader import Reader
from .writer import writer

_NAME = re.compile(r"[0-9a-f]{32}\.json\Z")


def note_change(store: Reader, pin: str, rref: RRef | None, before: RRef | None, url: str) -> None:
    """Notes a change of a pin (PC2). Call it inside the gate."""
    parts, folder = store.parts, store.parts.layout.pinned / pin
    last = max((change.time for change in pin_history(store, pin)), default=-1)
    change = PinChange(pin, rref, before, max(parts.clock(), last + 1), writer(), url)
    for needed in (folder.parent, folder):
        rights.ensure_folder(needed)
    path = str(folder / f"{change.digest}.json")
    disk.publish(path, change.file_text, tmp=parts.tmp, durable=parts.durable)
    if parts.durable:
        disk.sync_directory(folder.parent)


def pin_history(store: Reader, pin: str | None = None) -> list[PinChange]:
    """The changes of a pin, or of all pins, by pin and first to last."""
    found = []
    for name, file in _files(store, pin):
        try:
            text = disk.read(store.parts.layout.pinned / name / file)
            found.append(parse_pin_change(name, file[:32], text))
        except FileNotFoundError:
            continue
        except Corrupted as error:
            warnings.warn(
                f"a change of pin {name} is left out: {error.what}", PystoreWarning, stacklevel=2
            )
    return sorted(found, key=order)


def damages(store: Reader) -> Iterator[tuple[str, str]]:
    """The paths of damaged changes in the store, and their faults."""
    for name, file in _files(store, None):
        try:
            parse_pin_change(name, file[:32], disk.read(store.parts.layout.pinned / name / file))
        except FileNotFoundError:
            continue
        except Corrupted as error:
            yield f"pinned/{name}/{file}", error.what


def check_known(store: Reader, pin: str, there: object) -> None:
    """Raises BadName when nobody has ever made this pin."""
    known = {name for name, _ in _files(store, None)}
    if not there and pin not in known:
        raise BadName(
            "there was never such a pin",
            name=pin,
            pins=", ".join(sorted(known)) or "none",
            remedy="name one of them" if known else "pin(rref, name) makes one",
        )


def _files(store: Reader, pin: str | None) -> Iterator[tuple[str, str]]:
    """The names of pins, and of the files of their changes."""
    home = store.parts.layout.pinned
    for name in sorted(filter(is_name, _names(str(home)))) if pin is None else [pin]:
        for file in sorted(_names(str(home / name))):
            if _NAME.match(file):
                yield name, file


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
