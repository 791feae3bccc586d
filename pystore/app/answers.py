"""Answers: predictions for the values of rows, checked, one bad row apart from the others.

AN1  What a predictor returns is checked before it is kept: one value a row, the outputs that were
     declared, of their types, no NaN.
AN3  What no database keeps, such as NUL in a text, is the failure of its row alone.
AN2  A batch that fails is halved until the row that fails is alone.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..core.derivation import Derivation
from ..core.errors import BadStage, PystoreError, in_one_line
from ..core.matchers import Matcher
from ..core.outputs import UNNAMED, named_types, problem_of
from ..core.refs import RRef, check_name
from ..db.kinds import NOT_KEPT, is_int64, unkept_text
from ..db.tracking import Failure
from ..declare.identity.code import code_of_all
from ..declare.view import View
from ..run.follow import Follower, follow
from ..store.remote.source import Named
from .asked import Asked
from .errors import PredictorFailed
from .fetching import wanted_of
from .loaded import Loaded
from .predictions import plain


class State(Protocol):
    """A realization in memory that is asked."""

    def answers(self, values: Sequence[Any]) -> Sequence[Any]:
        """One prediction for each value."""

    def close(self) -> None:
        """Lets gc collect the realization again."""


class Predictor(Protocol):
    """What predicts by any realization of something: its name, its outputs, its code."""

    @property
    def name(self) -> str:
        """The name of a listener that has no other one."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """The outputs with the names of their types."""

    def code(self) -> str:
        """The digest of the code that predicts, as it is now."""

    def load(self, rref: RRef) -> State:
        """A realization in memory, once it was checked."""

    def follow(self, matcher: Matcher | None, pin: str | None) -> Follower:
        """What says which realization to use now."""

    def snapshots(self) -> list[str]:
        """The snapshots that a derivation depends on, where one is followed."""

    def wanted(self, matcher: Matcher | None, pin: str | None) -> list[Named | str]:
        """What a remote is asked for."""


class _OfModel:
    """A Model, with what is followed: all that is comparable with it, or a derivation of it."""

    def __init__(self, model: Asked, target: Derivation | None) -> None:
        self._model, self._target = model, target
        self.name = model.name
        self.outputs = named_types(model.outputs)

    def code(self) -> str:
        return self._model.answering_code()

    def load(self, rref: RRef) -> State:
        loaded = self._model.load(rref)
        try:
            loaded.check()
        except BaseException:
            loaded.close()
            raise
        return _OfLoaded(loaded)

    def follow(self, matcher: Matcher | None, pin: str | None) -> Follower:
        if self._target is None or pin is not None:
            return self._model.follow(None, matcher, pin=pin)
        return follow(self._target, matcher)

    def snapshots(self) -> list[str]:
        return snapshots_of(self._target)

    def wanted(self, matcher: Matcher | None, pin: str | None) -> list[Named | str]:
        if self._target is None or pin is not None:
            return wanted_of(self._model, matcher, pin)
        config = self._target.config
        return [Named(self.name, config.__eq__, matcher or self._target.matcher)]


class _OfLoaded:
    """A realization of a model that answers for the values of rows."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    def answers(self, values: Sequence[Any]) -> Sequence[Any]:
        questions = [self._loaded.features(value) for value in values]
        unasked = [at for at, one in enumerate(questions) if one is None]
        if unasked:
            raise PredictorFailed(
                "the feature_loader made no question of a row",
                row=unasked[0],
                remedy="return features for each value",
            )
        return [only for [only] in self._loaded.predict(questions)]

    def close(self) -> None:
        self._loaded.close()


class FunctionPredictor:
    """A function of a user that predicts by the state that another function makes of a view.

    It is called as the function is.
    """

    def __init__(self, function: Callable[..., Any], outputs: Mapping[str, type], of: Any) -> None:
        self.function = function
        self.name = check_name(function.__name__)
        self.outputs = named_types(outputs)
        self.target = of
        self._load: Callable[[View], Any] | None = None
        self.__doc__ = function.__doc__

    def __call__(self, state: Any, batch: Sequence[Any]) -> Any:
        """The predictions for a batch."""
        return self.function(state, batch)

    def load(self, what: Any) -> Any:
        """As a decorator: the function of a view that returns the state. Of an rref: the state."""
        if inspect.isfunction(what):
            self._load = what
            return what
        view = View(RRef(what))
        try:
            return _Loaded(view, view if self._load is None else self._load(view), self.function)
        except BaseException:
            view.close()
            raise

    def code(self) -> str:
        """The digest of both functions, as they are now."""
        functions = {"predictor": self.function}
        if self._load is not None:
            functions["load"] = self._load
        return code_of_all(functions, "project").digest

    def follow(self, matcher: Matcher | None, pin: str | None) -> Follower:
        """What says which realization to use now. Raises BadStage without a target."""
        if pin is not None:
            return follow(pin=pin)
        if self.target is None:
            raise BadStage(
                f"the predictor {self.name} predicts by the realizations of what?",
                remedy=f"@predictor(of=train, …), or listen({self.name}, …, target=train)",
            )
        return follow(self.target, matcher)

    def snapshots(self) -> list[str]:
        """The snapshots that the target depends on, where it is a derivation."""
        return snapshots_of(self.target)

    def wanted(self, matcher: Matcher | None, pin: str | None) -> list[Named | str]:
        """What a remote is asked for: a pin. Raises BadStage for a matcher."""
        if pin is not None:
            return [pin]
        raise BadStage(
            f"{self.name} follows no model, and a remote is not asked for its realizations",
            remedy="follow a pin: listener(…, pin='serving'), and push with the pin there",
        )


