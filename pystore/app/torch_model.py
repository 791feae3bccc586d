"""TorchModel: a network of PyTorch as a model: trained on stored rows, asked, followed, served.

TN1  What differs in the rows and options of the training alone is compared, as long as the
     validation sets are the same.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from ..core.config import Config
from ..core.errors import BadStage, PystoreWarning
from ..core.matchers import Matcher, match_latest
from ..core.refs import DRef
from ..declare.view import View
from ..run.verbs import realize, realize_many
from ..store.current import current_store
from .features import takes_picture
from .loaded import Loaded
from .run import Run
from .savers import load
from .stored_rows import Rows
from .torch_loaded import TorchLoaded
from .torch_recipe import CONTEXT, RECIPE, TorchRecipe, drefs_of


class TorchModel(TorchRecipe):
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
    default: the loss of the first set by name), and the best weights are kept; `clip` is the
    largest norm of the gradients; `mixed` precision on a GPU; `loader`, a dict for the DataLoader,
    and `device` are no identity: changing them trains nothing anew. A set of `valid` has the
    metrics `NAME/loss` and `NAME/METRIC`.
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
        functions = {
            "network": network,
            "preprocess": preprocess,
            "postprocess": postprocess,
            "augment": augment,
            "objective": objective,
            "optimizer": optimizer,
        }
        super().__init__(
            name,
            functions,
            metrics or {},
            matcher or match_latest(),
            classes=classes,
            outputs=outputs,
            tolerance=tolerance,
            rows=rows,
            valid=valid,
            module=sys._getframe(1).f_globals.get("__name__", "__main__"),
        )
        self._pad = pad
        self._draws = False  # whether x of what was loaded last is a picture

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

    def predict_one(self, raw: Any) -> Any:
        """The prediction for one value; before any training, that of a network as it is made.

        Such a network has learnt nothing, which a warning says.
        """
        if self._used is not None or (self.comparable() and self._choice()[0] is not None):
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
        """The rule by which a config is comparable with this model, as its code is now (TN1).

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
        """The derivations in the store that are comparable with this model (TN1).

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
            self._judged = drefs_of(self._valid_sets(None))
        return self._judged

    # --- serving, and other processes

    @property
    def takes_pictures(self) -> bool:
        """Whether one can draw a question."""
        if self._pad is not None:
            return self._pad
        return self._draws or takes_picture(self.roles.get("preprocess"))

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_rows": None, "_valid": None}  # may be whole graphs
