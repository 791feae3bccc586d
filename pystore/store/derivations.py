"""Derivations on disk: each has a folder, which holds the canonical text of its config."""

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.config import Config
from ..core.errors import BadConfig, Corrupted, PystoreWarning
from ..core.later import later
from ..core.printable import counted, listed
from ..core.refs import DRef
from . import disk, rights
from .descriptors import Kept
from .layout import Layout, entries, well_formed

if TYPE_CHECKING:
    from . import syncing, trash, tree
    from .parts import Parts
else:
    later(globals(), ".syncing", ".trash", ".tree")

_AT_ONCE = 1000  # derivations whose folders are made together


def known(layout: Layout) -> list[DRef]:
    """The derivations on disk, sorted. Those that we may not read are left out, with a warning."""
    found = sorted(well_formed(DRef, (f"dref:{name}" for name in entries(str(layout.drv)))))
    hidden = [dref for dref in found if not _is_open(layout, dref)]
    if hidden:
        who = (rights.obstacle(layout.derivation(dref), "it is left out") for dref in hidden)
        warnings.warn(
            f"{counted(len(hidden), 'derivation')} cannot be read: {listed(who, '; ')}",
            PystoreWarning,
            stacklevel=3,
        )
        found = sorted({*found} - {*hidden})
    return found


def _is_open(layout: Layout, dref: DRef) -> bool:
    return rights.can_read(layout.derivation(dref)) and rights.can_read(layout.attempts(dref))


def read(layout: Layout, dref: DRef) -> Config:
    """The config of a derivation. Raises FileNotFoundError, Corrupted."""
    text = disk.read(layout.config(dref))
    try:
        config = Config.parse(text)
    except BadConfig as error:
        raise Corrupted(str(error)) from None
    if config.dref != dref:
        raise Corrupted(f"its text is that of {config.dref}")
    return config


def knows(layout: Layout, config: Config) -> bool:
    """Whether a derivation is on disk, with the right text."""
    try:
        return disk.read(layout.config(config.dref)) == config.text.encode()
    except (FileNotFoundError, Corrupted):
        return False


def take_place(layout: Layout, dref: DRef) -> None:
    """Removes a link that has the name of the folder: its target may be anywhere."""
    home = layout.derivation(dref)
    if os.path.islink(home):
        trash.discard_litter(layout, Path(home))


def _write(layout: Layout, configs: Sequence[Config], *, durable: bool) -> None:
    """Makes the folder of each derivation by one rename. Call it in the gate; then sync `drv/`."""
    staged = [f"{layout.tmp}/{disk.fresh_name()}" for _ in configs]
    witness = Kept(layout.tmp, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for path, config in zip(staged, configs, strict=True):
            rights.make_folder(path)
            rights.make_folder(f"{path}/attempts")
            disk.write_new(f"{path}/config.json", config.text.encode(), durable=False)
        if durable:
            syncing.sync_new([*(f"{path}/config.json" for path in staged), *staged], witness)
        for path, config in zip(staged, configs, strict=True):
            _place(layout, path, config, durable=durable)
    except BaseException:
        for path in staged:
            tree.remove(Path(path))
        raise
    finally:
        witness.close()


def _place(layout: Layout, staged: str, config: Config, *, durable: bool) -> None:
    home = layout.derivation(config.dref)
    try:
        os.rename(staged, home)
    except OSError:
        tree.remove(Path(staged))
        if not os.path.isdir(home):
            raise
        _mend(layout, config, durable=durable)


def record(parts: "Parts", configs: Iterable[Config]) -> None:
    """Makes sure that these derivations are on disk, and survive a power cut."""
    layout, durable = parts.layout, parts.durable
    unknown = [config for config in configs if not knows(layout, config)]
    if unknown:
        with parts.session.open_gate():
            for start in range(0, len(unknown), _AT_ONCE):
                _write(layout, unknown[start : start + _AT_ONCE], durable=durable)
        if durable:
            disk.sync_directory(layout.drv)


def _mend(layout: Layout, config: Config, *, durable: bool) -> None:
    # Another process made the folder, or the folder lost its config.
    home = layout.derivation(config.dref)
    rights.ensure_folder(f"{home}/attempts")
    if not knows(layout, config):
        text, path = config.text.encode(), f"{home}/config.json"
        if os.path.isdir(path) and not os.path.islink(path):
            trash.discard_litter(layout, Path(path))  # a user has made a directory with this name
        disk.publish(path, text, tmp=layout.tmp, durable=durable)
