"""Torch recipe: the functions of a TorchModel as a stage: its identity, options and rows.

TO1  Identity is the code of the user's functions that train; an edit of postprocess trains nothing.
TO2  The loader and the device are no identity; a wrong option costs no reading and no training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import isclass, signature, unwrap
from operator import itemgetter
from types import FunctionType
from typing import Any, cast

from ..core.derivation import Derivation
from ..core.errors import BadStage
from ..core.matchers import Matcher
from ..core.printable import listed
from ..declare.build import Build
from ..declare.identity.code import code_of_all
from ..declare.identity.project import file_of_project
from ..declare.parameter_types import check_given
from ..declare.stage import Stage
from ..declare.view import View
from .asked import Asked
from .roles import Roles
from .stored_rows import Rows
from .torch_answering import TorchAnswering
from .torch_options import IGNORED, LoopOptions, Monitor, optimizer_name
from .torch_rows import places_of
from .torch_training import TRAIN, Loop, Part, TorchTraining

RECIPE = 2  # how a network is trained, and which files are written; another number trains anew
CONTEXT = ("name", "code", "recipe", "rows", "valid")  # keys that are no parameters
RESERVED = frozenset(("name", "code", "recipe", "build"))
_TRAINS = ("network", "preprocess", "augment", "objective", "optimizer", "classes")
_ANSWERS = ("network", "preprocess", "postprocess", "outputs")


def _parameters(
    rows: Any = None,
    valid: Any = None,
    *,
    steps: int | None = None,
    epochs: int | None = None,
    batch_size: int = 32,
    optimizer: str | None = None,
    lr: float | None = None,
    optimizer_options: dict[str, Any] | None = None,
    validate_every: int | None = None,
    patience: int | None = None,
    monitor: str | None = None,
    clip: float | None = None,
    mixed: bool | None = None,
    loader: dict[str, Any] | None = None,
    device: str | None = None,
    **hyperparameters: Any,
) -> None:
    """The parameters of a training; the other ones are those of the network."""


class TorchRecipe(Asked):
    """A stage of the functions that make, train and ask a network."""

    def __init__(
        self,
        name: str,
        functions: Mapping[str, Any],
        metrics: Mapping[str, Callable[..., Any]],
        matcher: Matcher,
        *,
        classes: Sequence[Any] | None,
        outputs: Mapping[str, type] | None,
        tolerance: float | None,
        rows: Any,
        valid: Any,
        module: str,
    ) -> None:
        super().__init__(name, matcher, tolerance=tolerance, outputs=outputs, ignore=IGNORED)
        self.named_as_in(module)
        self.function = _parameters
        self.signature = signature(_parameters)
        self.parameters = tuple(self.signature.parameters)
        self.metrics = _checked_metrics(metrics)
        self.classes = None if classes is None else tuple(classes)
        self._optimizer = functions["optimizer"]
        self.roles = Roles(f"the model {name}")
        for role, function in {**functions, **_metric_roles(self.metrics)}.items():
            self._take(role, function)
        self.roles.constant("outputs", self.declared.types)
        if self.classes is not None:
            places = sorted(places_of(self.classes).items(), key=itemgetter(1))
            self.roles.constant("classes", places)
        self._rows, self._valid = rows, valid
        self._judged: Mapping[str, str] | None = None  # the validation sets that were named last

    def _take(self, role: str, function: Any) -> None:
        if role == "network" and hasattr(function, "state_dict") and not isclass(function):
            kind = type(function).__name__
            raise BadStage(
                "a network that is made already cannot be trained again and again",
                given=kind,
                remedy=f"give its class, TorchModel({kind}, …), or what makes one, "
                f"TorchModel(lambda: {kind}(…), …)",
            )
        if function is not None and not isinstance(function, str):
            self.roles.take(role, function)
        if (value := _by_value(function, self.__module__)) is not None:
            self.roles.constant(role, value)

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The functions of the user that train (TO1)."""
        return self.roles.counted(*_TRAINS, *_metric_roles(self.metrics))

    @property
    def keys(self) -> frozenset[str] | None:
        """None: the keys of its configs follow from the hyperparameters that are given."""
        return None

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        given = dict(zip(("rows", "valid"), args, strict=False))
        twice = [name for name in given if name in kwargs]
        if len(args) > 2 or twice:
            raise BadStage(
                f"{self.name} takes rows and validation sets by place, the rest by name",
                given=repr(args)[:200],
                remedy=f'{self.name}(rows, valid={{"gold": gold}}, steps=100)',
            )
        return self._values({**given, **kwargs})

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {**dict(zip(("rows", "valid"), args, strict=False)), **kwargs}

    def _values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The config of a training, once all that can be checked was checked (TO2)."""
        taken = sorted(RESERVED & given.keys())
        if taken:
            raise BadStage(
                f"a parameter of the network cannot be called {listed(taken)}",
                reserved=listed(sorted(RESERVED)),
                remedy="rename it in the class of the network",
            )
        options = {"batch_size": 32, **given}
        rows = _derivation("rows", options.pop("rows", None) or self._rows)
        valid = self._valid_sets(options.pop("valid", None))
        options = {name: value for name, value in options.items() if value is not None}
        if "optimizer" in options:
            options["optimizer"] = optimizer_name(options["optimizer"])
        known = {name: value for name, value in options.items() if name in self.parameters}
        check_given(self, known)
        self._check_network({k: v for k, v in options.items() if k not in known})
        if self.classes is None:
            self.roles.needed("objective")
        loop = LoopOptions.of(options)
        Monitor.of(loop, self.training().known_metrics(valid), valid)
        self._judged = drefs_of(valid)
        return {"recipe": RECIPE, "rows": rows, "valid": valid, **options}

    def _valid_sets(self, given: Any) -> dict[str, Any]:
        sets = self._valid if given is None else given
        if sets is None:
            return {}
        if not isinstance(sets, Mapping):
            sets = {"valid": sets}
        wrong = [n for n in sets if not (isinstance(n, str) and n and "/" not in n) or n == TRAIN]
        if wrong:
            raise BadStage(
                "these are no names of validation sets",
                given=listed(map(repr, wrong)),
                because=f"metrics of a set are called NAME/loss; {TRAIN} is the training itself",
                remedy='valid={"gold": gold}',
            )
        return {name: _derivation(f"valid[{name!r}]", one) for name, one in sets.items()}

    def _check_network(self, hyperparameters: Mapping[str, Any]) -> None:
        network = cast("Callable[..., Any]", self.roles.get("network"))
        try:
            signature(network).bind(**hyperparameters)
        except TypeError as error:
            raise BadStage(
                f"the network of {self.name} does not take this",
                given=listed(hyperparameters) or "nothing",
                because=str(error),
                options=listed(name for name in self.parameters if name != "hyperparameters"),
                remedy="name options of the training, or parameters of the class of the network",
            ) from None

    def training(self) -> TorchTraining:
        """The functions of the training, and those that answer."""
        return TorchTraining(
            self.name,
            cast("Any", self.roles.get("network")),
            self.roles.get("objective"),
            self.metrics,
            self.answering(),
            self.roles.get("augment"),
            self.classes,
            self._optimizer,
        )

    def work(self, b: Build, values: Mapping[str, Any]) -> None:
        """Trains, and writes the files of the realization."""
        valid = {name: _part(name, one) for name, one in values["valid"].items()}
        own = {k: v for k, v in values.items() if k not in (*CONTEXT, *self.parameters)}
        options = LoopOptions.of(values)
        Loop(b, self.training(), options, own, _part("rows", values["rows"]), valid).run()

    def answering(self) -> TorchAnswering:
        """The functions that answer."""
        get = self.roles.get
        return TorchAnswering(
            get("preprocess"),
            get("postprocess"),
            self.declared,
            self.answering_code(),
            self.answering_codes(),
        )

    @property
    def answering_functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """Preprocess and postprocess."""
        return self.roles.get("preprocess"), self.roles.get("postprocess")

    def _answering_code(self) -> str:
        return code_of_all(self.roles.counted(*_ANSWERS), "project").digest

    def _answering_codes(self) -> Mapping[str, str]:
        roles = {
            "predictor": ("postprocess", "outputs"),
            "feature_transformer": ("preprocess",),
            "init": ("network",),
        }
        counted = {role: self.roles.counted(*parts) for role, parts in roles.items()}
        return {role: code_of_all(one, "project").digest for role, one in counted.items() if one}

    def identity(self) -> tuple[object, ...]:
        """The settings and the functions that other code depends on when it uses the model."""
        return self.name, dict(self.functions)

    def __repr__(self) -> str:
        return f"<model {self.name}>"


def _metric_roles(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {f"metric {name}": function for name, function in metrics.items()}


def _by_value(function: Any, module: str) -> Any:
    """What counts of what is no function of the user's own; None for a function.

    A function of another package than that of the user's module counts by its name, a module of
    PyTorch by its settings and tensors.
    """
    if isinstance(function, str):
        return function
    if hasattr(function, "state_dict") and not isclass(function):
        settings = {k: v for k, v in vars(function).items() if not k.startswith("_")}
        return type(function), settings, str(function), dict(function.state_dict())
    plain = unwrap(function) if callable(function) else None  # such as one below torch.no_grad()
    if not isinstance(plain, FunctionType) or file_of_project(plain.__code__.co_filename):
        return None
    own = module.partition(".")[0]
    return None if str(plain.__module__).partition(".")[0] == own else function


def _derivation(name: str, given: Any) -> Any:
    """A derivation, or a reference to one. Raises BadStage."""
    made = given() if isinstance(given, Stage) else given
    if isinstance(made, Derivation) or (isinstance(made, str) and made.startswith("dref:")):
        return made
    raise BadStage(
        f"{name} is no derivation of rows",
        given=repr(given)[:200],
        remedy='give a snapshot, collection.snapshot(x="img", y="class"), or a stage that calls '
        "write_rows",
    )


def drefs_of(sets: Mapping[str, Any]) -> dict[str, str]:
    """The references of derivations, as a config has them."""
    return {name: str(getattr(one, "dref", one)) for name, one in sets.items()}


def _part(name: str, given: Any) -> Part:
    """The rows of an input. Raises BadStage when it has none, or is several."""
    if not isinstance(given, View):
        raise BadStage(
            f"{name} of a training is one realization of rows",
            given=f"{len(given)} realizations" if isinstance(given, list) else repr(given)[:100],
            remedy="give the input a matcher that chooses one",
        )
    return Part(Rows(given.path), given._store.tree(given.rref))


def _checked_metrics(given: Mapping[str, Any]) -> Mapping[str, Callable[..., Any]]:
    wrong = [n for n, f in given.items() if not callable(f) or "/" in n or n == "loss"]
    if wrong:
        raise BadStage(
            "metrics are functions by their names",
            given=listed(f"{name}: {given[name]!r}" for name in wrong),
            because="the loss is told as NAME/loss already" if "loss" in wrong else None,
            remedy='metrics={"acc": accuracy}, a function (predicted, true) of two lists',
        )
    return dict(given)
