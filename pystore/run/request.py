"""Request: one attempt that the loop asks for."""

from ..core.context import Context
from ..core.dataclasses import dataclass, replace
from ..core.derivation import Derivation
from ..core.refs import DRef
from ..core.tries import Tries


@dataclass(frozen=True)
class Request:
    """One attempt to make; `seed` is that of an attempt to repeat, None for a new seed."""

    derivation: Derivation
    context: Context
    seed: int | None = None
    tries: Tries = Tries()

    @property
    def dref(self) -> DRef:
        """The derivation to realize."""
        return self.derivation.dref

    def again_after(self, error: BaseException) -> "Request | None":
        """The request of the next try after this error; None for no other try."""
        tries = self.tries.again_after(error)
        return None if tries is None else replace(self, tries=tries)
