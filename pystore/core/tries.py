"""Tries: the one rule that says whether an attempt that failed is tried again."""

from dataclasses import dataclass

from .errors import MayGoBetter, in_one_line


@dataclass(frozen=True)
class Tries:
    """How often an attempt may still be tried again, and what its earlier tries raised."""

    left: int = 0
    failed: tuple[str, ...] = ()  # the error of each earlier try, on one line

    def again_after(self, error: BaseException) -> "Tries | None":
        """The tries of the next try after this error; None when there is to be no other.

        An attempt with a scratch is tried again where it runs: its last error says how many tries
        it stands for.
        """
        if not isinstance(error, MayGoBetter) or error.tries > self.left:
            return None
        return Tries(self.left - error.tries, (*self.failed, in_one_line(str(error))))
