"""Replay: runs the attempt that made a realization again, and compares byte by byte."""

from pathlib import Path
from typing import Any

from ..core.attempt import AttemptReport
from ..core.dataclasses import dataclass
from ..core.derivation import Derivation
from ..core.errors import NotInStore
from ..core.manifest import Manifest, encode_name
from ..core.printable import listed
from ..core.refs import RRef
from ..declare.build import Build
from ..declare.nesting import inside, refuse_nested
from ..run.surroundings import forks_ended
from ..store.current import current_store
from ..store.store import Store


@dataclass(frozen=True)
class Replay:
    """The outcome of running an attempt again."""

    rref: RRef
    seed: int
    differing: tuple[str, ...]  # files whose bytes, kinds or names differ

    @property
    def agrees(self) -> bool:
        """Whether every byte is the same."""
        return not self.differing

    def to_dict(self) -> dict[str, Any]:
        """The replay as `pystore replay --json` prints it.

        `rref`, `seed`, `agrees`, and `differing`, the paths of artifacts.
        """
        return {
            "rref": self.rref,
            "seed": self.seed,
            "agrees": self.agrees,
            "differing": list(self.differing),
        }

    def __str__(self) -> str:
        if self.agrees:
            return f"{self.rref}: the same bytes again, with seed {self.seed}"
        files = listed(self.differing)
        return f"{self.rref}: other bytes with the same seed {self.seed}, in {files}"


def replay(derivation: Derivation, rref: str, *, store: Store | None = None) -> Replay:
    """Runs the attempt that made `rref` again, with its seed and inputs, and commits nothing.

    Returns whether the bytes agree, and which files differ. Raises NotInStore if `rref` is not of
    this derivation, or its bytes are gone, and any exception of the realizer.
    """
    refuse_nested("replay")
    store = current_store(store)
    wanted = RRef(rref)
    made = [a for a in store.attempts(derivation.dref) if a.rref == wanted]
    if not made:
        raise NotInStore(
            "no attempt of this derivation made that",
            dref=derivation.dref,
            rref=wanted,
            remedy="attempts(dref) lists what was made"
            if wanted.dref == derivation.dref
            else "give the stage the parameters, the inputs and the code that made it",
        )
    manifest, context = _manifest(store, wanted), store.context(wanted)
    store.hold(tuple(rref for rrefs in context.values() for rref in rrefs))
    attempt = made[-1]
    with store.building():
        staging = store.trial(derivation.config, context, attempt)
        try:
            with inside(f"the realizer {derivation.realizer.name}"), forks_ended():
                derivation.realizer(_Again(staging, store, AttemptReport()))
            return Replay(wanted, attempt.seed, _differences(manifest, staging.manifest()))
        finally:
            staging.discard()


class _Again(Build):
    """A Build with a scratch and a log folder of its own, not those of the first attempt."""

    def scratch(self) -> Path:
        return self._beside("scratch")

    def logdir(self) -> Path:
        return self._beside("logs")

    def _beside(self, name: str) -> Path:
        path = self._staging.path / name
        path.mkdir(exist_ok=True)
        return path


def _manifest(store: Store, rref: RRef) -> Manifest:
    store.path(rref)  # raises Corrupted when verify found it damaged
    return store.manifest(rref)


def _differences(first: Manifest, second: Manifest) -> tuple[str, ...]:
    old, new = ({e.path: e for e in manifest.entries} for manifest in (first, second))
    paths = sorted(old.keys() | new.keys())
    return tuple(encode_name(path) for path in paths if old.get(path) != new.get(path))
