"""Model: what a recipe is for: it is trained, asked, followed and served.

ML1  Only the comparable is followed: derivations that differ in hyperparameters alone, trained by
    the same code on the same bytes.
OP1  A file names no type that it may load: these come from a list here and from the user's script,
    and the list counts only for what was built here or is signed by a trusted key.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from inspect import signature as signature_of
from typing import Any, cast

from ..core.config import Config
from ..core.errors import BadStage
from ..core.matchers import Matcher, match_latest
from ..core.printable import listed
from ..declare.view import View
from ..run.verbs import realize, realize_many
from ..store.current import current_store
from .dataset import Dataset
from .features import Features, takes_picture
from .loaded import Loaded
from .reading import tell_age
from .readings import trained_otherwise
from .recipe import CONTEXT, Recipe
from .run import Run
from .savers import load
from .signature import Signature

_OWN = ("hyperparameters", "attempts", "matcher", "force", "reread")  # parameters of `train`


class Model(Recipe):
    """A model: `model(C=0.1)` is a Derivation, as that of a stage; it can be trained and asked.

    `init` is a class, or with `@model.init` a function of the dict of hyperparameters. `matcher`
    chooses among the realizations of one derivation; `trusted` names types, "module.Class", that a
    saved estimator may hold beside the known ones; `tolerance` is how far predictions may differ
    when a realization is checked (default: 1e-5, relative; 1e-3 for single precision). `outputs`
    declares what the predictor gives for a row: {"label": str, "p": float}.
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
        outputs: Mapping[str, type] | None = None,
    ) -> None:
        super().__init__(
            name,
            init,
            dataset,
            matcher or match_latest(),
            trusted=trusted,
            tolerance=tolerance,
            outputs=outputs,
        )
        self.named_as_in(sys._getframe(1).f_globals.get("__name__", "__main__"))
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
        if not isinstance(hyperparameters, Mapping | None):
            raise BadStage(
                f"the hyperparameters of {self.name} are no dict",
                given=repr(hyperparameters)[:200],
                remedy='model.train({"C": 0.1})',
            )
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

    # --- asking

    def read(self, view: View, given: Mapping[str, Any]) -> Loaded:
        """The realization with this view and config, in memory."""
        hyperparameters, _ = self.parted({k: v for k, v in given.items() if k not in CONTEXT})
        folder = view.path / "estimator"
        loader, loads = self.roles.get("loader"), set[str]()  # whose code brings it back
        if loader is not None:
            estimator = loader(folder / "model")
            loads.add("loader")
        elif (folder / "model").exists():
            raise BadStage(
                f"{self.name} was saved by a saver of yours, and has no loader",
                remedy="write @model.loader, a function of the file that the saver wrote",
            )
        else:
            training = self.training()

            def fresh() -> Any:
                loads.add("init")
                return training.fresh(hyperparameters)

            estimator = load(
                folder,
                fresh=fresh,
                trusted=self.trusted,
                ours=current_store().is_trusted(view.rref),
            )
        example, answering = load(view.path / "example"), self.answering()
        return Loaded(
            view,
            estimator,
            example,
            answering,
            hyperparameters=hyperparameters,
            asks=Features(Signature.read(view.path), example, answering.feature_loader),
            tolerance=self.tolerance,
            loads=loads,
        )

    # --- which one

    def trained_otherwise(self) -> BadStage | None:
        """Why nothing is comparable, where all trainings have other arguments of the reader."""
        data = self.dataset.derivation(**self._reading).config.value
        reading = self.dataset.read_stage(**self._reading).config.value
        context = {"name": self.name, "code": self.code().digest, **self._context(self._reading)}
        del context["data"]
        own = {"training": context, "data": data, "reading": reading}
        return trained_otherwise(self.name, own, current_store())

    def comparison(self) -> Callable[[Config], bool]:
        """The rule by which a config is comparable with this model, as its code is now (ML1).

        It needs no store, so that what a remote holds can be judged too.
        """
        context = {"name": self.name, "code": self.code().digest, **self._context(self._reading)}
        context["data"] = str(context["data"].dref)
        return lambda config: {key: config.value.get(key) for key in CONTEXT} == context

    # --- serving

    @property
    def takes_pictures(self) -> bool:
        """Whether one can draw a question."""
        said = self.dataset.pad
        return takes_picture(self.dataset.roles.get("feature_loader")) if said is None else said
