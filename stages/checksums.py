"""Checksums: the hashes that a file must have, and the hashes of a stream of bytes."""

import hashlib
import re
from dataclasses import dataclass

from pystore.errors import BadStage

_DIGITS = {"sha256": 64, "sha1": 40}


@dataclass(frozen=True)
class Checksums:
    """The hashes that a file must have, in lower-case hex; None where the user gave none."""

    sha256: str | None
    sha1: str | None

    @classmethod
    def of(cls, sha256: str | None, sha1: str | None) -> "Checksums":
        """The checksums that a user wrote. Raises BadStage when one is not such a hash."""
        return cls(_hex("sha256", sha256), _hex("sha1", sha1))

    @property
    def given(self) -> dict[str, str]:
        """The hashes that the user gave, by their kind."""
        both = {"sha256": self.sha256, "sha1": self.sha1}
        return {kind: digits for kind, digits in both.items() if digits is not None}

    def hasher(self) -> "Hasher":
        """A hasher for the hashes that the user gave; for sha256 if there are none."""
        return Hasher(tuple(self.given) or ("sha256",))

    def wrong(self, got: dict[str, str]) -> tuple[str, str] | None:
        """The first hash that differs, as (expected, got); None if the file is the right one."""
        for kind, digits in self.given.items():
            if got[kind] != digits:
                return digits, got[kind]
        return None


class Hasher:
    """Hashes of several kinds over one stream of bytes."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        # sha1 only recognizes a file for which the publisher gives a sha1; it protects nothing.
        self._running = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}

    def update(self, chunk: bytes | memoryview) -> None:
        """Adds bytes to the stream."""
        for running in self._running.values():
            running.update(chunk)

    @property
    def digests(self) -> dict[str, str]:
        """The hashes of the bytes so far, in hex, by their kind."""
        return {kind: running.hexdigest() for kind, running in self._running.items()}


def _hex(kind: str, given: object) -> str | None:
    if given is None:
        return None
    digits = given.strip().lower() if isinstance(given, str) else ""
    if not re.fullmatch(f"[0-9a-f]{{{_DIGITS[kind]}}}", digits):
        raise BadStage(
            f"not a {kind}",
            given=repr(given)[:200],
            expected=f"{_DIGITS[kind]} hex digits",
            remedy=f"copy it from the publisher, or from `{kind}sum file`",
        )
    return digits
