"""At a remote: lists and choices of what a remote holds, by its records alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ...core.attempt import Attempt
from ...core.errors import BadMetric, BadRef, NotInStore, PystoreError, Untrusted
from ...core.note import about, tags_among
from ...core.options import Mode, Scope
from ...core.printable import listed
from ...core.refs import DRef, RRef
from ...store.remote.address import Url
from ...store.remote.catalogue import Catalogue
from ...store.remote.find import find_in
from ...store.remote.remote import open_remote
from ...store.remote.signing import trusting
from ..experiments.differing import differing
from ..experiments.family import members, named, tell
from ..experiments.meant import Meant
from .artifacts import Artifact
from .inventory import ListedDerivation, ListedRealization
from .short_refs import is_pattern, metric_and_mode


class AtRemote:
    """What the remote at a URL holds. Raises BadPlace, NotInStore, FetchError."""

    def __init__(self, url: Url, trusted_keys: Iterable[str] | None = None) -> None:
        self.catalogue = Catalogue(open_remote(url, trusted=trusting(trusted_keys)))

    def drefs(self) -> list[DRef]:
        """The derivations, sorted."""
        return self.catalogue.drefs()

    def artifacts(self, rref: RRef) -> list[Artifact]:
        """The artifacts of a realization, by path. Raises NotInStore."""
        try:
            manifest = self.catalogue.remote.bill(rref).manifest
        except FileNotFoundError:
            raise self.catalogue.remote.absent(rref) from None
        return [Artifact(rref, entry) for entry in manifest.entries]

    def derivations(self, drefs: Iterable[DRef]) -> list[ListedDerivation]:
        """These derivations, by name and by when they were built."""
        families: dict[str, list[DRef]] = {}
        for dref in drefs:
            families.setdefault(dref.name, []).append(dref)
        several = [family for family in families.values() if len(family) > 1]
        self.catalogue.read(dref for family in families.values() for dref in family)
        self.catalogue.read_configs(dref for family in several for dref in family)
        rows = [
            self._derivation(dref, told.get(dref, {}))
            for family in families.values()
            for told in [self._telling_apart(family) if len(family) > 1 else {}]
            for dref in family
        ]
        return sorted(rows, key=lambda one: (one.dref.name, one.built or 0, one.dref))

    def _telling_apart(self, family: Iterable[DRef]) -> dict[DRef, dict[str, Any]]:
        configs = {dref: self.catalogue.config(dref) for dref in family}
        return differing(configs, self.catalogue.config)

    def _derivation(self, dref: DRef, told: Mapping[str, Any]) -> ListedDerivation:
        here = self.catalogue.realizations(dref)
        built = [a.stop for a in self.catalogue.attempts(dref) if a.rref in here]
        tags = tags_among(self.catalogue.notes(dref))
        return ListedDerivation(dref, len(here), max(built, default=None), told, tags)

    def realizations(self, dref: DRef) -> list[ListedRealization]:
        """The realizations of a derivation in the order of their building."""
        here = self.catalogue.realizations(dref)
        made: dict[RRef, list[Attempt]] = {rref: [] for rref in here}
        for attempt in self.catalogue.attempts(dref):
            if attempt.rref is not None:
                made.setdefault(attempt.rref, []).append(attempt)
        rejected, noted = self.catalogue.rejected(dref), self.catalogue.notes(dref)
        rows = [
            ListedRealization(
                rref,
                tuple(tries),
                "rejected" if rref in rejected else "here" if rref in here else "gone",
                (),
                tags_among(about(noted, rref, tries)),
            )
            for rref, tries in made.items()
        ]
        return sorted(rows, key=lambda row: row.latest.order if row.latest else (0, 0, ""))

    def find_refs(self, text: str, code: Scope = "now") -> Sequence[DRef | RRef]:
        """All derivations of a name or a pattern at a remote; else the one reference meant.

        Raises BadRef, NotInStore, BadMetric.
        """
        return self._named(text) or [self.find_ref(text, code)]

    def find_fetched(
        self,
        text: str,
        code: Scope = "now",
        usable: Callable[[RRef], bool] = lambda rref: True,
    ) -> Sequence[DRef | RRef]:
        """What `find_ref` finds; of a name with several derivations, or of a pattern, all of these.

        Those are left out that have no realization there, or rejected ones alone. Raises as
        `find_ref`.
        """
        drefs = self._named(text)
        if len(drefs) < 2:
            return [*drefs] or [self.find_ref(text, code, usable)]
        if not is_pattern(text):
            drefs = [*_meant(self.catalogue, text, code).drefs]
        catalogue = self.catalogue
        found = [d for d in drefs if {*catalogue.realizations(d)} - catalogue.rejected(d)]
        if not found:
            raise self._nothing(text, drefs)
        return found

    def _named(self, text: str) -> list[DRef]:
        """The derivations of a name or a pattern."""
        there = self.catalogue.drefs()
        if is_pattern(text):
            return [dref for dref in there if fnmatchcase(dref.name, text)]
        return [dref for dref in there if dref.name == text]

    def find_ref(
        self,
        text: str,
        code: Scope = "now",
        usable: Callable[[RRef], bool] = lambda rref: True,
    ) -> DRef | RRef:
        """The reference that a short text means at a remote, as `find_ref` says.

        `X@latest` and `X@best:METRIC` go by the records there, and take a realization that is
        `usable`; of a name by the code that ran last, unless `code` is "any". Raises BadRef,
        NotInStore, BadMetric.
        """
        base, at, which = text.partition("@")
        if not at:
            return find_in(self.catalogue.remote, text)
        if which and not which.strip("0123456789abcdef"):
            family = [dref for dref in self.catalogue.drefs() if dref.name == base]
            found = [dref for dref in family if dref.digest.startswith(which)]
            return found[0] if len(found) == 1 else find_in(self.catalogue.remote, text)
        rule, _, metric = which.partition(":")
        if which != "latest" and not (rule == "best" and metric):
            raise BadRef(
                "not a way to choose a realization",
                given=ascii(text)[:200],
                expected="@latest, @best:METRIC or @best:METRIC:min",
                remedy=f"{base}@latest",
            )
        meant = _meant(self.catalogue, base, "any" if which == "latest" else code)
        self.catalogue.read(meant.drefs)
        pairs = (pair for dref in meant.drefs for pair in _made(self.catalogue, meant, dref))
        made = [pair for pair in pairs if usable(pair[0])]
        if not made:
            raise self._nothing(text, meant.drefs)
        return _latest(made) if which == "latest" else _best(made, *metric_and_mode(metric))

    def _nothing(self, text: str, drefs: Iterable[DRef]) -> PystoreError:
        """The error where no realization can be chosen among those of these derivations."""
        asked, trusted = list(drefs), self.catalogue.remote.trusted
        facts = {"given": ascii(text)[:200], "url": self.catalogue.remote.url}
        if trusted is not None and any(map(self.catalogue.passed_over, asked)):
            return Untrusted(
                "no trusted key has signed a realization of this that can be used",
                **facts,
                trusted=listed(sorted(trusted)),
                remedy="ask who pushed it to push it again with a key that you trust",
            )
        return NotInStore(
            "no realization of this is at the remote, or each was rejected",
            **facts,
            rejected_there=sum(len(self.catalogue.rejected(dref)) for dref in asked) or None,
            remedy="`pystore ls URL` lists what there is",
        )


def _meant(catalogue: Catalogue, base: str, code: Scope) -> Meant:
    """The derivations, and those of their attempts, that a text stands for, as in a store."""
    found = [dref for dref in catalogue.drefs() if dref.name == base]
    if len(found) > 1:
        meant = named(base, catalogue, code)
    else:  # by hand, attempts of one derivation may be by several codes
        dref = found[0] if found else find_in(catalogue.remote, base).dref
        meant = members([dref], catalogue, code)
    tell(meant.left_out, base)
    return meant


def _made(catalogue: Catalogue, meant: Meant, dref: DRef) -> Iterator[tuple[RRef, Attempt]]:
    """The realizations of a derivation at the remote, with the attempts that are meant."""
    held = meant.known.get(dref) or catalogue.holdings([dref])[dref]
    tries = catalogue.attempts(dref)
    for attempt in (tries[at] for at in meant.places(held)):
        if attempt.rref is not None and attempt.rref.digest in held.usable:
            yield attempt.rref, attempt


def _latest(made: Iterable[tuple[RRef, Attempt]]) -> RRef:
    return max(made, key=lambda pair: pair[1].order)[0]


def _best(made: Sequence[tuple[RRef, Attempt]], metric: str, mode: Mode) -> RRef:
    sign = -1.0 if mode == "max" else 1.0
    scored = [(sign * a.metrics[metric], rref) for rref, a in made if metric in a.metrics]
    if not scored:
        raise BadMetric(
            f"no attempt at the remote has the metric {metric!r}",
            there_are=listed(sorted({name for _, a in made for name in a.metrics})) or "none",
            remedy="name one that there is",
        )
    return min(scored)[1]
