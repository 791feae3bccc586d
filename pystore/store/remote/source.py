"""RemoteSource: a remote that is asked again and again for something newer, as a service does.

SO1  A matcher sees the attempts at the remote with their metrics, beside those of the store, before
     any bytes are fetched. Only the realization to use is fetched, with its inputs and attempts.
SO2  A remote that is dead, slow or lying raises no error and moves nothing: the reason is kept as
     text. The next refresh asks again.
SO3  A refresh where nothing has changed reads no object: it lists the folders that it asks about.
     Where one of them is empty, it looks whether the remote is still there.
SO4  A store that knows no derivation of a name yet finds those at the remote, and by their configs
     only the wanted ones count.
SO5  What a note at the remote rejects is not chosen, and is rejected here from the next refresh on,
     though it came before it was rejected.
"""

from collections.abc import Callable, Iterable, Mapping

from ...core.candidate import Candidate
from ...core.config import Config
from ...core.dataclasses import dataclass, replace
from ...core.errors import NotInStore, PystoreError, in_one_line
from ...core.events import Listener, ignore
from ...core.matchers import Matcher
from ...core.pick import pick
from ...core.printable import counted
from ...core.refs import DRef, RRef, check_name
from .. import derivations, notes
from ..layout import well_formed
from ..pins import pins
from ..store import Store
from . import names
from .address import Url
from .history import Copy
from .names import Listing, PinListing
from .optional_remote import OptionalRemote
from .parallel import in_time
from .receive import is_here, receive
from .record import Record
from .remote import Remote
from .signing import trusting
from .substitute import LOOK, Found, Told, files_at, merged
from .travelling_notes import put_notes, read_notes, rejected_by
from .travelling_pins import receive_pins

Name = tuple[DRef, str, str]  # of an attempt: derivation, digest of the context, id


@dataclass(frozen=True)
class Choice:
    """Derivations, and the matcher that chooses one of their realizations, as a Follower does.

    Only realizations with the inputs of the one that was made last are compared.
    """

    drefs: tuple[DRef, ...]
    matcher: Matcher


@dataclass(frozen=True)
class Named:
    """The derivations of a name whose configs are wanted, here and at the remote; as a Choice."""

    name: str
    is_wanted: Callable[[Config], bool]
    matcher: Matcher


