"""Tries: how often an attempt that fails may be tried again, and what its earlier tries raised."""

from dataclasses import dataclass, replace

from .errors import BuildError, FetchError, in_one_line

_MAY_GO_BETTER = (BuildError, FetchError)


@dataclass(frozen=True)
class Tries:
    """The tries of one attempt, so far."""

    left: int = 0
    failed: tuple[str, ...] = ()  # what each earlier one raised, on one line

    def again_after(self, error: BaseException) -> bool:
        """Whether there is another try after one that raised this.

        There is none where the error itself says how many tries an attempt has had.
        """
        return self.left > 0 and isinstance(error, _MAY_GO_BETTER) and "tries" not in error.facts

    def after(self, error: BaseException) -> "Tries":
        """The same, after one more that raised this."""
        return replace(self, left=self.left - 1, failed=(*self.failed, in_one_line(str(error))))
