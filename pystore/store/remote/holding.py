"""Holding: what a remote still holds of some realizations, and of all that was built from them.

HO1  An object is named only if nothing else at the remote needs it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from ...core.dataclasses import dataclass
from ...core.errors import PystoreError, in_one_line
from ...core.refs import DRef, RRef
from ..forgotten import downstream
from ..layout import well_formed
from . import names
from .address import WEB, Url, shown_address
from .bill_of_parts import BillOfParts
from .optional_remote import OBJECT_SECONDS
from .remote import Remote, open_remote


@dataclass(frozen=True)
class StillHeld:
    """What a remote holds: realizations, and the objects that are theirs alone."""

    url: str
    rrefs: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    because: str | None = None  # why the remote, or a part of it, was not looked at

    @property
    def command(self) -> str | None:
        """What removes the objects, run while nobody pushes there; None where nothing can."""
        scheme, colon, _ = self.url.partition("://")
        if not self.objects or scheme in WEB:
            return None
        if not colon:
            return shlex.join(["rm", "-f", "--", *(f"{self.url}/{one}" for one in self.objects)])
        return shlex.join(["python", "-c", _PROGRAM.format(self.url, [*self.objects])])


# The package that has pushed to a place can remove objects there.
_PROGRAM = (
    "import fsspec; files, root = fsspec.core.url_to_fs({!r}); "
    "[files.rm(root.rstrip('/') + '/' + name) for name in {!r}]"
)


def still_held(url: Url, rrefs: Iterable[RRef]) -> StillHeld:
    """What the remote at a URL holds of these realizations, and of what was built from them.

    It reads what each realization there consists of. A remote that cannot be asked is told in
    `because`.
    """
    try:
        return _looked(open_remote(url, patience=OBJECT_SECONDS), {*rrefs})
    except (PystoreError, OSError) as error:
        return StillHeld(shown_address(str(url)), because=in_one_line(str(error)))


def _looked(remote: Remote, wanted: set[RRef]) -> StillHeld:
    bills: dict[RRef, BillOfParts] = {}
    unread: list[str] = []
    for rref, read in remote.each(partial(_read, remote), _realizations(remote)):
        if isinstance(read, str):
            unread.append(f"{rref} cannot be read: {read}")
        else:
            bills[rref] = read
    inputs = {
        rref: {one for chosen in bill.context.values() for one in chosen}
        for rref, bill in bills.items()
    }
    found = sorted(downstream(inputs, wanted) & bills.keys())
    objects = [] if unread else _own_objects(bills, found)
    return StillHeld(remote.url, tuple(found), tuple(objects), "; ".join(unread) or None)


def _read(remote: Remote, rref: RRef) -> BillOfParts | str:
    """What a realization consists of; a text where that cannot be read."""
    try:
        return remote.bill(rref)
    except (PystoreError, OSError) as error:
        return in_one_line(str(error))


def _realizations(remote: Remote) -> list[RRef]:
    drefs = sorted(well_formed(DRef, (f"dref:{one}" for one in remote.place.names("drv"))))
    return [rref for _, one in remote.each(remote.listing, drefs) for rref in one.realizations]


def _own_objects(bills: Mapping[RRef, BillOfParts], found: Sequence[RRef]) -> list[str]:
    """The bills of these, and the parts that no other bill names (HO1)."""
    others = {part for rref, bill in bills.items() if rref not in found for part in bill.digests}
    parts = {part for rref in found for part in bills[rref].digests} - others
    return [*map(names.realization, found), *map(names.part, sorted(parts))]
