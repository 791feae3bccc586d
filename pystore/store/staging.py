"""Staging: the directory that one attempt fills, before it becomes a realization."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from ..model.config import Config
from ..model.context import Context
from ..model.errors import PystoreWarning
from ..model.refs import DRef
from . import disk, locks, tree
from .attempts import Begun
from .layout import Layout
from .opened import Kept
from .scratch import Scratch


@dataclass
class Staging:
    """An output directory and the attempt that it belongs to."""

    path: Path
    config: Config
    context: Context
    begun: Begun
    _claim: Kept | None = None  # its lock says that a living process uses the directory
    scratch: Scratch | None = None  # what the attempt keeps between its tries
    resumed: int | None = None  # the number of the attempt whose scratch was taken over

    @property
    def out(self) -> Path:
        """Where the realizer writes."""
        return self.path / "out"

    @property
    def dref(self) -> DRef:
        """The derivation being realized."""
        return self.config.dref

    def empty(self) -> None:
        """Makes its output directory as new, for another try."""
        tree.remove(self.out)
        os.mkdir(self.out, 0o755)

    def hold(self) -> None:
        """Claims the directory again, where the realizer has closed all that its process had."""
        if self._claim is not None and self._claim.status is None:
            self._claim.close()
            self._claim = locks.claim_folder(self.path)

    def close(self) -> None:
        """Gives up the claims on the directory and on the scratch."""
        if self.scratch is not None:
            self.scratch.close()
        if self._claim is not None:
            self._claim.close()

    def keep(self) -> bool:
        """Leaves the directory for its user, who may mend it and commit it again.

        Returns False, and removes it, when the realizer wrote nothing.
        """
        self.close()
        if not self.out.is_dir() or not os.listdir(self.out):
            tree.remove(self.path)
            return False
        return True

    def discard(self) -> None:
        """Removes the directory; until then, nobody else takes it for one that was left."""
        try:
            tree.remove(self.path)
        finally:
            self.close()


def area(custom_tmp: Path, layout: Layout, identity: str) -> Path:
    """Where the stagings of a store lie, when its user has named a place for them."""
    if custom_tmp.is_relative_to(layout.root):
        return layout.tmp  # gc looks after the store's own directories
    os.makedirs(custom_tmp, exist_ok=True)
    if os.stat(custom_tmp).st_dev == os.stat(layout.tmp).st_dev:
        found = custom_tmp / f"pystore-{identity}"
        os.makedirs(found, exist_ok=True)
        return found
    warnings.warn(
        f"custom_tmp {custom_tmp} is on another device than the store {layout.root}, and a "
        f"commit is one rename within a device: staging stays in {layout.tmp}",
        PystoreWarning,
        stacklevel=3,
    )
    return layout.tmp


def make_folder(tmp: Path, dref: DRef) -> tuple[Path, Kept]:
    """A new staging directory, whose name says what for, and the open file that claims it."""
    path = f"{tmp}/{disk.fresh_name()}-{dref[5:]}"
    os.mkdir(path, 0o755)
    try:
        claim = locks.claim_folder(path, new=True)
        os.mkdir(f"{path}/out", 0o755)
    except BaseException:
        tree.remove(Path(path))
        raise
    return Path(path), claim
