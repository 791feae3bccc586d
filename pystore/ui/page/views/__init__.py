"""Views: what is shown at each kind of address, one module a view."""

from collections.abc import Callable

from ....core.dataclasses import dataclass
from ..asked import Asked, Sent, Shown
from . import derivation, family, realization, stages


@dataclass(frozen=True)
class View:
    """A kind of page."""

    path: str  # as Starlette has it
    show: Callable[[Asked], Shown | Sent]
    name: str = ""  # in the navigation; "": it is not there


VIEWS = (
    View("/", stages.show, "Stages"),
    View("/stage/{name}", family.show),
    View("/drv/{ref}", derivation.show),
    View("/drv/{ref}/traces", derivation.traces),
    View("/rlz/{ref}", realization.show),
    View("/rlz/{ref}/file/{place:int}", realization.file),
    View("/rlz/{ref}/picture/{place:int}", realization.picture),
)
