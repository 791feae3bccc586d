"""FileStage: a stage of a user's file, as the text of the file or the loaded module shows it."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class FileStage:
    """A stage that stands at the top of a file under a name without a leading `_`."""

    name: str

    @property
    def known_as(self) -> Set[object]:
        """By what other stages use it."""
        raise NotImplementedError

    @property
    def uses(self) -> Set[object]:
        """What it uses, by what that is known as."""
        raise NotImplementedError

    def is_input_of(self, other: "FileStage") -> bool:
        """Whether the other uses this one, and this one not the other."""
        used, uses = self.known_as & other.uses, other.known_as & self.uses
        return bool(used) and not uses


S = TypeVar("S", bound=FileStage)


def final(stages: Iterable[S]) -> list[S]:
    """The stages that no other stage uses."""
    every = list(stages)
    return [s for s in every if not any(s.is_input_of(other) for other in every if other is not s)]


def takes_registry(parameter: str, annotation: str) -> bool:
    """Whether a function with this first parameter is a stage by hand."""
    return parameter == "m" or annotation.rpartition(".")[2] == "Registry"
