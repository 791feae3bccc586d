"""Errors that teach: a message, the facts, and what to try.

Four families, by whose fault it is: you wrote · the build · the store · they sent.
"""

import re
from collections.abc import Mapping
from typing import Any

from .printable import printable

__all__ = [
    "BadConfig",
    "BadMatcher",
    "BadMetric",
    "BadName",
    "BadPlace",
    "BadRef",
    "BadSettings",
    "BadStage",
    "BuildError",
    "BuildsFailed",
    "ChecksumMismatch",
    "Corrupted",
    "FetchError",
    "FormatTooNew",
    "InUse",
    "Interrupted",
    "MatcherUnsatisfied",
    "MissingOutput",
    "NoAccess",
    "NotAStore",
    "NotInStore",
    "PystoreError",
    "PystoreWarning",
    "StoreBusy",
    "TimedOut",
    "UnkeepableOutput",
    "UnsafeArchive",
    "Untrusted",
    "UntrustedType",
    "WorkerDied",
]


class PystoreError(Exception):
    """An error with a message, its facts, and a remedy. Facts can be read as attributes."""

    def __init__(self, what: str, *, remedy: str = "", **facts: object) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.facts = {name: fact for name, fact in facts.items() if fact is not None}

    def __getattr__(self, name: str) -> Any:
        if name in (facts := self.__dict__.get("facts", {})):
            return facts[name]
        raise AttributeError(f"{type(self).__name__} has no attribute or fact {name!r}")

    def __str__(self) -> str:
        named = {name.replace("_", " "): fact for name, fact in self.facts.items()}
        width = max(map(len, named), default=0) + 1
        lines = [_cut(self.what)]
        inner = "\n" + " " * (width + 4)  # where the further lines of a fact begin
        shown = ((name, _cut(str(fact)).replace("\n", inner)) for name, fact in named.items())
        lines += [f"  {name + ':':<{width}}  {fact}" for name, fact in shown]
        if self.remedy:
            lines.append(f"  try: {self.remedy}")
        # A fact must not control the terminal, nor a name that is no UTF-8 hide the message.
        return "\n".join(map(printable, "\n".join(lines).split("\n")))

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self), self.what, self.remedy, self.facts)

    def having(self, **facts: object) -> "PystoreError":
        """The same error with more facts; facts that it already has stay."""
        self.facts = {**{k: v for k, v in facts.items() if v is not None}, **self.facts}
        return self


_LONGEST = 4000  # [characters] of one fact in a message; the attribute has all of it


def _cut(text: str) -> str:
    left = len(text) - _LONGEST
    return text if left <= 0 else f"{text[:_LONGEST]}… and {left:,} more characters"


def _again(
    kind: type[PystoreError], what: str, remedy: str, facts: dict[str, object]
) -> PystoreError:
    error = kind(what, remedy=remedy)
    error.facts = dict(facts)
    return error


class PystoreWarning(UserWarning):
    """Something that is allowed, but that you may not have meant."""


# --- you wrote -------------------------------------------------------------------------


class BadConfig(PystoreError):
    """A config value that has no canonical JSON text."""


class BadRef(PystoreError):
    """A text that is not a reference, or a path that leaves its realization."""


class BadName(PystoreError):
    """A name that cannot be part of a reference."""


class BadStage(PystoreError):
    """A stage, a registry or a call that has no meaning."""


class BadMatcher(PystoreError):
    """A matcher with impossible arguments, or one with a choice that it was not offered."""


class BadMetric(PystoreError):
    """A metric that was not recorded, or that is no number."""


class BadSettings(PystoreError):
    """A settings file that is no TOML, or that sets an unknown setting."""


class BadPlace(PystoreError):
    """A URL, path or key that cannot be used: unknown, not installed, not there, no permission."""


# --- the build -------------------------------------------------------------------------


_RAISED = re.compile(
    r"\A(?:\w+: )?the realizer .* raised (\w+)$(?s:.*?)^  because: +(.+)$", re.MULTILINE
)


def in_one_line(text: str) -> str:
    """The text of an error in one line; for a failed realizer, what it raised and why."""
    raised = _RAISED.search(text)
    if raised:
        return f"{raised[1]}: {raised[2]}"
    return text.partition("\n")[0].rstrip(": ")  # an error without words has only its kind


SEE_TRACEBACK = "see the traceback above; what it had written is kept in the staging, if anything"
"""The remedy when the exception of the user's code says more than we can."""


class MayGoBetter(PystoreError):
    """An error after which another try may succeed."""

    @property
    def tries(self) -> int:
        """The number of tries of its attempt: the fact `tries`, else 1."""
        return tries if isinstance(tries := self.facts.get("tries"), int) else 1


class BuildError(MayGoBetter):
    """A realizer failed; the cause is chained, the fact `staging` says where its files are."""


class WorkerDied(BuildError):
    """The process that ran a realizer ended without an answer; the attempt counts as died."""


class TimedOut(BuildError):
    """A realizer ran for longer than it may, and was stopped; the attempt counts as died."""


class BuildsFailed(BuildError):
    """Several derivations failed, with `keep_going`; `errors` has them by DRef."""

    errors: Mapping[str, BaseException] = {}


class MissingOutput(BuildError):
    """A realizer did not write a file that its config promises."""


class UnkeepableOutput(BuildError):
    """An output that no store can keep: a special file, a link to outside, an open file."""


class Interrupted(PystoreError):
    """A call was asked to stop, and started nothing more; what was built is kept."""


class MatcherUnsatisfied(PystoreError):
    """The matcher wants realizations that do not exist and cannot be built."""


# --- the store -------------------------------------------------------------------------


class NoAccess(PystoreError, PermissionError):
    """Access that the system refuses; the facts `path` and `owner` say to which file, and whose."""


class NotAStore(PystoreError):
    """A directory that is no store, and is not empty either."""


class FormatTooNew(PystoreError):
    """A store written by a later version of pystore."""


class NotInStore(PystoreError):
    """A well-formed reference to something that this store does not hold."""


class Corrupted(PystoreError):
    """Something in the store that is not what its name says."""


class StoreBusy(PystoreError):
    """A lock that another process holds; the fact `owner` says which process."""


class InUse(PystoreError):
    """Something that cannot be removed, since something else needs it."""


# --- they sent -------------------------------------------------------------------------


class FetchError(MayGoBetter):
    """A download that did not arrive."""


class ChecksumMismatch(FetchError):
    """A download whose bytes are not the ones asked for: facts `expected`, `got`, `url`."""


class Untrusted(FetchError):
    """Results that no trusted key has signed."""


class UntrustedType(PystoreError):
    """A saved model that names types which nobody trusts: the fact `types`. None was loaded."""


class UnsafeArchive(PystoreError):
    """An archive that reaches outside of its folder, or grows beyond its limits."""
