"""Offers: the candidates of some derivations in a store, read again when they may have changed.

OF1  A look where nothing has changed opens no file: it asks for the stamps of folders.
OF2  A change between two looks is seen by the second one, and one during a look by the next.
"""

from collections.abc import Callable, Collection, Container, Iterable

from ..core.candidate import Candidate
from ..core.context import Context
from ..core.errors import Corrupted, NotInStore
from ..core.refs import DRef, RRef
from ..core.same_inputs import History, Inputs, current, history
from ..store.store import Store


class Offers:
    """The realizations of some derivations, as a matcher sees them."""

    def __init__(self, store: Store, reads: Iterable[str]) -> None:
        self._store = store
        self._reads = tuple(reads)
        self._feed = store.changes(())
        self._members: tuple[DRef, ...] | None = None  # None: to be asked for
        self._wanted: set[DRef] = set()
        # All that stands here is looked at: what was read after a look is told by the next one.
        self._found: dict[DRef, list[Candidate]] = {}
        self._contexts: dict[RRef, Context] = {}
        self._histories: dict[str, History] = {}  # by the digests of contexts
        self._inputs: set[DRef] = set()
        self._is_new = True

    def look(self, members: Callable[[], Iterable[DRef]], also: Collection[DRef] = ()) -> bool:
        """Reads what may have changed since the last look. Returns whether there was any.

        The candidates are those of `members`, who are asked for again when derivations have come or
        gone. The derivations of `also` are looked at, too.
        """
        self._forget()
        if self._members is None:
            self._members = tuple(members())
        wanted = {*self._members, *also, *self._inputs}
        if self._is_new or wanted != self._wanted or not wanted <= self._found.keys():
            self._is_new = True  # until all is read
            self._read({*self._members, *also})
            self._is_new = False
            return True
        return False

    def has(self, rref: RRef) -> bool:
        """Whether a realization is here, and neither rejected nor damaged."""
        return any(c.rref == rref and not c.gone for c in self._found.get(rref.dref, ()))

    def candidates(self, without: Container[RRef]) -> list[Candidate]:
        """Those of the members that have the same inputs, which are those that were made last."""
        found = [c for dref in self._members or () for c in self._found.get(dref, ())]
        offered = [c for c in found if c.rref not in without]
        here = {_context(c) for c in offered if not c.gone}
        histories = {digest: self._histories[digest] for digest in here}
        left = {*current(histories, Inputs(self._code, self._made))}
        return [candidate for candidate in offered if _context(candidate) in left]

    def _forget(self) -> None:
        """Forgets what may have changed."""
        self._feed = self._store.changes(self._found, self._feed.token)
        for dref in self._feed.drefs:
            self._found.pop(dref, None)
        if self._feed.anew:
            self._members = None

    def _read(self, drefs: set[DRef]) -> None:
        self._read_candidates(drefs)
        here = {
            _context(c): c.rref for d in self._members or () for c in self._found[d] if not c.gone
        }
        self._histories = {
            digest: self._histories.get(digest) or history(self._context_of(rref), self._context_of)
            for digest, rref in here.items()
        }
        self._inputs = {dref for one in self._histories.values() for dref in one}
        self._wanted = drefs | self._inputs
        self._read_candidates(self._wanted)
        self._found = {dref: self._found[dref] for dref in self._wanted}

    def _read_candidates(self, drefs: Iterable[DRef]) -> None:
        for dref in drefs:
            if dref not in self._found:
                self._found[dref] = self._store.all_candidates(dref, self._reads)

    def _context_of(self, rref: RRef) -> Context:
        if rref not in self._contexts:
            try:
                self._contexts[rref] = self._store.context(rref)
            except (NotInStore, Corrupted):
                return Context()  # its bytes were collected, and its own inputs are not known
        return self._contexts[rref]

    def _code(self, dref: DRef) -> object:
        try:
            return self._store.config(dref).value.get("code")
        except (NotInStore, Corrupted):
            return None

    def _made(self, dref: DRef, rrefs: tuple[RRef, ...]) -> int:
        made = (a for c in self._found[dref] if c.rref in rrefs for a in c.attempts)
        return max(map(self._store.counts_since, made), default=0)


def _context(candidate: Candidate) -> str:
    return candidate.latest.context
