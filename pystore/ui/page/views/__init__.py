"""Views: what is shown at each kind of address, one module a view."""

from collections.abc import Callable

from ....core.dataclasses import dataclass
from ..asked import Asked, Sent, Shown
from . import family, room, running, stages, sweep


@dataclass(frozen=True)
class View:
    """A kind of page."""

    path: str  # as Starlette has it
    show: Callable[[Asked], Shown | Sent]
    name: str = ""  # in the navigation; "": it is not there


VIEWS = (
    View("/", stages.show, "Stages"),
    View("/stage/{name}", family.show),
    View("/running", running.show, "Running"),
    View("/sweep/{name}", sweep.show),
    View("/room", room.show, "Room"),
)
