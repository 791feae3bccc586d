"""Torch loaded: a realization of a TorchModel in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..declare.view import View
from .loaded import Loaded
from .stored_rows import Rows
from .torch_answering import TorchAnswering, TorchQuestions, as_json


class TorchLoaded(Loaded):
    """A network with its weights. A question is a value of x, or JSON of one."""

    def __init__(
        self,
        view: View,
        network: Any,
        rows: Rows,
        answering: TorchAnswering,
        *,
        hyperparameters: Mapping[str, Any],
        tolerance: float | None,
    ) -> None:
        self._fields = {name: rows.fields[name] for name in rows.x}
        examples = [x for x, _ in rows]
        shape = getattr(examples[0], "shape", None)
        self._questions = TorchQuestions(
            self._fields, answering, None if shape is None else len(shape)
        )
        self._prepare = answering.prepared
        super().__init__(
            view,
            network,
            examples,
            answering,
            hyperparameters=hyperparameters,
            asks=self._questions,
            tolerance=tolerance,
            loads=("init",),
        )

    @property
    def takes_pictures(self) -> bool:
        """Whether a question is a picture."""
        return [field.kind for field in self._fields.values()] == ["image"]

    def expected(self) -> dict[str, Any]:
        """The kinds of the fields that it takes, for messages."""
        return {"fields": self._questions.expected()}

    def example(self) -> Any:
        """The first kept example as a client would send it: a value, or a dict of several."""
        told = {name: as_json(field, self._of(name)) for name, field in self._fields.items()}
        return told if len(told) > 1 else next(iter(told.values()))

    def _of(self, name: str) -> Any:
        first = self._example[0]
        return first[name] if len(self._fields) > 1 else first

    def _kept(self) -> Any:
        return [self._prepare(one) for one in self._example]
