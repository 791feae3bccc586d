"""Asked: what is common to models: they answer, are followed, judged and served.

AK1  A model that is asked answers with what was trained or loaded last here, else with what its
     matcher chooses; and by its functions as they are now. It answers only after it has predicted
    its examples again.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Mapping
from math import isnan
from pathlib import Path
from typing import Any, SupportsIndex

from ..ask.experiments.results import Results, results
from ..core.config import Config
from ..core.dataclasses import replace
from ..core.errors import BadStage, NotInStore
from ..core.matchers import Matcher, match_best
from ..core.options import Mode
from ..core.refs import DRef, RRef
from ..declare.programs import is_program
from ..declare.stage import Stage
from ..declare.stage_options import Options
from ..declare.view import View
from ..run.follow import Follower, follow
from ..run.verbs import realize
from ..store.current import current_store
from ..store.families import Family, remove_family
from .evidence import McNemar, errors_of, evidence_of, mcnemar
from .loaded import Loaded
from .opening import opened, opened_file, saved
from .outputs import Outputs
from .replaying import Replayed, replayed
from .signature import Signature


class Asked(Stage[...]):
    """A stage whose realizations predict."""

    def __init__(
        self,
        name: str,
        matcher: Matcher,
        *,
        tolerance: float | None,
        outputs: Mapping[str, type] | None,
        ignore: tuple[str, ...] = (),
    ) -> None:
        super().__init__(_declare, Options(matcher, name), realize)
        self.options = replace(self.options, ignore=ignore)
        self.takes_build = True  # its metrics are those that the training tells
        self.name = self.stage_name
        self.matcher = matcher
        self.tolerance = tolerance
        self.declared = Outputs.of(outputs)
        self._used: Loaded | None = None
        self._is_own = self._is_checked = False
        # Digests of code, told by the process that sent the model here.
        self._sent_answering: tuple[str, Mapping[str, str]] | None = None

    def named_as_in(self, module: str) -> None:
        """Takes the name that a module of the user's gives it."""
        self.__name__ = self.__qualname__ = self.name
        self.__module__ = module
        self.__doc__ = type(self).__doc__

    # --- what a kind of model says itself

    @abstractmethod
    def read(self, view: View, given: Mapping[str, Any]) -> Loaded:
        """The realization with this view and config, in memory."""

    @abstractmethod
    def comparison(self) -> Callable[[Config], bool]:
        """The rule by which a config is comparable with this model, as its code is now."""

    @property
    @abstractmethod
    def answering_functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """The functions that answer, as they are now."""

    @abstractmethod
    def _answering_code(self) -> str:
        """The digest of the code of what answers."""

    @abstractmethod
    def _answering_codes(self) -> Mapping[str, str]:
        """The digests of the code of each role that answers, or that brings an estimator back."""

    # --- predicting

    def use(self, rref: RRef | str) -> Loaded:
        """Loads a realization, and answers with it from now on.

        Raises Refused when it predicts its examples otherwise than when it was trained.
        """
        loaded = self.load(rref)
        try:
            loaded.check()  # by functions that may be others than those of the training
        except BaseException:
            loaded.close()
            raise
        self._answer_with(loaded, is_own=True)
        self._is_checked = True
        return loaded

    def _answer_with(self, loaded: Loaded, *, is_own: bool) -> None:
        """Answers with it from now on; `is_own` says whether nobody else closes it."""
        if self._used is not None and self._is_own:
            self._used.close()
        self._used, self._is_own, self._is_checked = loaded, is_own, False

    def load(self, what: RRef | str | Path) -> Loaded:
        """A realization, or what `save` has written to a file, in memory.

        Raises BadStage when the realization is none of this model, UntrustedType when it holds
        types that it must not.
        """
        if isinstance(what, Path) or not str(what).startswith("rref:"):
            return opened_file(self, Path(what))
        return opened(self, RRef(what))

    def save(self, file: str | Path) -> Path:
        """Writes the realization that answers now, with all that it was built from, to one file.

        `load` reads it elsewhere; see `export_archive`.
        """
        return saved(self._answering().rref, Path(file))

    @property
    def artifact(self) -> Any:
        """The estimator that answers now."""
        return self._answering().estimator

    def predict(self, features: Any) -> list[Any]:
        """The predictions for features, or for one raw input: one a row; [None] for no question.

        Raises BadFeatures, PredictorFailed, and what the predictor raises; Refused when it predicts
        its examples otherwise than when it was trained, or otherwise each time (AK1).
        """
        loaded = self._answering()
        if not self._is_checked:
            loaded.check()
            self._is_checked = True
        known = loaded.features(features)
        return [None] if known is None else loaded.predict([known])[0]

    def predict_one(self, raw: Any) -> Any:
        """The prediction for one row, or for one raw input."""
        found = self.predict(raw)
        if len(found) != 1:
            raise BadStage(
                "this asks for several predictions", given=len(found), remedy="use predict"
            )
        return found[0]

    def _answering(self) -> Loaded:
        if self._used is not None:
            is_as_now = self.answering_functions == self._used.functions
            return self._used if is_as_now else self.use(self._used.rref)
        rref, why_not = self._choice()
        if rref is None:
            self.comparable()  # which may say why
            raise BadStage(
                f"{self.name} is not trained yet",
                because=why_not or None,
                remedy="model.train({…}); what was trained by other code, or on other data, "
                "is not taken",
            )
        return self.use(rref)

    def _choice(self) -> tuple[RRef | None, str]:
        """The realization that its matcher chooses now; if there is none, why."""
        with self.follow() as follower:
            return follower.look(), follower.why_not

    @property
    def outputs(self) -> dict[str, type]:
        """What it gives for a row: types by their names; `object` is any JSON value."""
        return self.declared.columns

    def answering_code(self) -> str:
        """The digest of the code that answers, 32 hex digits: no part of what is trained."""
        return self._sent_answering[0] if self._sent_answering else self._answering_code()

    def answering_codes(self) -> Mapping[str, str]:
        """The digests of the code of each role that answers, or that brings an estimator back."""
        return self._sent_answering[1] if self._sent_answering else self._answering_codes()

    # --- which one

    def comparable(self) -> list[DRef]:
        """The derivations in the store that differ from this model in hyperparameters (ML1).

        Raises BadStage where there are none, and it is known why.
        """
        store, is_comparable = current_store(), self.comparison()
        named = (dref for dref in store.drefs() if dref.name == self.name)
        found = [dref for dref in named if is_comparable(store.config(dref))]
        if not found and (otherwise := self.trained_otherwise()):
            raise otherwise
        return found

    def trained_otherwise(self) -> BadStage | None:
        """Why nothing is comparable, if it is known."""
        return None

    def follow(
        self, target: Any = None, matcher: Matcher | None = None, *, pin: str | None = None
    ) -> Follower:
        """A Follower of what a matcher chooses among comparable realizations, or of a pin."""
        if isinstance(target, Matcher):
            target, matcher = None, target
        if pin is not None:
            return follow(target, matcher, pin=pin)
        return follow(self if target is None else target, matcher or self.matcher)

    def best(self, metric: str = "test", mode: Mode = "max") -> RRef:
        """The realization with the best metric among comparable ones.

        Raises NotInStore where none of them has this metric.
        """
        with self.follow(match_best(metric, mode=mode)) as follower:
            rref = follower.look()
        if rref is None or not self._has(rref, metric):
            self.comparable()  # which may say why
            raise NotInStore(
                f"no realization of {self.name} has the metric {metric}",
                remedy="model.train({…}), or realize(sweep(model, …))",
            )
        return rref

    def _has(self, rref: RRef, metric: str) -> bool:
        made = current_store().all_candidates(rref.dref, [metric])
        return any(one.rref == rref and not isnan(one.metric(metric)) for one in made)

    def history(self, **how: Any) -> Results:
        """The attempts of this model, by its code as it is now: `results(model, **how)`."""
        return results(self, **how)

    def errors(self, rref: RRef | str | None = None) -> list[dict[str, Any]]:
        """The test rows that were predicted wrong, the worst first: row, truth, prediction."""
        if rref is not None:
            return errors_of(View(rref).path)
        loaded = self._answering()
        loaded.tell_other_predictor()
        return errors_of(loaded.view.path)

    def mcnemar(self, a: RRef | str, b: RRef | str) -> McNemar:
        """The exact test of two realizations on the same test rows.

        Raises BadStage when they predicted other rows, or by other predictors.
        """
        one, other = View(a).path, View(b).path
        codes = [Signature.read(folder).codes.get("predictor") for folder in (one, other)]
        if codes[0] != codes[1]:
            raise BadStage(
                "these two models have predicted the test part by other predictors",
                because="the difference may be that of the predictors",
                remedy="train one of them again: model.train({…}, force=True)",
            )
        return mcnemar(evidence_of(one), evidence_of(other))

    def replay(self, line: Mapping[str, Any] | str | bytes, raw: Any = None) -> Replayed:
        """Predicts the question in a line of a service's log again, by the realization named there.

        `raw` is the question, where the line has none. Raises BadStage without a question.
        """
        return replayed(self.load, line, raw)

    def remove(self, *, dry_run: bool = True) -> Family:
        """Removes all derivations of the model's name, with all that was made of them.

        Dry by default. Raises NotInStore when there are none; InUse when something of them is
        pinned, used by another process, or an input of something that stays.
        """
        found = remove_family(current_store(), self.name, dry_run=dry_run)
        if found.removed and self._used is not None:
            self._used.close()
            self._used = None
        return found

    # --- serving

    def serve(self, matcher: Matcher | None = None, **options: Any) -> None:
        """Serves predictions over HTTP until it is stopped; see `pystore.ui.web.serve`."""
        _web().serve(self, matcher, **options)

    def asgi(self, matcher: Matcher | None = None, **options: Any) -> Any:
        """The service as a plain ASGI app, to mount or to wrap."""
        return _web().asgi(self, matcher, **options)

    # --- in other processes

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        for name, value in vars(sys.modules.get(self.__module__, object())).items():
            if value is self and not is_program(self.__module__):
                self.__qualname__ = name
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_used": None, "_sent_answering": self._told()}

    def _told(self) -> tuple[str, Mapping[str, str]] | None:
        try:
            return self.answering_code(), self.answering_codes()
        except BadStage:  # without a predictor
            return None


def _declare() -> None:
    """Trains what predicts."""


def _web() -> Any:
    """The room that serves: the only way up from here."""
    from ..ui.web import serve  # for weight: starlette and uvicorn

    return serve
