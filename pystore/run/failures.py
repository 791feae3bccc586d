"""Failures: the errors of a call in which several derivations failed, or must not be built."""

from collections.abc import Mapping, Sequence

from ..core.errors import BuildsFailed, MatcherUnsatisfied
from ..core.printable import counted, listed
from ..core.refs import DRef


def not_built(failures: Mapping[DRef, BaseException], skipped: Sequence[DRef]) -> Exception:
    """The error of a call with build=False: all that is missing.

    Returns another error as it is, where something else than a missing build is wrong.
    """
    for error in failures.values():
        if not isinstance(error, MatcherUnsatisfied):
            return error if isinstance(error, Exception) else RuntimeError(error)
    return MatcherUnsatisfied(
        f"{counted(len(failures), 'derivation')} would have to be built",
        missing=listed(failures),
        after_them=listed(skipped) or None,
        remedy="realize with build=True",
    )


def several_failed(failures: Mapping[DRef, BaseException], skipped: Sequence[DRef]) -> BuildsFailed:
    """One error with all failures, chained to the first."""
    lines = [str(error).splitlines()[0] for error in failures.values()]
    failed = listed((f"{dref}: {line}" for dref, line in zip(failures, lines, strict=True)), "; ")
    error = BuildsFailed(
        f"{len(failures)} derivations failed",
        failed=failed,
        skipped=listed(skipped) or None,
        remedy="see `errors` of this error for each of them",
    )
    error.errors = {str(dref): each for dref, each in failures.items()}
    error.__cause__ = next(iter(failures.values()))
    return error