class _Loaded:
    """The state of a predictor that is a function."""

    def __init__(self, view: View, state: Any, function: Callable[..., Any]) -> None:
        self._view, self._state, self._function = view, state, function

    def answers(self, values: Sequence[Any]) -> Sequence[Any]:
        found = self._function(self._state, list(values))
        return found.to_dict("records") if hasattr(found, "to_dict") else list(found)

    def close(self) -> None:
        self._view.close()


def predictor(
    function: Callable[..., Any] | None = None,
    *,
    outputs: Mapping[str, type] | None = None,
    of: Any = None,
) -> Any:
    """Makes a predictor of a function (state, batch) that returns one value, or dict, a row.

    `of` is the stage, the derivation or the sweep whose realizations are followed; `outputs` are
    the names and types of what a dict has. The state is what the function with `@NAME.load` above
    it makes of a view; without one, it is the view.
    """

    def made(function: Callable[..., Any]) -> FunctionPredictor:
        return FunctionPredictor(function, outputs or {UNNAMED: object}, of)

    return made if function is None else made(function)


def predictor_of(given: Any, target: Any = None) -> Predictor:
    """The predictor that is meant: a model, a training of one, or a function that predicts."""
    if isinstance(given, Asked):
        return _OfModel(given, target)
    stage = getattr(given, "stage", None)
    if isinstance(given, Derivation) and isinstance(stage, Asked):
        return _OfModel(stage, given)
    if isinstance(given, FunctionPredictor):
        if target is None:
            return given
        other = FunctionPredictor(given.function, {}, target)
        other.outputs, other._load = given.outputs, given._load
        return other
    raise BadStage(
        "this does not predict",
        given=repr(given)[:200],
        remedy="give a TorchModel, a Model, a training of one, or a function with @predictor",
    )


def snapshots_of(target: Any) -> list[str]:
    """The snapshots that a derivation depends on."""
    if not isinstance(target, Derivation):
        return []
    own = [str(target.dref)] if "snapshot" in target.config.value else []
    return own + [one for held in target.holds for one in snapshots_of(held)]


class Answers:
    """A state that answers for rows, at most `batch` at a time."""

    def __init__(self, state: State, outputs: Mapping[str, str], batch: int) -> None:
        self._state, self._outputs, self._batch = state, outputs, batch
        self.calls = 0  # rows that the predictor was asked about

    def of(self, values: Sequence[Any]) -> list[Any]:
        """A dict of outputs for each value, or a Failure."""
        found: list[Any] = []
        for at in range(0, len(values), self._batch):
            found += self._some(values[at : at + self._batch])
        return found

    def _some(self, values: Sequence[Any], *, is_bad: bool = False) -> list[Any]:
        """Predictions and failures for values, of which one is known to be bad, or none."""
        if is_bad and len(values) > 1:
            return self._halved(values)  # it would fail as the batch has failed that it is of
        try:
            self.calls += len(values)
            told = list(self._state.answers(values))
            if len(told) != len(values):
                raise PredictorFailed(
                    f"the predictor gave {len(told)} predictions for {len(values)} rows",
                    remedy="return one value a row",
                )
        except Exception as error:  # whatever a predictor raises
            if len(values) == 1:
                return [Failure("predict", said(error))]
            return self._halved(values)
        return [self._checked(one) for one in told]

    def _halved(self, values: Sequence[Any]) -> list[Any]:
        half = len(values) // 2
        first = self._some(values[:half])
        is_good = not any(isinstance(one, Failure) for one in first)
        return first + self._some(values[half:], is_bad=is_good)

    def _checked(self, one: Any) -> Any:
        try:
            value = plain(one)
            outputs = {UNNAMED: value} if [*self._outputs] == [UNNAMED] else value
            problem = problem_of(outputs, self._outputs) or _unkept(outputs, self._outputs)
        except PredictorFailed as error:
            problem = error.what
        return outputs if not problem else Failure("predict", problem, is_final=True)

    def close(self) -> None:
        """Lets gc collect the realization again."""
        self._state.close()


def _unkept(outputs: Mapping[str, Any], types: Mapping[str, str]) -> str:
    """Why a database, or its view, would not give the outputs again; "" if they are kept (AN3)."""
    if unkept_text(outputs):
        return NOT_KEPT
    large = [
        name
        for name, one in outputs.items()
        if isinstance(one, int) and types[name] != "float" and not is_int64(one)
    ]
    return f"{large[0]} has more than 64 bits; give it as a text or a float" if large else ""


def said(error: BaseException) -> str:
    """An error in one line, without addresses, so that equal failures read equal."""
    text = in_one_line(error.what if isinstance(error, PystoreError) else str(error))
    kind = "" if isinstance(error, PystoreError) else f"{type(error).__name__}: "
    return _without_addresses(f"{kind}{text}".rstrip(": "))[:500]


def _without_addresses(text: str) -> str:
    return re.sub(r"\b0x[0-9a-fA-F]+\b", "0x…", text)
