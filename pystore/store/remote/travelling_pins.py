"""Travelling pins: a pin is pushed and pulled with the realization that it names.

TP1  A move is written after all that it names. A local pin is moved after all that the remote's pin
     names is here, checked; else it stays.
TP2  Of several that push a pin at once, each move stays in the history, and all readers agree on
     the last one. A pusher whose move was not the last moves the pin again, after the other.
"""

import os
import time
from collections.abc import Iterable

from ...core.dataclasses import dataclass, replace
from ...core.errors import BadName, BadPlace, ChecksumMismatch, NotInStore, StoreBusy
from ...core.events import Listener, ignore
from ...core.printable import listed
from ...core.refs import DRef, RRef, check_name
from ...core.transfer import Transfer
from .. import pins as roots
from ..seen_moves import SeenMoves
from ..store import Store
from ..writer import writer
from . import names
from .names import PinListing, number_of
from .pin_history import check_not_older, expected_move, last_move
from .pin_move import PinMove, parse_move
from .receive import receive
from .remote import Remote
from .signing import Key

_ROUNDS = 20  # moves of one push, while others push the same pin
_LAST_NUMBER = 99_999_999


def local_pins(store: Store, wanted: Iterable[str]) -> dict[str, RRef]:
    """The realizations that these pins of a store name. Raises BadName when there is no such."""
    there = roots.pins(store)
    for name in map(check_name, wanted):
        if name not in there:
            raise BadName(
                "no such pin",
                name=name,
                pins=listed(there) or "none",
                remedy="make it first: pin(rref, name)",
            )
    return {name: there[name] for name in wanted}


# --- push ------------------------------------------------------------------------------


def send_pins(
    store: Store,
    remote: Remote,
    pinned: dict[str, RRef],
    *,
    key: Key | None = None,
    repair: bool = False,
) -> tuple[str, ...]:
    """Lets pins at a remote name these realizations, which are there. Returns those it has moved.

    With `repair`, the moves that this store has seen are put back first. Raises FetchError,
    StoreBusy when others move a pin again and again.
    """
    pushes = [_Push(store, remote, name, rref, key) for name, rref in sorted(pinned.items())]
    return tuple(push.pin for push in pushes if push.run(repair=repair))