class RemoteSource:
    """A remote from which a store gets the realization that a matcher chooses, or a pin names."""

    def __init__(
        self,
        url: Url,
        trusted_keys: str | Iterable[str] | None = None,
        *,
        store: Store,
        listener: Listener = ignore,
    ) -> None:
        """Raises BadPlace when no package can use the URL, or a key is none; asks no network."""
        self._trusted = trusting(trusted_keys)
        self._origin = OptionalRemote(url, self._trusted)
        self._given = url
        self._store = store
        self._listener = listener
        self._records: dict[Name, Record] = {}  # those that count; they never change
        self._configs: dict[DRef, Config] = {}
        self._files: dict[RRef, dict[str, bytes]] = {}  # those that a matcher reads
        self._notes: dict[DRef, dict[str, bytes | None]] = {}  # by name; None: it does not count
        self._received: set[Name] = set()
        self._followed: tuple[PinListing, RRef] | None = None
        self.reason = ""

    @property
    def url(self) -> str:
        """The URL without secrets."""
        return self._origin.url

    def refresh(self, wanted: Choice | Named | str) -> None:
        """Fetches the realization to use now: the choice, or the one that the remote's pin names.

        The pin of the store is then moved, as `pull` moves it. Afterwards `reason` says why nothing
        could be had; it is "" if all went well.

        Raises BadName, and what a rule of the user's raises.
        """
        if isinstance(wanted, str):
            check_name(wanted)
        try:
            remote = self._remote()
            if isinstance(wanted, str):
                self.reason = self._follow(remote, wanted)
            elif isinstance(wanted, Choice):
                self.reason = self._take(remote, wanted)
            else:
                self.reason = self._take_named(remote, wanted)
        except (PystoreError, OSError) as error:
            self.reason = _in_words(error)
            self._origin.give_up()

    def _remote(self) -> Remote:
        return self._open() if self._origin.failed else self._origin.remote

    def _open(self) -> Remote:
        self._origin = OptionalRemote(self._given, self._trusted)
        return self._origin.remote

    def _check_there(self, listed: Iterable[frozenset[str]]) -> None:
        """Raises NotInStore where a folder is empty since the remote is not there any more."""
        if not all(listed):
            self._open()

    # --- a pin -------------------------------------------------------------------------

    def _follow(self, remote: Remote, pin: str) -> str:
        listing = in_time(lambda: remote.pin_listing(pin), LOOK)
        self._check_there([listing.names])
        known = self._followed
        if known is None or known[0] != listing or not self._is_pinned(pin, known[1]):
            receive_pins(self._store, (), [pin], remote, self._listener)
            self._followed = listing, pins(self._store)[pin]
        return ""

    def _is_pinned(self, pin: str, rref: RRef) -> bool:
        return pins(self._store).get(pin) == rref and is_here(self._store, rref)

    # --- a choice ----------------------------------------------------------------------

    def _take_named(self, remote: Remote, wanted: Named) -> str:
        there = in_time(lambda: frozenset(remote.place.names("drv")), LOOK)
        self._check_there([there])
        drefs = self._wanted(remote, wanted, well_formed(DRef, (f"dref:{one}" for one in there)))
        if not drefs:
            return f"nothing is there of {wanted.name} by the code and on the data of here"
        here = [dref for dref in self._store.drefs() if self._is_wanted_here(wanted, dref)]
        return self._take(remote, Choice((*drefs, *here), wanted.matcher))

    def _wanted(self, remote: Remote, wanted: Named, there: Iterable[DRef]) -> list[DRef]:
        named = sorted(dref for dref in there if dref.name == wanted.name)
        new = [dref for dref in named if dref not in self._configs]
        for dref, config in remote.each(lambda dref: _config(remote, dref), new):
            if config is not None:
                self._configs[dref] = config
        known = [dref for dref in named if dref in self._configs]
        return [dref for dref in known if wanted.is_wanted(self._configs[dref])]

    def _is_wanted_here(self, wanted: Named, dref: DRef) -> bool:
        return dref.name == wanted.name and wanted.is_wanted(self._store.config(dref))

    def _take(self, remote: Remote, choice: Choice) -> str:
        drefs = dict.fromkeys(choice.drefs)
        listings = dict(remote.each(remote.listing, drefs))
        self._check_there([listing.names for listing in listings.values()])
        told = [name for listing in listings.values() for name in self._read(remote, listing)]
        self._take_notes(remote, listings.values())
        offered = self._offered(remote, choice, listings, told)
        rref, why_not = pick(choice.matcher, offered)
        if rref is not None:
            context = next(c.latest.context for c in offered if c.rref == rref)
            new = {name for name in told if name[:2] == (rref.dref, context)} - self._received
            if new or not is_here(self._store, rref):
                receive(self._store, [rref], remote, self._listener)
                self._received |= new
        there = sum(1 for listing in listings.values() for _ in listing.attempts())
        if why_not and remote.trusted is not None and there > len(told):
            passed = counted(there - len(told), "attempt")
            return f"{why_not}; no trusted key has signed {passed} at the remote"
        return why_not

    def _read(self, remote: Remote, listing: Listing) -> list[Name]:
        """The attempts that count, each of which is read once."""
        there = [(listing.dref, *found) for found in listing.attempts()]
        new = [name for name in there if name not in self._records]
        for name, record in remote.each(lambda name: _record(remote, listing, name), new):
            if record is not None:
                self._records[name] = record
        return [name for name in there if name in self._records]

    def _take_notes(self, remote: Remote, listings: Iterable[Listing]) -> None:
        """Reads each note once, and adds it where the store knows the derivation (SO5)."""
        for listing in listings:
            dref = listing.dref
            read = self._notes.setdefault(dref, {})
            if new := {*notes.names_in(listing.names)} - read.keys():
                read |= dict.fromkeys(new) | read_notes(remote, listing, new)
            noted, known = self._noted(dref), notes.known(self._store, dref)
            self._put_notes(dref, {name: noted[name] for name in noted.keys() - known})

    def _put_notes(self, dref: DRef, lacking: Mapping[str, bytes]) -> None:
        if not lacking:
            return
        try:
            config = self._store.config(dref)
        except NotInStore:
            return  # they come with its first realization
        derivations.record(self._store.parts, [config])  # it may be known below only
        put_notes(self._store, dref, lacking)

    def _noted(self, dref: DRef) -> dict[str, bytes]:
        return {name: text for name, text in self._notes[dref].items() if text is not None}

    def _offered(
        self,
        remote: Remote,
        choice: Choice,
        listings: Mapping[DRef, Listing],
        told: Iterable[Name],
    ) -> list[Candidate]:
        """The candidates here and at the remote, of the context in which one was made last."""
        groups: dict[tuple[DRef, str], list[Candidate]] = {}
        for dref in listings:
            for candidate in self._store.all_candidates(dref, choice.matcher.reads):
                groups.setdefault((dref, candidate.latest.context), []).append(candidate)
        records: dict[tuple[DRef, str], list[Record]] = {}
        for name in told:
            records.setdefault(name[:2], []).append(self._records[name])
        for key, found in records.items():
            groups[key] = self._merged(remote, groups.get(key, []), listings[key[0]], found)
        contexts: dict[str, list[Candidate]] = {}
        for (_, context), candidates in groups.items():
            contexts.setdefault(context, []).extend(candidates)
        latest = max(contexts.values(), key=_made_last, default=[])
        return [self._with_files(remote, choice.matcher.reads, one) for one in latest]

    def _merged(
        self, remote: Remote, here: list[Candidate], listing: Listing, records: list[Record]
    ) -> list[Candidate]:
        made = {r.attempt.rref for r in records if r.attempt.rref is not None}
        offers = {rref: rref for rref in made if listing.has(names.realization(rref))}
        noted, copies = self._noted(listing.dref), [Copy(record) for record in records]
        rejected = rejected_by(listing.dref, noted)
        found = Found(self._config(remote, listing.dref), records[0].context)
        found.told[self._origin] = Told(copies, offers, rejected, noted)
        return merged(self._store, here, found)

    def _config(self, remote: Remote, dref: DRef) -> Config:
        if dref not in self._configs:
            self._configs[dref] = in_time(lambda: remote.config(dref), LOOK)
        return self._configs[dref]

    def _with_files(self, remote: Remote, reads: Iterable[str], one: Candidate) -> Candidate:
        """The candidate with the files that the matcher reads, but for those that are metrics."""
        lacking = [name for name in reads if name not in one.latest.metrics]
        if not lacking or one.gone or is_here(self._store, one.rref):
            return one
        known = self._files.get(one.rref, {})
        if not known.keys() >= {*lacking}:
            told = in_time(lambda: files_at(remote, one.rref, lacking), LOOK)
            if told is None:
                return replace(one, gone=True)
            self._files[one.rref] = known = told
        return replace(one, files=known)


def _config(remote: Remote, dref: DRef) -> Config | None:
    try:
        return remote.config(dref)
    except FileNotFoundError:  # a push that has just begun
        return None


def _record(remote: Remote, listing: Listing, name: Name) -> Record | None:
    try:
        return remote.record(listing, *name[1:])
    except FileNotFoundError:
        return None


def _made_last(candidates: Iterable[Candidate]) -> int:
    """When one of these was made last, of those that can be had [ns since the epoch]."""
    return max((c.latest.start for c in candidates if not c.gone), default=0)


def _in_words(error: Exception) -> str:
    if not isinstance(error, PystoreError):
        return in_one_line(str(error))
    because = error.facts.get("because")
    return in_one_line(f"{error.what}: {because}" if because else error.what)
