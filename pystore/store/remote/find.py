"""Short references at a remote: a name or first digits lead to a derivation or realization."""

from collections.abc import Sequence

from ...core.errors import BadRef, NotInStore
from ...core.printable import listed
from ...core.refs import DRef, RRef, is_full, may_begin, parse_ref
from ..layout import well_formed
from .remote import Remote

_SHOWN = 10  # candidates in an error


def find_in(remote: Remote, text: str) -> DRef | RRef:
    """The only reference at a remote that begins with a text, or has it as its name.

    A full reference is not looked up. Raises BadRef with the candidates when there are several,
    NotInStore when there is none.
    """
    if text.startswith(("dref:", "rref:")) and is_full(text):
        return parse_ref(text)
    homes = (f"dref:{name}" for name in remote.place.names("drv"))
    drefs = sorted(well_formed(DRef, homes))
    found: Sequence[DRef | RRef] = [dref for dref in drefs if dref.name == text]
    if not found and may_begin(text):
        found = _starting_with(remote, drefs, text)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotInStore(
            "the remote holds nothing of this name, nor what begins so",
            given=text,
            url=remote.url,
            names=listed(sorted({dref.name for dref in drefs})) or "none",
            remedy="write a name, or the first digits of a reference",
        )
    raise BadRef(
        "this may mean several",
        given=text,
        candidates="\n".join(found[:_SHOWN]),
        remedy="write more digits",
    )


def _starting_with(remote: Remote, drefs: list[DRef], text: str) -> list[DRef | RRef]:
    digits = text[5:] if text.startswith(("dref:", "rref:")) else text
    found: list[DRef | RRef] = []
    if not text.startswith("rref:"):
        found += [dref for dref in drefs if dref[5:].startswith(digits)]
    if not text.startswith("dref:"):
        for _, listing in remote.each(remote.listing, drefs):
            found += [rref for rref in listing.realizations if rref[5:].startswith(digits)]
    return found
