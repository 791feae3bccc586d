"""Model: what a recipe is for: it is trained, asked, followed and served.

ML1  Only the comparable is followed: derivations that differ in hyperparameters alone, trained by
    the same code on the same bytes.
ML2  A model that is asked answers with what was trained or loaded last here, else with what its
    matcher chooses; and by its functions as they are now. It answers only after it has predicted
    its examples again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from inspect import signature as signature_of
from pathlib import Path
from typing import Any, SupportsIndex, cast

from ..ask.experiments.results import Results, results
from ..core.config import Config
from ..core.errors import BadStage, NotInStore
from ..core.matchers import Matcher, match_best, match_latest
from ..core.options import Mode
from ..core.printable import listed
from ..core.refs import DRef, RRef
from ..declare.programs import is_program
from ..declare.view import View
from ..run.follow import Follower, follow
from ..run.verbs import realize, realize_many
from ..store.current import current_store
from ..store.families import Family, remove_family
from .dataset import Dataset
from .evidence import McNemar, errors_of, evidence_of, mcnemar
from .features import takes_picture
from .loaded import Loaded
from .opening import opened, opened_file, saved
from .reading import tell_age
from .readings import trained_otherwise
from .recipe import CONTEXT, Recipe
from .replaying import Replayed, replayed
from .run import Run
from .signature import Signature

_OWN = ("hyperparameters", "attempts", "matcher", "force", "reread")  # parameters of `train`


class Model(Recipe):
    """A model: `model(C=0.1)` is a Derivation, as that of a stage; it can be trained and asked.

    `init` is a class, or with `@model.init` a function of the dict of hyperparameters. `matcher`
    chooses among the realizations of one derivation; `trusted` names types, "module.Class", that a
    saved estimator may hold beside the known ones; `tolerance` is how far predictions may differ
    when a realization is checked (default: 1e-5, relative; 1e-3 for single precision).
    """

    def __init__(
        self,
        name: str = "model",
        init: Callable[..., Any] | None = None,
        *,
        dataset: Dataset,
        matcher: Matcher | None = None,
        trusted: Collection[str] = (),
        tolerance: float | None = None,
    ) -> None:
        super().__init__(
            name, init, dataset, matcher or match_latest(), trusted=trusted, tolerance=tolerance
        )
        self.__name__ = self.__qualname__ = name
        self.__module__ = sys._getframe(1).f_globals.get("__name__", "__main__")
        self.__doc__ = type(self).__doc__
        self._used: Loaded | None = None
        self._is_own = self._is_checked = False
        self._reading: Mapping[str, Any] = {}  # the arguments of the reader that were given last

    # --- training

    def train(
        self,
        hyperparameters: Mapping[str, Any] | None = None,
        *,
        attempts: int = 1,
        matcher: Matcher | None = None,
        force: bool = False,
        reread: bool = False,
        **options: Any,
    ) -> Run:
        """Trains what is missing, and loads the result: a Run, which is (estimator, metrics).

        `attempts` is how many trainings there must be; `matcher` chooses among them (default: the
        model's). `force` trains once more; `reread` reads the data again, and trains only if they
        have changed. `options` are those of `realize`, such as `workers`; other names are arguments
        of the reader.
        """
        known = signature_of(realize).parameters
        how = {key: value for key, value in options.items() if key in known}
        self._reading = self._arguments_of_reader(options.keys() - known.keys(), options)
        derivation = self._derivation(hyperparameters or {}, self._reading)
        if matcher is not None:
            derivation = cast("Any", derivation.replace(matcher=matcher))
        read = self.dataset.read_stage(**self._reading)
        again = reread or self.dataset.read_stage.rereads
        chosen = realize(read, force_rebuild=again, **how)
        if not again:
            tell_age(chosen)
        rrefs = realize_many(derivation, attempts=attempts, force_rebuild=force, **how)
        loaded = self.load(rrefs[0])
        self._answer_with(loaded, is_own=False)
        return Run(loaded, tuple(rrefs))

    def _arguments_of_reader(
        self, names: Collection[str], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        reader = self.dataset.read_stage.signature.parameters
        taken = [name for name in reader if name in _OWN or (name in options and name not in names)]
        if taken:
            raise BadStage(
                f"{listed(taken)} is a parameter of the reader and of train",
                because="train would take it for its own, and the reader would read by its default",
                remedy="rename the parameter of the reader",
            )
        own = [name for name in self.parameters if name in names and name not in reader]
        if own:
            raise BadStage(
                f"{listed(own)} is no parameter of the reader",
                because="it is a parameter of the trainer, which is given with the hyperparameters",
                remedy=f"model.train({{'{own[0]}': …}})",
            )
        return {name: value for name, value in options.items() if name in names}

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
        its examples otherwise than when it was trained, or otherwise each time (ML2).
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
            mine, data = self.roles.get, self.dataset.roles.get
            now = mine("predictor"), data("feature_loader"), data("feature_transformer")
            return self._used if now == self._used.functions else self.use(self._used.rref)
        with self.follow() as follower:
            rref = follower.look()
            if rref is None:
                self.comparable()  # which may say why
                raise BadStage(
                    f"{self.name} is not trained yet",
                    remedy="model.train({…}); what was trained by other code, or on other data, "
                    "is not taken",
                )
            return self.use(rref)

    # --- which one

    def comparable(self) -> list[DRef]:
        """The derivations in the store that differ from this model in hyperparameters (ML1).

        Raises BadStage where all that are trained have other arguments of the reader.
        """
        store, is_comparable = current_store(), self.comparison()
        named = (dref for dref in store.drefs() if dref.name == self.name)
        found = [dref for dref in named if is_comparable(store.config(dref))]
        if not found and (otherwise := trained_otherwise(self.name, self._own_configs(), store)):
            raise otherwise
        return found

    def _own_configs(self) -> dict[str, Mapping[str, Any]]:
        """The configs of a training, without hyperparameters, of its data, and of its reading."""
        data = self.dataset.derivation(**self._reading).config.value
        reading = self.dataset.read_stage(**self._reading).config.value
        context = {"name": self.name, "code": self.code().digest, **self._context(self._reading)}
        del context["data"]
        return {"training": context, "data": data, "reading": reading}

    def comparison(self) -> Callable[[Config], bool]:
        """The rule by which a config is comparable with this model, as its code is now (ML1).

        It needs no store, so that what a remote holds can be judged too.
        """
        context = {"name": self.name, "code": self.code().digest, **self._context(self._reading)}
        context["data"] = str(context["data"].dref)
        return lambda config: {key: config.value.get(key) for key in CONTEXT} == context

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
        """The realization with the best metric among comparable ones."""
        with self.follow(match_best(metric, mode=mode)) as follower:
            rref = follower.look()
        if rref is None:
            self.comparable()  # which may say why
            raise NotInStore(
                f"no realization of {self.name} has the metric {metric}",
                remedy="model.train({…}), or realize(sweep(model, …))",
            )
        return rref

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

    @property
    def takes_pictures(self) -> bool:
        """Whether one can draw a question."""
        said = self.dataset.pad
        return takes_picture(self.dataset.roles.get("feature_loader")) if said is None else said

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
        return {**super().__getstate__(), "_used": None}


def _web() -> Any:
    """The room that serves: the only way up from here."""
    from ..ui.web import serve  # for weight: starlette and uvicorn

    return serve
