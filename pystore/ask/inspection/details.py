"""Details: all that a store knows about a derivation or a realization, as one value."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...core.attempt import Attempt
from ...core.config import Config
from ...core.dataclasses import dataclass, field
from ...core.errors import NotInStore
from ...core.note import Note, about, tags_among
from ...core.refs import DRef, RRef
from ...store.notes import notes_of
from ...store.pins import pins
from ...store.store import Store
from .attempts import newest_first
from .inventory import size_of


@dataclass(frozen=True)
class Details:
    """A derivation or a realization with its config, inputs, sizes and attempts."""

    ref: DRef | RRef
    config: Config
    path: Path | None  # of the artifacts, or of a derivation's own folder; None: gone
    inputs: Mapping[DRef, tuple[RRef, ...]]  # of a derivation, without realizations
    attempts: tuple[Attempt, ...]  # first to last
    sizes: Mapping[RRef, tuple[int, int] | None]  # files and bytes; None: gone
    pins: tuple[str, ...]
    verdicts: Mapping[str, str]  # the reasons under "rejected" and "damaged"
    noted: tuple[Note, ...] = ()  # notes and tags, the oldest first; of a derivation all in it
    logdirs: Mapping[str, Path] = field(default_factory=dict)  # of attempts that logged, by label

    def to_dict(self) -> dict[str, Any]:
        """The details as `pystore show --json` prints them.

        `ref`, `dref`, `name`, `path` or null, `config`, `inputs` (lists of rrefs by dref), `pins`,
        `verdicts`, `sizes` (objects with `rref`, and `files` and `size` [bytes] or null) and
        `attempts`, the newest last, as `Attempt.to_dict` gives them; `tags`, and `noted`, the notes
        and tags as `Note.to_dict` gives them, the newest last; and `logdirs`, the directories of
        `build_logdir` by labels such as "train-0".
        """
        known = {rref: size or (None, None) for rref, size in self.sizes.items()}
        return {
            "ref": self.ref,
            "dref": self.ref.dref,
            "name": self.ref.dref.name,
            "path": str(self.path) if self.path else None,
            "config": self.config.value,
            "inputs": {dref: list(rrefs) for dref, rrefs in self.inputs.items()},
            "pins": list(self.pins),
            "verdicts": dict(self.verdicts),
            "sizes": [{"rref": r, "files": files, "size": n} for r, (files, n) in known.items()],
            "attempts": [attempt.to_dict() for attempt in self.attempts],
            "tags": list(tags_among(self.noted)),
            "noted": [note.to_dict() for note in self.noted],
            "logdirs": {label: str(path) for label, path in self.logdirs.items()},
        }


def _logdirs(attempts: Iterable[Attempt], store: Store) -> dict[str, Path]:
    """The directories in which attempts logged, first to last, by name and number.

    Where attempts of several contexts have one number, a label has digits of the context too.
    """
    found: dict[str, Path] = {}
    for one in attempts:
        path, label = store.beside(one, "logs"), f"{one.dref.name}-{one.number}"
        if path.is_dir():
            found[f"{label}-{one.context[:6]}" if label in found else label] = path
    return found


def details(ref: DRef | RRef, store: Store) -> Details:
    """The details of a derivation or a realization. Raises NotInStore if nothing is known."""
    attempts = tuple(reversed(newest_first([ref], store)))
    config = store.config(ref.dref)
    path: Path | None = store.home(ref)
    inputs: dict[DRef, tuple[RRef, ...]] = dict.fromkeys(config.inputs, ())
    if isinstance(ref, RRef):
        try:
            path, inputs = store.home(ref) / "out", dict(store.context(ref))
        except NotInStore:
            if not attempts:
                raise
            path = None
    rrefs = [ref] if isinstance(ref, RRef) else store.realizations(ref)
    verdicts = store.verdicts(ref) if isinstance(ref, RRef) else {}
    names = tuple(name for name, pinned in pins(store).items() if pinned in rrefs)
    sizes = {rref: size_of(rref, store) for rref in rrefs}
    noted = tuple(about(notes_of(store, ref.dref), ref, attempts))
    logdirs = _logdirs(attempts, store)
    return Details(ref, config, path, inputs, attempts, sizes, names, verdicts, noted, logdirs)
