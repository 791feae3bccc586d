"""Served: the protocols of a model that a service can ask."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ...core.config import Config
from ...core.matchers import Matcher
from ...core.refs import RRef


class Follower(Protocol):
    """Says which realization is to be used now. Its calls come from one thread at a time."""

    @property
    def refused(self) -> Mapping[RRef, str]:
        """The realizations that are not chosen again, and why."""

    @property
    def why_not(self) -> str:
        """Why the last look has made no choice of its own; "" if it has."""

    def look(self) -> RRef | None:
        """The realization to use, which is held from now on; None when there is none."""

    def refuse(self, rref: RRef, why: str) -> None:
        """Makes sure that this one is not chosen again."""

    def release(self, rref: RRef) -> None:
        """Lets gc collect this one."""

    def close(self) -> None:
        """Lets go of everything."""


class Loaded(Protocol):
    """A realization that predicts.

    One thread calls `features`, `rows` and `predict`; the others have come before it.
    """

    @property
    def rref(self) -> RRef:
        """Its reference."""

    @property
    def digest(self) -> str:
        """The digest of the code that answers, which is no part of what was trained."""

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """Those that it was trained with."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its scores."""

    @property
    def versions_differ(self) -> tuple[str, ...]:
        """Packages that are others here: "trained with scikit-learn 1.5.1, here 1.6.0"."""

    @property
    def code_differs(self) -> bool:
        """Whether the predictor is another than the one that the training has recorded."""

    def features(self, raw: Any) -> Any | None:
        """The rows of one question; None when there is nothing to ask, as on a blank pad.

        `raw` is a JSON value, or a posted picture as a `PIL.Image.Image` (mode L, RGB or RGBA).
        Raises BadFeatures.
        """

    def rows(self, features: Any) -> int:
        """The number of rows."""

    def predict(self, questions: Sequence[Any]) -> list[list[Any]]:
        """The predictions for each question's features: JSON values, by one call of the predictor.

        Raises whatever the predictor raises; PredictorFailed when their number is wrong.
        """

    def check(self) -> None:
        """Predicts the kept examples again. Raises Refused when the predictions are others."""

    def expected(self) -> dict[str, Any]:
        """What features look like: {"shape": [784], "columns": ["pixel1", …]}."""

    def example(self) -> Any:
        """A row, or an item such as a text, as a client would send it; None if nobody knows one."""

    def evidence(self) -> dict[str, Any]:
        """What is known of its quality, with intervals: JSON values."""

    def close(self) -> None:
        """Lets go of what was loaded."""


class Served(Protocol):
    """A model, as a service needs it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def takes_pictures(self) -> bool:
        """Whether one can draw what it is asked: then its page is a pad, else a form."""

    @property
    def matcher(self) -> Matcher:
        """What chooses among its realizations, unless another matcher is given."""

    def comparison(self) -> Callable[[Config], bool]:
        """The rule by which a config is one of its derivations, by its code as it is now."""

    def follow(
        self, target: Any = None, matcher: Matcher | None = None, *, pin: str | None = None
    ) -> Follower:
        """A follower of its realizations."""

    def load(self, rref: RRef) -> Loaded:
        """The realization, read from the disk, which takes long."""
