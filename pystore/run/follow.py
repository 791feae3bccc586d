"""Follower: which realization to use now, by a matcher or by a pin, and when that changes.

FO1  A follower chooses as the matcher does among all realizations of its target that have the same
     inputs; what was rejected, refused or removed is none of them.
FO2  The last choice stays while there is no other one and it can be used; then there is none. Where
    it is refused, the one before it stays in its place, unless that was released.
FO3  A choice is held from before it is told until it is released, and gc leaves it alone.
FO4  Nothing that is done to the store raises an error here.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from ..core.errors import BadMatcher, BadStage, PystoreError, in_one_line
from ..core.matchers import Matcher
from ..core.pick import pick
from ..core.refs import DRef, RRef
from ..store.current import current_store
from ..store.store import Store
from .offers import Offers
from .whom import Whom


def follow(
    target: Any = None,
    matcher: Matcher | None = None,
    *,
    pin: str | None = None,
    store: Store | None = None,
) -> "Follower":
    """What says which realization to use now: the choice of a matcher, or what a pin names.

    `target` is a derivation, a DRef, a @stage (all its derivations by its code as it is now,
    whatever the parameters), or lists and dicts of these, such as a sweep. `matcher` chooses among
    all their realizations; by default it is that of the target. Nothing is built.

    Raises BadStage unless there is either a target with a matcher, or a pin.
    """
    return Follower(Whom.of(target, matcher, pin), current_store(store))


class _Refusal(NamedTuple):
    why: str
    made: tuple[int, ...]  # tells these bytes from others of the same name, made later


class Follower:
    """The realization to use now. Close it, or use it in a `with` block, to let go of all.

    Realizations on other data or of other code are not compared: where inputs differ, those that
    were made last count. Of several that the matcher chooses, the first is taken. While it asks for
    more than there are, our matchers choose among these, and a rule of your own chooses none.
    """

    def __init__(self, whom: Whom, store: Store) -> None:
        self.matcher, self.pin = whom.matcher, whom.pin
        self._whom, self._store = whom, store
        self._offers = Offers(store, whom.matcher.reads if whom.matcher else ())
        self._lock = threading.Lock()  # around what `release` and `refuse` use as well
        self._choice: RRef | None = None
        self._before: RRef | None = None  # the choice before, until it is released
        self._held: set[RRef] = set()
        self._refused: dict[RRef, _Refusal] = {}
        self._pinned: RRef | None = None
        self._why_not = self._why_none = ""
        self._is_new = True  # whether to choose again
        self._is_closed = False

    def look(self) -> RRef | None:
        """The realization to use now; None while there is none, and when this is closed.

        It is held until it is released. Where the matcher chooses none, the pin is gone, or the
        store cannot be read, this is the last choice as long as it can be used: it is there, and
        neither rejected nor refused.

        Raises BadMatcher, and what a rule of yours raises.
        """
        try:
            self._look()
        except BadMatcher:
            raise
        except (OSError, PystoreError) as error:
            self._why_not = _in_words(error)
            with self._lock:
                if self._choice and not self._bytes_of(self._choice):
                    self._choice = None
        return self._choice

    @property
    def why_not(self) -> str:
        """Why the last look has made no choice of its own; "" if it has."""
        return self._why_not

    def changes(self, every: float = 0.5, stop: threading.Event | None = None) -> Iterator[RRef]:
        """The choice, and each other one that follows, until `stop` is set or this is closed.

        Looks once in `every` [s]. Raises what `look` raises.
        """
        if not every > 0:
            raise BadStage(f"every={every!r} is no time [s]", remedy="write every=0.5")
        return self._changes(every, stop or threading.Event())

    def _changes(self, every: float, stop: threading.Event) -> Iterator[RRef]:
        last = None
        while not (stop.is_set() or self._is_closed):
            rref = self.look()
            if rref is not None and rref != last:
                last = rref
                yield rref
            stop.wait(every)

    def refuse(self, rref: RRef, why: str) -> None:
        """Passes over a realization from now on, and lets go of it.

        That ends when the realization was removed and made again: its bytes are others then.
        """
        rref = RRef(rref)
        with self._lock:
            self._refused[rref] = _Refusal(why, self._bytes_of(rref))
            self._is_new = True
            self._let_go({rref})

    @property
    def refused(self) -> Mapping[RRef, str]:
        """The realizations that are passed over here, and why."""
        with self._lock:
            return {rref: refusal.why for rref, refusal in self._refused.items()}

    def release(self, rref: RRef) -> None:
        """Lets gc collect a former choice. The choice is held on as long as it is the choice.

        Any thread may call this.
        """
        with self._lock:
            if rref != self._choice:
                self._let_go({RRef(rref)})
                self._before = None if rref == self._before else self._before

    def close(self) -> None:
        """Lets go of all that is held here."""
        with self._lock:
            self._is_closed, self._choice = True, None
            self._why_not = "this follower is closed"
            self._let_go({*self._held})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        return str(self._whom)

    def __repr__(self) -> str:
        return f"<Follower {self}>"

    # --- how it chooses ----------------------------------------------------------------

    def _look(self) -> None:
        if self._is_closed:
            return
        pinned = self._store.pinned(self.pin) if self.pin is not None else None
        also = [rref.dref for rref in (self._choice, self._before, pinned) if rref]
        has_news = self._offers.look(self._members, also)
        if has_news or self._is_new or pinned != self._pinned:
            self._is_new, self._pinned = False, pinned  # before `refuse` may set it again
            try:
                self._choose()
            except BaseException:
                self._is_new = True
                raise

    def _members(self) -> list[DRef]:
        self._why_none = ""
        try:
            return self._whom.drefs(self._store)
        except BadStage as error:  # a target that knows itself says that there is none
            self._why_none = f"{_in_words(error)}; try: {error.remedy}"
            return []

    def _choose(self) -> None:
        self._why_not = ""
        with self._lock:
            last = self._choice
            remade = [
                r for r, old in self._refused.items() if self._bytes_of(r) not in ((), old.made)
            ]
            for rref in remade:
                del self._refused[rref]
            refused = {*self._refused}
        is_chosen = any(self._take(rref) for rref in self._choices(last, refused))
        with self._lock:
            if not is_chosen:
                self._choice = None
            elif last not in (self._choice, *refused):
                self._before = last

    def _choices(self, last: RRef | None, refused: set[RRef]) -> Iterator[RRef]:
        """The realizations to use, in turn: the next one if one cannot be held."""
        yield from self._by_pin(refused) if self.pin is not None else self._by_matcher(refused)
        stays = self._before if last in refused else last
        if stays is not None and stays not in refused and self._offers.has(stays):
            yield stays

    def _by_pin(self, refused: set[RRef]) -> Iterator[RRef]:
        rref = self._pinned
        if rref is None:
            self._why_not = f"there is no pin {self.pin}"
        elif rref in refused:
            self._why_not = f"the pin {self.pin} names a realization that is refused here"
        elif not self._offers.has(rref):
            self._why_not = f"the pin {self.pin} names a realization that is gone or rejected"
        else:
            yield rref

    def _by_matcher(self, refused: set[RRef]) -> Iterator[RRef]:
        assert self.matcher is not None
        offered = self._offers.candidates(refused)
        while (picked := pick(self.matcher, offered)).rref is not None:
            yield picked.rref
            offered = [candidate for candidate in offered if candidate.rref != picked.rref]
        self._why_not = self._why_not or self._why_none or picked.why_not

    # --- what it holds -----------------------------------------------------------------

    def _take(self, rref: RRef) -> bool:
        """Makes a realization the choice, and holds it. Returns whether it is there."""
        with self._lock:
            self._choice = rref  # from now on, nobody can release it
            is_there = rref in self._held
        try:
            is_there = is_there or self._store.hold((rref,), self)
        except (OSError, PystoreError) as error:  # such as a full disk
            self._is_new, self._why_not = True, _in_words(error)
        with self._lock:
            self._held.add(rref)
            if not is_there or self._is_closed or rref in self._refused:
                self._let_go({rref})
                self._choice = None
        return self._choice is not None

    def _let_go(self, rrefs: set[RRef]) -> None:
        held = tuple(rrefs & self._held)
        self._held -= rrefs
        self._store.release(held, self)

    def _bytes_of(self, rref: RRef) -> tuple[int, ...]:
        """Tells the bytes of a realization from others in its place; () if it is not there."""
        try:
            found = os.stat(self._store.home(rref))
        except OSError:
            return ()
        return found.st_dev, found.st_ino, found.st_ctime_ns


def _in_words(error: Exception) -> str:
    return in_one_line(error.what if isinstance(error, PystoreError) else str(error))
