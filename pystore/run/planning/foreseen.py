"""Adoption, foreseen: what a derivation would be offered if it took over the results of others."""

from collections.abc import Iterable, Iterator

from ...model.candidate import Candidate
from ...model.context import Context, parse_provenance, provenance_text, rref_of
from ...model.derivation import Derivation
from ...model.refs import RRef
from ...store import disk
from ...store.commit import CONTEXT
from ...store.protocol import StoreProtocol
from ..edits import made_by
from ..source import source_digest


class Adoptions:
    """What would be adopted in one call: realizations that are not there yet, each from another."""

    def __init__(self, store: StoreProtocol) -> None:
        self._store = store
        self._sources: dict[RRef, RRef] = {}

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
            offered[candidate.rref] = _merged(candidate, offered.get(candidate.rref))
        return list(offered.values())

    def _found(self, derivation: Derivation, context: Context) -> Iterator[Candidate]:
        """As the build loop finds them; what is adopted stands for what it is adopted from."""
        if not derivation.realizer.adopts:
            return
        config, source = derivation.config, source_digest(derivation.realizer)
        trees = Context({dref: map(self.source, rrefs) for dref, rrefs in context.items()})
        found = self._store.sources(config, trees)
        if trees.digest != context.digest:
            own = self._store.candidates(config.dref, trees)
            found += [candidate for candidate in own if not candidate.gone]
        yield from (one for one in found if not source or made_by(one, source))

    def _adopted(self, derivation: Derivation, context: Context, found: Candidate) -> Candidate:
        home = self._store.path(found.rref).parent
        tree = parse_provenance(disk.read(home / CONTEXT))[2]
        dref, reads = derivation.dref, derivation.matcher.reads
        rref = rref_of(dref, provenance_text(dref, context, tree))
        files = self._files(found.rref, reads) if reads else {}
        return Candidate(rref, found.attempts, files)

    def _files(self, rref: RRef, reads: Iterable[str]) -> dict[str, bytes]:
        again = self._store.candidates(rref.dref, self._store.context(rref), reads)
        return next((dict(one.files) for one in again if one.rref == rref), {})


def _merged(adopted: Candidate, present: Candidate | None) -> Candidate:
    if present is None:
        return adopted
    tries = sorted((*present.attempts, *adopted.attempts), key=lambda attempt: attempt.order)
    return Candidate(adopted.rref, tuple(tries), present.files or adopted.files)
