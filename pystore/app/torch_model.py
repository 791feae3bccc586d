"""TorchModel: a network of PyTorch as a model: trained on stored rows, asked, followed, served.

TO1  Identity is the code of the user's functions that train; an edit of postprocess trains nothing.
TO2  What differs in the rows and options of the training alone is compared, as long as the
     validation sets are the same.
TO3  The loader and the device are no identity; a wrong option costs no reading and no training.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import isclass, signature
from operator import itemgetter
from typing import Any, cast

from ..core.config import Config
from ..core.derivation import Derivation
from ..core.errors import BadStage, PystoreWarning
from ..core.matchers import Matcher, match_latest
from ..core.printable import listed
from ..core.refs import DRef
from ..declare.build import Build
from ..declare.identity.code import code_of_all
from ..declare.parameter_types import check_given
from ..declare.stage import Stage
from ..declare.view import View
from ..run.verbs import realize, realize_many
from ..store.current import current_store
from .asked import Asked
from .features import takes_picture
from .loaded import Loaded
from .roles import Roles
from .run import Run
from .savers import load
from .stored_rows import Rows
from .torch_answering import TorchAnswering
from .torch_loaded import TorchLoaded
from .torch_options import IGNORED, LoopOptions, Monitor, optimizer_name
from .torch_rows import places_of
from .torch_training import TRAIN, Loop, Part, TorchTraining

RECIPE = 1  # how a network is trained, and which files are written; another number trains anew
CONTEXT = ("name", "code", "recipe", "rows", "valid")  # keys that are no parameters
RESERVED = frozenset(("name", "code", "recipe", "build"))
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


class TorchModel(Asked):
    """A network of PyTorch: `net(rows, valid={"gold": gold}, steps=100)` is a Derivation.

    `network` is a class (or a function) that makes the network; what a call is given beside the
    options of the loop is for it. `preprocess` makes a tensor of an x, at training and for each
    question; `augment(x, y)` changes what it made, at training only. `postprocess` makes the
    prediction of the output for one row: a JSON value, or a dict of the declared `outputs`. It
    belongs to what answers: an edit predicts again and trains nothing, and the metrics stay those
    that were taken with the postprocess of the training.

    `objective(output, y)` is the loss (by default, with `classes`: cross_entropy). `metrics` are
    functions (predicted, true) of lists: what postprocess returned, of a dict the output named like
    y or else the first one, and y as it is stored. With `classes`, y is the place of the label in
    them for the objective.

    `rows` and `valid` are those of a call that names none. `optimizer` is a class, or the name of
    one of torch.optim. `matcher` chooses among the realizations of one derivation; `tolerance` is
    how far predictions may differ when a realization is checked (default: 1e-3, relative); `pad`
    says whether one can draw a question (default: where x is a picture).

    The options of a training: `steps` or `epochs`; `batch_size`; `optimizer`, `lr`,
    `optimizer_options` for its other arguments; `validate_every` so many steps (default: each
    epoch); `patience` validations without a better `monitor` end it ("gold/acc", "gold/error:min";
    default: the loss of the first set by name), and the best weights are kept; `clip` is the largest
    norm of the gradients; `mixed` precision on a GPU; `loader` options of the DataLoader and
    `device`, which are no identity. A set of `valid` has the metrics `NAME/loss` and `NAME/METRIC`.
    """

    def __init__(
        self,
        network: Callable[..., Any],
        name: str = "model",
        *,
        preprocess: Callable[[Any], Any] | None = None,
        postprocess: Callable[[Any], Any] | None = None,
        augment: Callable[[Any, Any], Any] | None = None,
        objective: Callable[..., Any] | None = None,
        metrics: Mapping[str, Callable[..., Any]] | None = None,
        classes: Sequence[Any] | None = None,
        outputs: Mapping[str, type] | None = None,
        optimizer: Callable[..., Any] | str | None = None,
        rows: Any = None,
        valid: Any = None,
        matcher: Matcher | None = None,
        tolerance: float | None = None,
        pad: bool | None = None,
    ) -> None:
        super().__init__(
            name, matcher or match_latest(), tolerance=tolerance, outputs=outputs, ignore=IGNORED
        )
        self.named_as_in(sys._getframe(1).f_globals.get("__name__", "__main__"))
        self.function = _parameters
        self.signature = signature(_parameters)
        self.parameters = tuple(self.signature.parameters)
        self.metrics = _checked_metrics(metrics or {})
        self.classes = None if classes is None else tuple(classes)
        self._optimizer = optimizer
        self.roles = self._roles(network, preprocess, postprocess, augment, objective, optimizer)
        self._rows, self._valid = rows, valid
        self._pad = pad
        self._draws = False  # whether x of what was loaded last is a picture
        self._judged: Mapping[str, str] | None = None  # the validation sets that were named last

    def _roles(self, *functions: Any) -> Roles:
        roles = Roles(f"the model {self.name}")
        names = ("network", "preprocess", "postprocess", "augment", "objective", "optimizer")
        for role, function in zip(names, functions, strict=True):
            if function is not None and not (role == "optimizer" and isinstance(function, str)):
                roles.take(role, function)
        if hasattr(functions[0], "state_dict") and not isclass(functions[0]):
            raise BadStage(
                "a network that is made already cannot be trained again and again",
                given=type(functions[0]).__name__,
                remedy=f"give its class: TorchModel({type(functions[0]).__name__}, …)",
            )
        for metric, function in self.metrics.items():
            roles.take(f"metric {metric}", function)
            names, functions = (*names, f"metric {metric}"), (*functions, function)
        for role, function in zip(names, functions, strict=True):
            if (value := _by_value(function)) is not None:
                roles.constant(role, value)
        roles.constant("outputs", self.declared.types)
        if self.classes is not None:
            roles.constant("classes", sorted(places_of(self.classes).items(), key=itemgetter(1)))
        return roles

    # --- the stage

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The functions of the user that train (TO1)."""
        metrics = (f"metric {name}" for name in self.metrics)
        trains = ("network", "preprocess", "augment", "objective", "optimizer", "classes")
        return self.roles.counted(*trains, *metrics)

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
        """The config of a training, once all that can be checked was checked (TO3)."""
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
        if self.classes is None:
            self.roles.needed("objective")
        loop = LoopOptions.of(options)
        Monitor.of(loop, self.training().known_metrics(valid), valid)
        self._check_network({k: v for k, v in options.items() if k not in known})
        self._judged = _drefs(valid)
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

    def train(
        self,
        rows: Any = None,
        valid: Any = None,
        *,
        attempts: int = 1,
        matcher: Matcher | None = None,
        force: bool = False,
        **options: Any,
    ) -> Run:
        """Trains what is missing, and loads the result: a Run, with its traces.

        `attempts` is how many trainings there must be; `matcher` chooses among them (default: the
        model's). `force` trains once more. `options` are those of `realize`, such as `workers`; the
        others are those of the training.
        """
        known = signature(realize).parameters
        how = {key: value for key, value in options.items() if key in known}
        rest = {key: value for key, value in options.items() if key not in known}
        derivation: Any = self(rows, valid, **rest)
        if matcher is not None:
            derivation = derivation.replace(matcher=matcher)
        rrefs = realize_many(derivation, attempts=attempts, force_rebuild=force, **how)
        loaded = self.load(rrefs[0])
        self._answer_with(loaded, is_own=False)
        return Run(loaded, tuple(rrefs))

    # --- asking

    def answering(self) -> TorchAnswering:
        """The functions that answer."""
        get = self.roles.get
        return TorchAnswering(
            get("preprocess"), get("postprocess"), self.declared, self.answering_code()
        )

    @property
    def answering_functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """Preprocess and postprocess."""
        return self.roles.get("preprocess"), self.roles.get("postprocess")

    def _answering_code(self) -> str:
        return code_of_all(self.roles.counted(*_ANSWERS), "project").digest

    def predict_one(self, raw: Any) -> Any:
        """The prediction for one value; before any training, that of a network as it is made.

        Such a network has learnt nothing, which a warning says.
        """
        if self._used is not None or self._choice() is not None:
            return super().predict_one(raw)
        warnings.warn(
            f"{self.name} is not trained: this predicts a network that has learnt nothing",
            PystoreWarning,
            stacklevel=2,
        )
        training, answering = self.training(), self.answering()
        prepared = answering.prepared(raw)
        if prepared is None:
            return None
        told = answering.predict(training.fresh({}, 0), [prepared])
        return answering.checked(told, 1)[0]

    def read(self, view: View, given: Mapping[str, Any]) -> Loaded:
        """The realization with this view and config, in memory."""
        own = {k: v for k, v in given.items() if k not in (*CONTEXT, *self.parameters)}
        options = {k: v for k, v in given.items() if k not in CONTEXT}
        training = self.training()
        network = load(view.path / "estimator", fresh=lambda: training.fresh(own, 0))
        loaded = TorchLoaded(
            view, network, Rows(view.path / "example"), training.answering,
            hyperparameters=options, tolerance=self.tolerance,
        )  # fmt: skip
        self._draws = loaded.takes_pictures
        return loaded

    # --- which one

    def comparison(self) -> Callable[[Config], bool]:
        """The rule by which a config is comparable with this model, as its code is now (TO2).

        Raises BadStage while it is not known which validation sets are meant.
        """
        judged = self._validation_sets()
        if judged is None:
            raise BadStage(
                f"by which validation sets is {self.name} judged?",
                because="only what was validated on the same rows is compared, and this program "
                "names no validation sets for it",
                remedy='TorchModel(…, valid={"gold": gold}), or declare the training first: '
                f'{self.name}(rows, valid={{"gold": gold}}, …)',
            )
        is_alike = self._alike()
        return lambda config: is_alike(config) and config.value["valid"] == judged

    def comparable(self) -> list[DRef]:
        """The derivations in the store that are comparable with this model (TO2).

        Where this program names no validation sets, those that all of its trainings have count;
        raises BadStage when they have several.
        """
        if self._validation_sets() is not None:
            return super().comparable()
        store, is_alike = current_store(), self._alike()
        named = {dref: store.config(dref) for dref in store.drefs() if dref.name == self.name}
        found = {dref: config.value["valid"] for dref, config in named.items() if is_alike(config)}
        if any(one != next(iter(found.values())) for one in found.values()):
            self.comparison()  # which says what to do
        return [*found]

    def _alike(self) -> Callable[[Config], bool]:
        known = {"name": self.name, "code": self.code().digest, "recipe": RECIPE}
        return lambda config: {key: config.value.get(key) for key in known} == known

    def _validation_sets(self) -> Mapping[str, str] | None:
        if self._judged is None and self._valid is not None:
            self._judged = _drefs(self._valid_sets(None))
        return self._judged

    # --- serving, and other processes

    @property
    def takes_pictures(self) -> bool:
        """Whether one can draw a question."""
        if self._pad is not None:
            return self._pad
        return self._draws or takes_picture(self.roles.get("preprocess"))

    def identity(self) -> tuple[object, ...]:
        """The settings and the functions that other code depends on when it uses the model."""
        return self.name, dict(self.functions)

    def __repr__(self) -> str:
        return f"<model {self.name}>"


def _by_value(function: Any) -> Any:
    """What counts of what is no function of the user's own; None for a function.

    What a package defines counts by its name, a module of PyTorch by its settings and tensors.
    """
    if isinstance(function, str):
        return function
    if hasattr(function, "state_dict") and not isclass(function):
        settings = {k: v for k, v in vars(function).items() if not k.startswith("_")}
        return type(function), settings, str(function), dict(function.state_dict())
    return function if str(getattr(function, "__module__", "")).startswith("torch.") else None


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


def _drefs(sets: Mapping[str, Any]) -> dict[str, str]:
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
