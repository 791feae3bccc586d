"""Reading: the stage that runs a reader and keeps its data.

A reading older than a day is told in one line, since its source may have changed.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import BadStage, PystoreWarning
from ..core.refs import RRef
from ..declare.build import Build
from ..declare.stage import Stage
from ..declare.stage_options import Options
from ..run.verbs import realize
from ..store.current import current_store
from .savers import save

OLD = 86_400  # [s] from this age on, a reading is told


class ReadStage(Stage[...]):
    """A reader as a stage: its config is its code, its version and its arguments."""

    keeps_value = True

    def __init__(
        self, name: str, function: Callable[..., Any], version: str, *, rereads: bool
    ) -> None:
        super().__init__(function, Options(name=name), realize)
        if "version" in self.signature.parameters:
            raise BadStage(
                "a reader cannot have the parameter version",
                because="the version of the reader has this name in the config",
                remedy="choose another name",
            )
        self.version = version
        self.rereads = rereads

    @property
    def keys(self) -> frozenset[str] | None:
        """The keys of its configs."""
        return (super().keys or frozenset()) | {"version"}

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**super()._bound(args, kwargs), "version": self.version}

    def work(self, b: Build, values: Mapping[str, Any]) -> None:
        """Reads, and writes what was read."""
        data = super().work(b, values)
        if data is None:
            raise BadStage(
                f"the reader of {self.stage_name} returned nothing",
                remedy="return a frame, an array, or (features, targets)",
            )
        save(data, b.outpath / "data")


def tell_age(rref: RRef) -> None:
    """Warns when data was read long ago."""
    made = [one for one in current_store().attempts(rref.dref) if one.rref == rref]
    if not made:
        return
    age = time.time() - max(one.stop for one in made) / 1e9
    if age > OLD:
        warnings.warn(
            f"{rref.dref.name} was read {age / OLD:.0f} days ago; reread=True reads it again",
            PystoreWarning,
            stacklevel=4,
        )
