"""Resources: the devices, memory and processors of an attempt, its time limit, its retries.

They are no part of the identity: a stage with other resources is the same stage.
"""

import re
from collections.abc import Mapping

from .dataclasses import dataclass
from .errors import BadStage
from .options import checked_count
from .printable import listed

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_KINDS = ("gpu", "memory", "cpus")


@dataclass(frozen=True)
class Resources:
    """What each attempt of a derivation gets."""

    gpu: int = 0  # how many devices, for this attempt alone
    memory: int = 0  # [bytes]; 0: unknown
    cpus: int = 1
    timeout: float | None = None  # [s] for one attempt; None: that of the call
    retries: int | None = None  # after a failure; None: those of the call

    @classmethod
    def of(
        cls,
        resources: Mapping[str, object] | None = None,
        timeout: float | None = None,
        retries: int | None = None,
    ) -> "Resources":
        """The resources from a mapping: `{"gpu": 1, "memory": "8G", "cpus": 2}`.

        Raises BadStage for an unknown resource or a bad amount.
        """
        if not resources and timeout is None and retries is None:
            return PLAIN  # one for all: a large graph has many
        given = dict(resources or {})
        if strange := sorted(given.keys() - set(_KINDS)):
            raise BadStage(
                "no such resource",
                given=listed(strange),
                known=", ".join(_KINDS),
                remedy='write resources={"gpu": 1, "memory": "8G", "cpus": 2}',
            )
        return cls(
            gpu=checked_count("gpu", given.get("gpu", 0), least=0),
            memory=size_of(given.get("memory", 0)),
            cpus=checked_count("cpus", given.get("cpus", 1), least=1),
            timeout=checked_seconds("timeout", timeout),
            retries=None if retries is None else checked_count("retries", retries, least=0),
        )


PLAIN = Resources()
"""Those of most derivations."""


def size_of(given: object) -> int:
    """A number of bytes, from a number or a text such as "8G" (powers of 1024). Raises BadStage."""
    if type(given) is int and given >= 0:
        return given
    found = _SIZE.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None:
        raise BadStage(
            "not an amount of memory", given=repr(given)[:200], remedy='write "512M" or "8G"'
        )
    return int(float(found[1]) * _UNITS[found[2].upper()])


def checked_seconds(name: str, seconds: float | None) -> float | None:
    """The value of the option `name` [s]. Raises BadStage if it is no number of seconds."""
    if seconds is None:
        return None
    if type(seconds) in (int, float) and seconds >= 0:
        return float(seconds)
    raise BadStage(f"{name} is {seconds!r}, not a number of seconds", remedy=f"{name}=60")
