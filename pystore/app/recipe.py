"""Recipe: the functions of a Model as a stage: its identity, and the work of a training.

RX1  Identity is the code of the user's functions, never that of this package; a change of the
    files that a training writes is a number in the config.
RX2  A wrong hyperparameter, or a function that is missing, costs no reading and no training.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from inspect import Parameter, Signature
from typing import Any, cast

from ..core.errors import BadStage
from ..core.matchers import Matcher
from ..core.printable import listed
from ..declare.build import Build
from ..declare.identity.code import code_of_all
from ..declare.stage import Staged
from ..declare.view import View
from .answering import Answering
from .asked import Asked
from .dataset import Dataset
from .roles import Role, Roles, checked_version, keyword_defaults, keyword_only, no_options
from .signature import ANSWERS, LOADS, RECIPE
from .training import Training

CONTEXT = ("name", "code", "data", "version", "recipe")  # keys that are no hyperparameters
RESERVED = frozenset((*CONTEXT, "valid", "build"))
_TRAINS = ("init", "trainer", "evaluator", "saver")


def _version(*, cache: bool = True, cache_version: str = "", version: str = "") -> str:
    """The options of a trainer."""
    return checked_version("trainer", cache, cache_version, version)


class Recipe(Asked):
    """A stage of the functions that make, train, score and save an estimator."""

    def __init__(
        self,
        name: str,
        init: Callable[..., Any] | None,
        dataset: Dataset,
        matcher: Matcher,
        *,
        trusted: Collection[str],
        tolerance: float | None,
        outputs: Mapping[str, type] | None,
    ) -> None:
        super().__init__(name, matcher, tolerance=tolerance, outputs=outputs)
        self.trusted = tuple(trusted)
        self.dataset = dataset
        self.roles = Roles(f"the model {name}")
        if init is not None:
            self.roles.take("init", init)

    # --- roles

    init = Role(no_options)
    """The function of the dict of hyperparameters that returns a new estimator."""

    trainer = Role(_version)
    """The function (estimator, features, targets) that returns the fitted estimator.

    Its keyword-only parameters are parameters of the model, too; `build` gets the Build.
    """

    evaluator = Role(no_options)
    """The function (estimator, features, targets) that returns a float or a dict of floats."""

    predictor = Role(no_options)
    """The function (estimator, features) that returns one prediction a row."""

    saver = Role(no_options)
    """The function (estimator, file) that writes what has no safe default."""

    loader = Role(no_options)
    """The function (file) that reads what the saver wrote, and returns the estimator."""

    def _keep(self, role: str, function: Callable[..., Any], version: str | None) -> None:
        """Gives a role to a function."""
        self.roles.take(role, function, version or "")
        if role == "trainer":
            known = keyword_only(function).values()
            rest = Parameter("hyperparameters", Parameter.VAR_KEYWORD)
            self.signature = Signature([*(p.replace() for p in known), rest])
            self.parameters = tuple(self.signature.parameters)
            self.__dict__.pop("parameter_types", None)

    # --- the stage

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The functions of the user that train (ML1)."""
        return {
            **self.roles.counted(*_TRAINS),
            **self.dataset.roles.counted("feature_transformer"),
        }

    @property
    def keys(self) -> frozenset[str] | None:
        """None: the keys of its configs follow from the hyperparameters that are given."""
        return None

    def work(self, b: Build, values: Mapping[str, Any]) -> None:
        """Trains, scores, and writes the files of the realization."""
        data: View = values["data"]
        store = data._store
        rows = f"{store.tree(data.rref)} {store.tree(data.data.rref)}"
        given = {k: v for k, v in values.items() if k not in CONTEXT}
        hyperparameters, options = self.parted(given)
        parts = self.dataset.parts(data)
        self.training().run(b, parts, hyperparameters, options, rows=rows)

    def training(self) -> Training:
        """The functions of the training. Raises BadStage when one is missing."""
        self.roles.needed("init", "trainer", "evaluator")
        get = cast("Callable[[str], Callable[..., Any]]", self.roles.get)
        return Training(
            self.name,
            get("init"),
            get("trainer"),
            get("evaluator"),
            self.roles.get("saver"),
            self.dataset.roles.get("feature_transformer"),
            self.answering() if self.roles.get("predictor") else None,
            self.tolerance,
        )

    def answering(self) -> Answering:
        """The functions that answer. Raises BadStage without a predictor."""
        self.roles.needed("predictor")
        data = self.dataset.roles
        predictor = cast("Callable[..., Any]", self.roles.get("predictor"))
        return Answering(
            predictor,
            data.get("feature_loader"),
            data.get("feature_transformer"),
            self.answering_code(),
            self.answering_codes(),
            self.declared,
        )

    @property
    def answering_functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """Predictor, feature_loader and feature_transformer, as they are now."""
        data = self.dataset.roles.get
        return self.roles.get("predictor"), data("feature_loader"), data("feature_transformer")

    def _answering_code(self) -> str:
        self.roles.needed("predictor")
        mine, theirs = self.roles.counted, self.dataset.roles.counted
        return code_of_all(mine("predictor", "loader") | theirs(*ANSWERS[1:]), "project").digest

    def _answering_codes(self) -> Mapping[str, str]:
        mine, theirs = self.roles.counted, self.dataset.roles.counted
        counted = {role: mine(role) for role in ("predictor", *LOADS)}
        counted |= {role: theirs(role) for role in ANSWERS[1:]}
        return {role: code_of_all(one, "project").digest for role, one in counted.items() if one}

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if args:
            raise BadStage(
                f"{self.name} takes hyperparameters by name",
                given=repr(args)[:200],
                remedy=f"{self.name}(C=0.1)",
            )
        return self._values(kwargs, {})

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return dict(kwargs)

    def _values(self, given: Mapping[str, Any], reading: Mapping[str, Any]) -> dict[str, Any]:
        """The config of a training, once init has taken the hyperparameters (RX2)."""
        training = self.training()
        taken = sorted(RESERVED & given.keys())
        if taken:
            raise BadStage(
                f"a hyperparameter cannot be called {listed(taken)}",
                reserved=listed(sorted(RESERVED)),
                remedy="rename it in @model.init, which takes the dict of hyperparameters",
            )
        known = {**keyword_defaults(training.trainer), **given}
        training.fresh(self.parted(known)[0])
        return {**self._context(reading), **known}

    def _context(self, reading: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a config in which comparable trainings agree, but for name and code."""
        version = self.roles.versions.get("trainer", "")
        data = self.dataset.derivation(**reading)
        return {"data": data, "version": version, "recipe": RECIPE}

    def parted(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The hyperparameters, which are for init, and the keyword parameters of the trainer."""
        own = keyword_only(cast("Callable[..., Any]", self.roles.get("trainer")))
        hyperparameters = {k: v for k, v in given.items() if k not in own}
        return hyperparameters, {k: v for k, v in given.items() if k in own}

    def _derivation(self, given: Mapping[str, Any], reading: Mapping[str, Any]) -> Staged:
        return self._staged(self._values(given, reading), {})

    def identity(self) -> tuple[object, ...]:
        """The settings and the functions that other code depends on when it uses the model."""
        return self.name, dict(self.functions), self.dataset.identity()

    def __repr__(self) -> str:
        return f"<model {self.name}>"
