"""A small model behind the protocols of a service: weights as JSON, a dot product, a real store.

A realization has the weights, a score, and two example rows with the predictions for them. What is
wrong with it may be in it as well: a loader that hangs, other predictions, a failing predictor.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pystore import Context, RRef, Store, output, pins, realize, stage
from pystore.app.errors import BadFeatures, PredictorFailed, Refused
from pystore.core.config import Config
from pystore.core.matchers import Matcher, match_latest
from pystore.store.current import current_store

EXAMPLES = [[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]]
WIDTH = 3
HANGING = threading.Event()  # a test that ends lets hanging loaders go on


@stage
def weights(
    scale: float = 1.0,
    score: float = 0.5,
    fault: str = "",
    file: Any = output("model.json"),
    metric: Any = output("test"),
) -> None:
    """Trains, so to speak."""
    vector = [scale * one for one in (1.0, 10.0, 100.0)]
    told = [float(np.dot(vector, row)) for row in EXAMPLES]
    file.write_text(json.dumps({"weights": vector, "examples": told, "fault": fault}))
    metric.write_text(f"{score}\n")


def train(scale: float = 1.0, score: float = 0.5, fault: str = "") -> RRef:
    """A realization with these weights and this score."""
    found: RRef = realize(weights(scale=scale, score=score, fault=fault), progress=False)
    return found


class SmallFollower:
    """Looks through the whole store each time."""

    def __init__(self, store: Store, matcher: Matcher | None, pin: str | None) -> None:
        self._store, self._pin = store, pin
        self._matcher = matcher or match_latest()
        self._last: RRef | None = None  # stays where the pin is gone
        self.refused: dict[RRef, str] = {}
        self.why_not = ""

    def look(self) -> RRef | None:
        """The choice, which is held."""
        pinned = pins(store=self._store)
        found = pinned.get(self._pin, self._last) if self._pin is not None else self._chosen()
        self._last = found
        if found is not None and self._store.hold((found,), self):
            return found
        self.why_not = "nothing is there"
        return None

    def _chosen(self) -> RRef | None:
        offered = []
        for dref in self._store.drefs():
            if dref.name == "weights":
                offered += self._store.candidates(dref, Context({}), self._matcher.reads)
        offered = [c for c in offered if not c.gone and c.rref not in self.refused]
        chosen = self._matcher.select(offered) if offered else ()
        return chosen[0] if isinstance(chosen, tuple) and chosen else None

    def refuse(self, rref: RRef, why: str) -> None:
        """Passes over it."""
        self.refused[rref] = why
        self.release(rref)

    def release(self, rref: RRef) -> None:
        """Lets gc have it."""
        self._store.release([rref], self)

    def close(self) -> None:
        """Lets go of all."""


class SmallLoaded:
    """Weights in memory."""

    digest = "0" * 32
    versions_differ = ("trained with scikit-learn 1.5.1, here 1.6.0",)
    code_differs = False

    def __init__(self, rref: RRef, told: Mapping[str, Any], score: float) -> None:
        self.rref = rref
        self.hyperparameters = {"scale": told["weights"][0]}
        self.metrics = {"test": score}
        self.closed = False
        self._told = told
        self._weights = np.asarray(told["weights"])

    def features(self, raw: Any) -> Any | None:
        """Rows of three numbers; a picture is asked for its ink."""
        if hasattr(raw, "convert"):
            ink = 255.0 - np.asarray(raw.convert("L"), float)
            return np.full((1, WIDTH), ink.mean()) if ink.any() else None
        if raw == "blank":
            return None
        try:
            rows = np.asarray(raw, float)
        except (ValueError, TypeError) as error:
            raise self._bad(str(error)) from None
        if rows.shape[1:] != (WIDTH,) or not np.isfinite(rows).all():
            raise self._bad(f"shape {rows.shape}")
        return rows

    def _bad(self, because: str) -> BadFeatures:
        told = {"because": because, "expected": self.expected()}
        return BadFeatures("these are no features", **told, remedy="send rows of 3 numbers")

    def rows(self, features: Any) -> int:
        """Their number."""
        return len(features)

    def predict(self, questions: Sequence[Any]) -> list[list[Any]]:
        """Dot products, by one call."""
        rows = np.concatenate(questions)
        if (rows == 666).any():
            raise ArithmeticError("the beast")
        if (rows == 13).any():
            raise PredictorFailed("another number of predictions", remedy="mend the predictor")
        told = iter([float(one) for one in rows @ self._weights])
        return [[next(told) for _ in one] for one in questions]

    def check(self) -> None:
        """Compares with the kept predictions."""
        [found] = self.predict([np.asarray(EXAMPLES)])
        if found != self._told["examples"] or self._told["fault"] == "other":
            raise Refused("it predicts otherwise", now=found, remedy="train it again")

    def expected(self) -> dict[str, Any]:
        """The shape."""
        return {"shape": [WIDTH], "columns": ["pixel1", "pixel2", "pixel3"]}

    def example(self) -> list[Any]:
        """A row."""
        return EXAMPLES[0]

    def evidence(self) -> dict[str, Any]:
        """None to speak of."""
        return {"test": {"value": self.metrics["test"], "low": float("nan")}}

    def close(self) -> None:
        """Is remembered."""
        self.closed = True


class SmallModel:
    """The model of the stage `weights`, in the store that was the current one."""

    name = "small"
    matcher = match_latest()

    def __init__(self, takes_pictures: bool = True, store: Store | None = None) -> None:
        self.takes_pictures = takes_pictures
        self.loaded: list[SmallLoaded] = []
        self.followers: list[SmallFollower] = []
        self._store = store

    def comparison(self) -> Callable[[Config], bool]:
        """Whatever has the name."""
        return lambda config: True

    def follow(
        self, target: Any = None, matcher: Matcher | None = None, *, pin: str | None = None
    ) -> SmallFollower:
        """A follower of what is in the store."""
        follower = SmallFollower(self._store or current_store(), matcher, pin)
        self.followers.append(follower)
        return follower

    def load(self, rref: RRef) -> SmallLoaded:
        """Reads the file."""
        store = self._store or current_store()
        folder: Path = store.path(rref)
        told = json.loads((folder / "model.json").read_text())
        if told["fault"] == "hangs":
            HANGING.wait(60)
        loaded = SmallLoaded(rref, told, float((folder / "test").read_text()))
        self.loaded.append(loaded)
        return loaded
