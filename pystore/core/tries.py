"""Tries: the one rule that says whether a failed attempt is tried again."""

from .dataclasses import dataclass
from .errors import MayGoBetter, in_one_line


@dataclass(frozen=True)
class Tries:
    """How often an attempt may still be tried again, and what its earlier tries raised."""

    left: int = 0
    failed: tuple[str, ...] = ()  # the error of each earlier try, on one line

    def again_after(self, error: BaseException) -> "Tries | None":
        """The tries that remain after this error; None for no other try.

        An attempt with a scratch is tried again where it runs, so that one error may stand for
        several tries: `error.tries`.
        """
        if not isinstance(error, MayGoBetter) or error.tries > self.left:
            return None
        return Tries(self.left - error.tries, (*self.failed, in_one_line(str(error))))
