"""Result: one attempt as a row of a table."""

from collections.abc import Mapping

from ...core.attempt import Attempt
from ...core.dataclasses import dataclass
from ...declare.parameters import Parameters


@dataclass(frozen=True)
class Result:
    """One attempt: what it was given, and what it reached."""

    attempt: Attempt
    parameters: Parameters
    metrics: Mapping[str, float]  # those that were asked for and that the attempt has
