"""Views: what is shown at each kind of address, one module a view."""

from collections.abc import Callable

from ....core.dataclasses import dataclass
from ..asked import Asked, Picture, Sent, Shown
from . import (
    collections,
    compare,
    derivation,
    family,
    realization,
    room,
    running,
    stages,
    sweep,
)


@dataclass(frozen=True)
class View:
    """A kind of page."""

    path: str  # as Starlette has it
    show: Callable[[Asked], Shown | Sent | Picture]
    name: str = ""  # in the navigation; "": it is not there
    of_store: bool = True  # whether it changes with the store alone


VIEWS = (
    View("/", stages.show, "Stages"),
    View("/stage/{name}", family.show),
    View("/drv/{ref}", derivation.show),
    View("/drv/{ref}/traces", derivation.traces),
    View("/rlz/{ref}", realization.show),
    View("/rlz/{ref}/file/{place}", realization.file),
    View("/rlz/{ref}/picture/{place}", realization.picture),
    View("/compare", compare.show, "Compare"),
    View("/running", running.show, "Running"),
    View("/sweep/{name}", sweep.show),
    View("/room", room.show, "Room"),
    View("/collections", collections.show, "Collections", of_store=False),
    View("/picture/{name}", collections.picture, of_store=False),
)
