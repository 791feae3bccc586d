"""Adoptions: the results of other derivations that a call would adopt."""

from collections.abc import Callable, Iterable, Sequence

from ...core.adoption import NotAdopted, fitting
from ...core.attempt import Attempt
from ...core.candidate import Candidate
from ...core.config import Config
from ...core.context import Context, provenance_text, rref_of
from ...core.dataclasses import replace
from ...core.derivation import Derivation
from ...core.judgement import Question
from ...core.ports import StoreReader
from ...core.reads import Surroundings
from ...core.refs import DRef, RRef
from ...core.same_run import with_attempts
from ...declare.identity.by_hand import source_digest


class Adoptions:
    """The realizations that one call would adopt. They are not in the store yet."""

    def __init__(self, store: StoreReader) -> None:
        self._store = store
        self._sources: dict[RRef, RRef] = {}
        self._after = _WithAdopted(store, self.source)
        self.not_adopted: dict[DRef, list[NotAdopted]] = {}

    def source(self, rref: RRef) -> RRef:
        """The realization that it is adopted from; `rref` itself if it is not adopted."""
        return self._sources.get(rref, rref)

    def offered(self, question: Question, present: Sequence[Candidate]) -> list[Candidate]:
        """The present candidates, with those that would be adopted before anything is built."""
        offered = {candidate.rref: candidate for candidate in present}
        for found in self._found(question.derivation, question.context):
            candidate = self._adopted(question, found)
            self._sources[candidate.rref] = self.source(found.rref)
            self._after.add(candidate.rref, question.derivation.config, question.context)
            offered[candidate.rref] = _added(candidate, offered.get(candidate.rref))
        return list(offered.values())

    def _found(self, derivation: Derivation, context: Context) -> Iterable[Candidate]:
        """The candidates that the loop would find. Adopted inputs stand for their sources."""
        config, source = derivation.config, source_digest(derivation.realizer)
        trees = Context({dref: map(self.source, rrefs) for dref, rrefs in context.items()})
        found = self._store.adoptable(config, trees)
        if trees.digest != context.digest:
            own = self._store.candidates(config.dref, trees)
            found += [candidate for candidate in own if not candidate.gone]
        around = Surroundings(config, context, self._after)
        fit, self.not_adopted[config.dref] = fitting(found, around, source)
        return fit

    def _adopted(self, question: Question, found: Candidate) -> Candidate:
        """The candidate that `found` becomes when it is adopted."""
        dref, reads = question.derivation.dref, question.derivation.matcher.reads
        tree = self._store.tree(found.rref)
        rref = rref_of(dref, provenance_text(dref, question.context, tree))
        files = self._files(found.rref, reads) if reads else {}
        digest = question.context.digest
        made = (a._replace(dref=dref, context=digest, rref=rref) for a in found.attempts)
        return Candidate(rref, tuple(made), files)

    def _files(self, rref: RRef, reads: Iterable[str]) -> dict[str, bytes]:
        again = self._store.candidates(rref.dref, self._store.context(rref), reads)
        return next((dict(one.files) for one in again if one.rref == rref), {})


class _WithAdopted:
    """A store as it would be after the adoptions."""

    def __init__(self, store: StoreReader, source: Callable[[RRef], RRef]) -> None:
        self._store = store
        self._source = source
        self._configs: dict[DRef, Config] = {}
        self._contexts: dict[RRef, Context] = {}

    def add(self, rref: RRef, config: Config, context: Context) -> None:
        """Adds a realization that would be there."""
        self._configs[rref.dref] = config
        self._contexts[rref] = context

    def config(self, dref: DRef) -> Config:
        """The config of a derivation, which may be new to the store."""
        return self._configs[dref] if dref in self._configs else self._store.config(dref)

    def context(self, rref: RRef) -> Context:
        """The context of a realization."""
        return self._contexts[rref] if rref in self._contexts else self._store.context(rref)

    def tree(self, rref: RRef) -> str:
        """The digest of the manifest of a realization."""
        return self._store.tree(self._source(rref))

    def attempts(self, dref: DRef) -> list[Attempt]:
        """The attempts of now. Adoptions would add records, which no attempt can have read."""
        return self._store.attempts(dref)


def _added(adopted: Candidate, present: Candidate | None) -> Candidate:
    if present is None:
        return adopted
    files = present.files or adopted.files
    return replace(with_attempts(present, adopted.attempts), files=files, gone=False)
