"""Pin history: the moves of a pin at a remote, and which one counts.

PH1  A move counts only where its text is whole and, with trusted keys, one of these has signed it.
     The last one that counts says which realization the pin names.
PH2  A remote that lacks a move which this store has seen is an error, and so is a last move that
     comes before it: nothing older counts any more.
"""

import warnings
from collections.abc import Iterable
from itertools import groupby

from ...core.errors import ChecksumMismatch, FetchError, NotInStore, PystoreWarning, Untrusted
from ...core.printable import listed
from ..seen_moves import SeenMoves
from ..store import Store
from .names import PinListing, number_of
from .pin_move import PinMove
from .remote import Remote


def last_move(remote: Remote, listing: PinListing) -> PinMove | None:
    """The last move that counts; None if there is none (PH1).

    Raises ChecksumMismatch where one that would be the last is damaged.
    """
    passed = 0
    for _, stems in groupby(reversed(listing.stems), number_of):
        there = list(stems)
        found = [m for _, m in remote.each(lambda stem: remote.move(listing, stem), there) if m]
        if found:
            _warn(remote, listing, passed)
            return max(found, key=lambda move: move.order)
        passed += len(there)
    return None


def _warn(remote: Remote, listing: PinListing, passed: int) -> None:
    """Warns of moves that are passed over, or are lacking."""
    told = []
    if passed:
        told.append(f"no trusted key has signed its last {passed}: they are passed over")
    if lacking := listing.lacking:
        told.append(f"it lacks {listed(lacking)}")
    if told:
        warnings.warn(
            f"the moves of pin {listing.pin} at {remote.url}: {'; '.join(told)}",
            PystoreWarning,
            stacklevel=2,
        )


def expected_move(store: Store, remote: Remote, listing: PinListing) -> PinMove:
    """The move that says which realization a pin names now.

    Raises NotInStore when the remote has no such pin, Untrusted when no trusted key has signed
    any of its moves, FetchError when its history is older than the one that was seen (PH2).
    """
    seen = PinListing(listing.pin, SeenMoves(store.parts, remote.url).names(listing.pin))
    check_not_older(remote, listing, seen)
    move = last_move(remote, listing)
    if move is None:
        raise _no_move(remote, listing)
    if move.number < seen.last_number:
        raise _older(remote, listing.pin, f"number {seen.last_number}", f"number {move.number}")
    return move


def check_not_older(remote: Remote, listing: PinListing, seen: PinListing) -> None:
    """Raises FetchError when a remote lacks a move that was seen (PH2)."""
    if lost := sorted({*seen.stems} - {*listing.stems}):
        raise _older(remote, listing.pin, listed(lost), listed(listing.stems[-1:]) or "no move")


def moves_at(remote: Remote, pin: str) -> list[PinMove]:
    """The moves of a pin that count, first to last; a damaged one is left out with a warning."""
    listing = remote.pin_listing(pin)

    def read(stem: str) -> PinMove | None:
        try:
            return remote.move(listing, stem)
        except ChecksumMismatch as error:
            warnings.warn(f"a move of pin {pin} is left out: {error}", PystoreWarning, stacklevel=2)
            return None

    found = [move for _, move in remote.each(read, listing.stems) if move]
    _warn(remote, listing, 0)
    return sorted(found, key=lambda move: move.order)


def _no_move(remote: Remote, listing: PinListing) -> Exception:
    if listing.stems:
        assert remote.trusted is not None, "without keys, each move counts"
        return Untrusted(
            "no trusted key has signed this pin",
            pin=listing.pin,
            url=remote.url,
            trusted=listed(sorted(remote.trusted)),
            remedy="ask who pushed it to push it again with a key that you trust",
        )
    return NotInStore(
        "the remote has no such pin",
        pin=listing.pin,
        url=remote.url,
        pins=_listed(remote.pins()),
        remedy="name one of them, or ask who has it to push it: push((), url, pins=['name'])",
    )


def _older(remote: Remote, pin: str, seen: str, shown: str) -> FetchError:
    return FetchError(
        "the remote shows an older history of a pin than before",
        pin=pin,
        url=remote.url,
        seen=seen,
        shown=shown,
        remedy="the pin stays here as it is; ask who runs the remote. push((), url, pins=[name], "
        "repair=True) puts back what this store has seen; unpin(name) forgets it",
    )


def _listed(names: Iterable[str]) -> str:
    return listed(names) or "none"