@dataclass
class _Push:
    store: Store
    remote: Remote
    pin: str
    rref: RRef
    key: Key | None

    def __post_init__(self) -> None:
        self._seen = SeenMoves(self.store.parts, self.remote.url)

    def run(self, *, repair: bool) -> bool:
        """Whether the pin had to be moved."""
        if repair:
            self._put(self._all_seen())
        listing = self.remote.pin_listing(self.pin)
        check_not_older(self.remote, listing, PinListing(self.pin, self._seen.names(self.pin)))
        last = self._last(listing, repair)
        if last is not None and last.rref == self.rref:
            self._settle(last, listing)
            return False
        for _ in range(_ROUNDS):
            made = self._move(listing)
            listing = self.remote.pin_listing(self.pin)
            last = self._last(listing, repair)
            if last == made or self._was_seen(listing, made):
                self._seen.add(self.pin, self._objects(made))
                return True
        raise StoreBusy(
            "others move this pin again and again",
            pin=self.pin,
            url=self.remote.url,
            now=last and last.rref,
            remedy="ask them to stop, and push again",
        )

    def _all_seen(self) -> dict[str, bytes]:
        objects = self._seen.read(self.pin)
        for name in [name for name in objects if name.endswith(".json")]:
            move = parse_move(self.pin, name[: -len(".json")], objects[name])
            objects.update(self._objects(move))
        return objects

    def _was_seen(self, listing: PinListing, made: PinMove) -> bool:
        """Whether somebody has moved the pin after our move, knowing it."""
        later = [stem for stem in listing.stems if number_of(stem) == made.number + 1]
        found = [self.remote.move(listing, stem) for stem in later]
        return any(made.digest in move.after for move in found if move)

    def _last(self, listing: PinListing, repair: bool) -> PinMove | None:
        """The last move; with `repair`, the last one that can be read."""
        for number in sorted({number_of(stem) for stem in listing.stems}, reverse=True):
            stems = {f"{stem}.json" for stem in listing.stems if number_of(stem) <= number}
            try:
                return last_move(self.remote, replace(listing, names=frozenset(stems)))
            except ChecksumMismatch:
                if not repair:
                    raise
        return None

    def _move(self, listing: PinListing) -> PinMove:
        number = listing.last_number
        if number >= _LAST_NUMBER:
            raise BadPlace(
                "a pin at a remote has no more numbers",
                pin=self.pin,
                url=self.remote.url,
                last=listing.stems[-1],
                remedy="ask who runs the remote to look at it",
            )
        made = PinMove.of(
            self.pin,
            self.rref,
            number=number + 1,
            time=time.time_ns(),
            host=os.uname().nodename,
            by=writer(),
            after=tuple(s[9:] for s in listing.stems if number_of(s) == number),
        )
        self._put(self._objects(made))
        return made

    def _settle(self, last: PinMove, listing: PinListing) -> None:
        """Signs the last move where our signature is lacking, and remembers it."""
        objects = self._objects(last)
        self._put({name: text for name, text in objects.items() if name not in listing.names})
        self._seen.add(self.pin, objects)

    def _objects(self, move: PinMove) -> dict[str, bytes]:
        """A move and our signature of it, by their names in the folder of the pin."""
        objects = {f"{move.stem}.json": move.text}
        if self.key is not None:
            objects[f"{move.stem}.{self.key.public}.sig"] = self.key.sign(move.text)
        return objects

    def _put(self, objects: dict[str, bytes]) -> None:
        """Writes objects, signatures first."""
        for name in sorted(objects, key=lambda name: (name.endswith(".json"), name)):
            self.remote.place.write(f"{names.PINS}/{self.pin}/{name}", objects[name])


# --- pull ------------------------------------------------------------------------------


def receive_pins(
    store: Store,
    refs: Iterable[DRef | RRef],
    wanted: Iterable[str],
    remote: Remote,
    listener: Listener = ignore,
) -> Transfer:
    """Fetches these realizations and those that pins at the remote name; then moves the local pins.

    Raises what `receive` and `expected_move` raise; BadPlace when a pin names a realization that
    was rejected here, NotInStore when it is in the store below only. Then no pin is moved.
    """
    drefs = list(refs)
    moves = [_arriving(store, remote, name) for name in sorted(set(wanted))]
    try:
        transfer = receive(store, [*drefs, *(move.rref for move in moves)], remote, listener)
    except NotInStore as error:
        named = [move.pin for move in moves if error.facts.get("ref") == move.rref]
        raise error.having(pin=listed(named) or None) from None
    for move in moves:
        _refuse_below(store, move)
    before = roots.pins(store)
    for move in moves:
        # Remembered first: after a crash in between, nothing older counts.
        SeenMoves(store.parts, remote.url).add(move.pin, {f"{move.stem}.json": move.text})
        if before.get(move.pin) != move.rref:
            roots.pin(store, move.rref, move.pin, remote.url)
    moved = tuple(move.pin for move in moves if before.get(move.pin) != move.rref)
    return replace(transfer, pins=moved)


def _arriving(store: Store, remote: Remote, name: str) -> PinMove:
    move = expected_move(store, remote, remote.pin_listing(check_name(name)))
    if why := store.rejection(move.rref):
        raise BadPlace(
            "the pin at the remote names a realization that was rejected here",
            pin=name,
            ref=move.rref,
            reason=why,
            url=remote.url,
            remedy="push another realization under this pin",
        )
    return move


def _refuse_below(store: Store, move: PinMove) -> None:
    under = store.only_below(move.rref)
    if under is not None:
        raise NotInStore(
            "the pin at the remote names a realization of the store below, which is never written",
            pin=move.pin,
            ref=move.rref,
            below=under,
            remedy="pull the pin into a store without one below",
        )
