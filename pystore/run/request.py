"""Request: one attempt to make, as the loop asks for it."""

from dataclasses import dataclass, replace

from ..core.context import Context
from ..core.derivation import Derivation
from ..core.refs import DRef
from ..core.tries import Tries


@dataclass(frozen=True)
class Request:
    """One attempt to make, with its own seed or that of an attempt to repeat."""

    derivation: Derivation
    context: Context
    seed: int | None = None
    tries: Tries = Tries()  # noqa: RUF009 - a frozen value

    @property
    def dref(self) -> DRef:
        """The derivation to realize."""
        return self.derivation.dref

    def again_after(self, error: BaseException) -> "Request | None":
        """The same, after a try that raised this; None when there is to be no other."""
        if not self.tries.again_after(error):
            return None
        return replace(self, tries=self.tries.after(error))
