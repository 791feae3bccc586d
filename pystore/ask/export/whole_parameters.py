"""Whole parameters: those of a derivation and of all its inputs, whatever its family is.

EW1  They follow from the derivation alone: what is exported later has the same names.
"""

from collections import deque
from typing import Any

from ...core.config import Config
from ...core.errors import Corrupted, NotInStore
from ...core.refs import DRef
from ...declare.parameters import flatten, named_inside
from ..experiments.inputs import ConfigOf, references

_MOST = 100  # inputs that are looked into, the outer ones first


def whole_parameters(config: Config, config_of: ConfigOf) -> dict[str, Any]:
    """The parameters by dotted names; those of an input once, where it stands first (EW1)."""
    found: dict[str, Any] = {}
    left = deque([("", config)])
    seen: set[DRef] = set()
    while left:
        place, one = left.popleft()
        for name, value in flatten(one.value).items():
            found.setdefault(named_inside(place, name), value)
        for name, dref in references(one.value).items():
            if dref in seen or len(seen) == _MOST:
                continue
            seen.add(dref)
            try:
                left.append((named_inside(place, name), config_of(dref)))
            except (NotInStore, Corrupted):
                continue  # its reference is all that can be told
    return found
