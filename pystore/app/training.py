"""Training: the work of a Model's stage: fit, score, and write what a service needs.

TR1  The files of a training follow from its inputs and its seed alone.
TR2  A predictor that fails costs no training: the failure is recorded, and told.
TR3  What is scored is what is saved, on the rows that the parts have: a trainer or an evaluator
    that changes what it is given changes no score.
"""

import json
import math
from collections.abc import Callable, Mapping
from inspect import isclass
from typing import Any

import numpy as np

from ..core.dataclasses import dataclass
from ..core.errors import BadStage
from ..declare.build import Build
from ..declare.seeds import seed_everything
from .answering import Answering
from .errors import PredictorFailed
from .evidence import Evidence, is_sure
from .predictions import plain
from .roles import takes_build
from .rows import copied, count, same_columns, same_length, same_rows, taken
from .savers import save
from .signature import Signature, described, gaps_of, versions
from .steadiness import check_among, checked_predictions, is_changed, told_failure

EXAMPLES = 5  # rows that are kept with their predictions


@dataclass(frozen=True)
class Training:
    """The functions of a user that train, and those that answer."""

    name: str
    init: Callable[..., Any]
    trainer: Callable[..., Any]
    evaluator: Callable[..., Any]
    saver: Callable[..., Any] | None
    transformer: Callable[..., Any] | None
    answering: Answering | None
    tolerance: float | None = None

    def fresh(self, hyperparameters: Mapping[str, Any]) -> Any:
        """An estimator that has learnt nothing. Raises BadStage when init refuses."""
        try:
            if isclass(self.init):
                return self.init(**hyperparameters)
            return self.init(dict(hyperparameters))
        except Exception as error:
            raise BadStage(
                f"{self.name} cannot be made with these hyperparameters",
                given=", ".join(f"{k}={v!r}" for k, v in hyperparameters.items())[:300] or "none",
                because=f"{type(error).__name__}: {error}"[:400],
                remedy="name hyperparameters that the estimator has",
            ) from error

    def run(
        self,
        b: Build,
        parts: Mapping[str, tuple[Any, ...]],
        hyperparameters: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        rows: str,
    ) -> None:
        """Fits an estimator, scores it on each part, and writes the files of the realization.

        `hyperparameters` are for init, `options` for the trainer; `rows` tells test parts apart.
        """
        self.fresh(hyperparameters)  # imports what it needs, so that the seed reaches that
        seed_everything(b)
        same_columns({name: part[0] for name, part in parts.items()})
        gaps = gaps_of([part[0] for part in parts.values()])
        ready = {name: self._prepared(part) for name, part in parts.items()}
        given = {**options, **({"build": b} if takes_build(self.trainer) else {})}
        # Whatever is changed in place is a copy: the parts are needed again (TR3).
        fitted = self.trainer(self.fresh(hyperparameters), *map(copied, ready["train"]), **given)
        if fitted is None:
            raise BadStage(
                f"the trainer of {self.name} returned nothing",
                remedy="return the estimator that was fitted",
            )
        saved = self._save(fitted, b)
        metrics: dict[str, float] = {}
        for name, part in ready.items():
            metrics |= self._scores(name, self.evaluator(fitted, *map(copied, part)))
        self._check_unchanged(fitted, saved)
        for name, value in metrics.items():
            b.metric(name, value, None)
        (b.outpath / "metrics.json").write_text(json.dumps(metrics) + "\n")
        self._witness(b, fitted, parts["test"], rows=rows, gaps=gaps, saved=saved)

    def _prepared(self, part: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.transformer is None:
            return part
        found = self.transformer(copied(part[0]))
        if found is None:
            raise BadStage(
                f"the feature_transformer of {self.name} returned nothing",
                remedy="return the features that it has prepared",
            )
        same_rows(part[0], found)
        same_length((found, *part[1:]))
        return (found, *part[1:])

    def _save(self, fitted: Any, b: Build) -> str | None:
        """Saves an estimator. Returns its digest; None where a saver of the user has written it."""
        if self.saver is None:
            return save(fitted, b.outpath / "estimator")
        (b.outpath / "estimator").mkdir()
        self.saver(fitted, b.outpath / "estimator" / "model")
        if not (b.outpath / "estimator" / "model").exists():
            raise BadStage(
                f"the saver of {self.name} wrote nothing",
                remedy="write the file, or a folder, that the saver is given",
            )
        return None

    def _check_unchanged(self, fitted: Any, saved: str | None) -> None:
        if is_changed(fitted, saved):
            raise BadStage(
                f"the evaluator of {self.name} changes the estimator",
                because="what is scored would be another estimator than the one that is saved",
                remedy="score a copy of it: copy.deepcopy(estimator)",
            )

    def _scores(self, part: str, told: Any) -> dict[str, float]:
        """The scores of one part by their names: `test`, or `test/recall`."""
        named = {f"{part}/{key}": one for key, one in told.items()} if _is_dict(told) else {
            part: told
        }  # fmt: skip
        scores = {}
        for name, value in named.items():
            try:
                scores[name] = float(value)
            except (TypeError, ValueError):
                raise BadStage(
                    f"the evaluator of {self.name} returned no number",
                    returned=repr(value)[:200],
                    remedy="return a float, or a dict of floats",
                ) from None
        return scores

    def _witness(
        self,
        b: Build,
        fitted: Any,
        test: tuple[Any, ...],
        *,
        rows: str,
        gaps: tuple[str, ...],
        saved: str | None,
    ) -> None:
        """Writes the signature, the examples, and the predictions of the test part."""
        features = test[0]
        example = taken(features, list(range(min(EXAMPLES, count(features)))))
        save(example, b.outpath / "example")
        told: list[Any] | None = None
        failure, single, prepared = "", False, ""
        if self.answering is not None:
            try:
                prepared = self.answering.digest_of_prepared(example)
                told, single = checked_predictions(
                    self.answering, fitted, example, self.tolerance, before=saved
                )
                self._keep_evidence(b, fitted, test, rows, told)
            except Exception as error:  # the training is kept (TR2)
                told, failure = None, told_failure(self.name, error)
        Signature(
            **described(features),
            missing=gaps,
            codes={} if self.answering is None else self.answering.codes,
            predictions=told,
            prepared=prepared,
            failure=failure,
            single=single,
            versions=versions(),
        ).write(b.outpath)

    def _keep_evidence(
        self, b: Build, fitted: Any, test: tuple[Any, ...], rows: str, told: list[Any]
    ) -> None:
        """Writes the predictions of the test part, where the true values are of one column.

        The first of them are the examples, which must have their predictions `told` among the
        others too. A dict that is no confidences by label says nothing of a true value.
        """
        assert self.answering is not None
        features, truth = test[0], _column(test[1]) if len(test) > 1 else None
        if truth is None:
            return
        predicted = self.answering.predict(fitted, features)
        predictions = self.answering.checked(predicted, count(features))
        check_among(told, predictions)
        target = next(iter(getattr(test[1], "columns", ())), None)
        judged = [self.answering.judged(one, target, labels=truth) for one in predictions]
        if not any(isinstance(one, dict) and not is_sure(one) for one in judged):
            Evidence(tuple(truth), tuple(judged), rows).write(b.outpath)


def _column(targets: Any) -> list[Any] | None:
    """The targets as a list with one value a row; None for several columns, and for times."""
    array = np.asarray(targets)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    finite = array.dtype.kind != "f" or all(map(math.isfinite, array.tolist()))
    if array.ndim != 1 or not finite:
        return None
    try:
        return [plain(one) for one in array]
    except PredictorFailed:
        return None


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)
