"""Adoption, foreseen: what a derivation would be offered if it took over the results of others."""

from collections.abc import Callable, Iterable

from ...core.adoption import KeptBack, fitting
from ...core.attempt import Attempt
from ...core.candidate import Candidate
from ...core.config import Config
from ...core.context import Context, provenance_text, rref_of
from ...core.derivation import Derivation
from ...core.reads import Surroundings
from ...core.refs import DRef, RRef
from ...declare.identity.by_hand import source_digest
from ...store.ports import StoreProtocol


class Adoptions:
    """What would be adopted in one call: realizations that are not there yet, each from another."""

    def __init__(self, store: StoreProtocol) -> None:
        self._store = store
        self._sources: dict[RRef, RRef] = {}
        self._foreseen = _Foreseen(store, self.source)
        self.kept_back: dict[DRef, list[KeptBack]] = {}  # what is not adopted, and why

    def source(self, rref: RRef) -> RRef:
        """The realization whose bytes it has; itself, where nothing is to be adopted."""
        return self._sources.get(rref, rref)

    def offered(
        self, derivation: Derivation, context: Context, present: list[Candidate]
    ) -> list[Candidate]:
        """The candidates, with those that would be adopted before anything is built."""
        offered = {candidate.rref: candidate for candidate in present}
        for found in self._found(derivation, context):
            candidate = self._adopted(derivation, context, found)
            self._sources[candidate.rref] = self.source(found.rref)
            self._foreseen.add(candidate.rref, derivation.config, context)
            offered[candidate.rref] = _merged(candidate, offered.get(candidate.rref))
        return list(offered.values())

    def _found(self, derivation: Derivation, context: Context) -> Iterable[Candidate]:
        """As the build loop finds them; what is adopted stands for what it is adopted from."""
        if not derivation.realizer.adopts:
            return ()
        config, source = derivation.config, source_digest(derivation.realizer)
        trees = Context({dref: map(self.source, rrefs) for dref, rrefs in context.items()})
        found = self._store.adoptable(config, trees)
        if trees.digest != context.digest:
            own = self._store.candidates(config.dref, trees)
            found += [candidate for candidate in own if not candidate.gone]
        around = Surroundings(config, context, self._foreseen)
        fit, self.kept_back[config.dref] = fitting(found, around, source)
        return fit

    def _adopted(self, derivation: Derivation, context: Context, found: Candidate) -> Candidate:
        tree = self._store.tree(found.rref)
        dref, reads = derivation.dref, derivation.matcher.reads
        rref = rref_of(dref, provenance_text(dref, context, tree))
        files = self._files(found.rref, reads) if reads else {}
        return Candidate(rref, found.attempts, files)

    def _files(self, rref: RRef, reads: Iterable[str]) -> dict[str, bytes]:
        again = self._store.candidates(rref.dref, self._store.context(rref), reads)
        return next((dict(one.files) for one in again if one.rref == rref), {})


class _Foreseen:
    """A store as it would be with what is adopted in it."""

    def __init__(self, store: StoreProtocol, source: Callable[[RRef], RRef]) -> None:
        self._store = store
        self._source = source
        self._configs: dict[DRef, Config] = {}
        self._contexts: dict[RRef, Context] = {}

    def add(self, rref: RRef, config: Config, context: Context) -> None:
        """A realization that is going to be there."""
        self._configs[rref.dref] = config
        self._contexts[rref] = context

    def config(self, dref: DRef) -> Config:
        """The config of a derivation, which need not be known to the store."""
        return self._configs[dref] if dref in self._configs else self._store.config(dref)

    def context(self, rref: RRef) -> Context:
        """The context of a realization."""
        return self._contexts[rref] if rref in self._contexts else self._store.context(rref)

    def tree(self, rref: RRef) -> str:
        """The digest of its manifest."""
        return self._store.tree(self._source(rref))

    def attempts(self, dref: DRef) -> list[Attempt]:
        """Those of now: the records of what is adopted will be others than any that was read."""
        return self._store.attempts(dref)


def _merged(adopted: Candidate, present: Candidate | None) -> Candidate:
    if present is None:
        return adopted
    tries = sorted((*present.attempts, *adopted.attempts), key=lambda attempt: attempt.order)
    return Candidate(adopted.rref, tuple(tries), present.files or adopted.files)
