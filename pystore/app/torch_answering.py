"""Torch answering: what a network answers: preprocess, batch, network, postprocess.

TQ1  What prepares a row for the training prepares each question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core.errors import PystoreError
from ..core.outputs import is_finite
from ..db.fields import Field
from .decoding import decoded, from_log
from .errors import BadFeatures, PredictorFailed
from .features import shape_of
from .outputs import Outputs
from .predictions import plain
from .row_keys import digest_of_rows
from .torch_rows import apart, stacked, to_device

AT_ONCE = 128  # rows that go through the network together


class TorchAnswering:
    """The functions of a user that answer."""

    def __init__(
        self,
        preprocess: Callable[[Any], Any] | None,
        postprocess: Callable[[Any], Any] | None,
        outputs: Outputs,
        digest: str,
        codes: Mapping[str, str],
    ) -> None:
        self.preprocess = preprocess
        self.postprocess = postprocess
        self.outputs = outputs
        self.digest = digest  # of the code of the network, too
        self.codes = codes  # digests of the code of each role

    @property
    def functions(self) -> tuple[Callable[..., Any] | None, ...]:
        """Preprocess and postprocess."""
        return self.preprocess, self.postprocess

    def prepared(self, value: Any) -> Any:
        """What the network gets for one value; None when it asks nothing (TQ1)."""
        return value if self.preprocess is None else self.preprocess(value)

    def digest_of_prepared(self, rows: Sequence[Any]) -> str:
        """A digest of rows as the network gets them; "" where these have none."""
        return digest_of_rows([self.prepared(row) for row in rows])

    def predict(self, network: Any, prepared: Sequence[Any]) -> list[Any]:
        """The predictions for rows that are prepared. Raises PredictorFailed with the row."""
        import torch

        was_training = network.training
        network.eval()
        found: list[Any] = []
        try:
            for first in range(0, len(prepared), AT_ONCE):
                some = prepared[first : first + AT_ONCE]
                with torch.inference_mode():
                    output = network(to_device(stacked(some), device_of(network)))
                found += self.told(output, len(some), first)
        finally:
            network.train(was_training)
        return found

    def told(self, output: Any, rows: int, first: int = 0) -> list[Any]:
        """The predictions that postprocess makes of the output for some rows.

        The number of the first row is told in errors. Raises PredictorFailed.
        """
        return [self._told(one, first + row) for row, one in enumerate(apart(output, rows))]

    def _told(self, output: Any, row: int) -> Any:
        try:
            return output if self.postprocess is None else self.postprocess(output)
        except Exception as error:
            raise PredictorFailed(
                f"postprocess failed on row {row}",
                because=f"{type(error).__name__}: {error}"[:300],
                remedy="correct postprocess: it gets the output of the network for one row",
            ) from error

    def checked(self, found: Sequence[Any], rows: int) -> list[Any]:
        """Predictions as JSON values, one a row, as declared. Raises PredictorFailed."""
        told = [plain(one) for one in found]
        wrong = next((row for row, one in enumerate(told) if not is_finite(one)), None)
        if wrong is not None:
            raise PredictorFailed(
                f"the prediction of row {wrong} holds a number that is not finite",
                given=repr(told[wrong])[:200],
                remedy="return finite numbers from postprocess, or None for no answer",
            )
        return self.outputs.checked(told)


def device_of(network: Any) -> Any:
    """The device of the parameters of a network."""
    return next((one.device for one in network.parameters()), "cpu")


class TorchQuestions:
    """Turns questions into rows that are prepared: values of the fields of x, or JSON of them."""

    def __init__(
        self,
        fields: Mapping[str, Field],
        answering: TorchAnswering,
        lengths: int | None = None,
    ) -> None:
        self._fields = fields  # of x
        self._answering = answering
        self._lengths = lengths  # of an array, how many there are; if known

    @property
    def takes_examples(self) -> bool:
        """True: an example is a value of the fields of x."""
        return True

    def of(self, raw: Any) -> list[Any] | None:
        """The rows of one question, prepared; None when nothing is asked. Raises BadFeatures."""
        found = [self._prepared(one) for one in self._rows(raw)]
        asking = [one for one in found if one is not None]
        if asking and len(asking) < len(found):
            raise self._bad("of several rows, one asks nothing", row=found.index(None))
        return asking or None

    def _rows(self, raw: Any) -> Sequence[Any]:
        """The rows of a question: a value of the only field, a dict of several, or a list."""
        if hasattr(raw, "to_dict") and hasattr(raw, "columns"):  # a frame
            return list(raw.to_dict("records"))
        if len(self._fields) == 1:
            [field] = self._fields.values()
            if field.kind in ("image", "array") and not _is_list_of_values(raw):
                lengths = len(shape_of(raw))
                is_several = lengths > 0 and lengths > self._of_one(field, shape_of(raw))
                return list(raw) if is_several else [raw]
        return raw if isinstance(raw, list) else [raw]

    def _of_one(self, field: Field, shape: tuple[int, ...]) -> int:
        """How many lengths one value has, of numbers in lists."""
        if field.kind == "image":
            return 3 if len(shape) in (3, 4) and shape[-1] in (3, 4) else 2
        return len(shape) if self._lengths is None else self._lengths

    def _prepared(self, row: Any) -> Any:
        try:
            if len(self._fields) == 1:
                [(name, field)] = self._fields.items()
                is_named = isinstance(row, Mapping) and field.kind != "json"
                value = as_value(field, row[name] if is_named else row)
            else:
                value = {name: as_value(field, row[name]) for name, field in self._fields.items()}
            return self._answering.prepared(value)
        except BadFeatures:
            raise
        except Exception as error:  # preprocess may raise anything, and so may decoders
            because = error.what if isinstance(error, PystoreError) else str(error)
            because = f"{type(error).__name__}: {because}"[:300]
            raise self._bad("this cannot be prepared", because=because) from error

    def _bad(self, what: str, **facts: object) -> BadFeatures:
        return BadFeatures(
            what,
            **facts,
            expected=self.expected(),
            remedy="send values like those of the training",
        )

    def expected(self) -> dict[str, str]:
        """The kinds of the fields by their names."""
        return {name: field.kind for name, field in self._fields.items()}


def _is_list_of_values(raw: Any) -> bool:
    """Whether it is a list of pictures, arrays, texts or dicts, and no list of numbers."""
    if not isinstance(raw, list) or not raw:
        return False
    return not isinstance(raw[0], list | int | float)


def as_value(field: Field, raw: Any) -> Any:
    """The value of a field; pictures also as numbers or base64, arrays as lists, times as texts.

    Raises BadRow, and what decoders raise.
    """
    if raw is None:
        return None
    if field.kind == "image":
        return _picture(raw)
    if field.kind == "datetime" and isinstance(raw, str):
        raw = datetime.fromisoformat(raw)
    if field.kind in ("own", "bytes"):
        return _bytes(raw)
    return field.value(field.stored(raw))


def _picture(raw: Any) -> Any:
    if isinstance(raw, str):
        return from_log(raw)
    if isinstance(raw, bytes | bytearray | memoryview):
        return decoded(bytes(raw))
    if isinstance(raw, list) or type(raw).__module__ == "numpy":
        import numpy as np
        from PIL import Image

        array = np.asarray(raw)
        whole = array.astype(np.uint8)
        if array.dtype.kind not in "iufb" or not np.array_equal(whole, array):
            raise ValueError("pixels are whole numbers from 0 to 255")
        return Image.fromarray(whole)
    return raw


def as_json(field: Field, value: Any) -> Any:
    """A value as a client sends it: a picture as base64 of a PNG, a time as a text."""
    if value is None or field.kind in ("int", "float", "bool", "text", "json"):
        return value
    if field.kind == "image":
        return _text(field.stored(value))
    if isinstance(value, bytes):
        return _text(value)
    return value.isoformat() if field.kind == "datetime" else plain(value)


def _bytes(raw: Any) -> Any:
    import base64

    return base64.b64decode(raw, validate=True) if isinstance(raw, str) else raw


def _text(raw: bytes) -> str:
    import base64

    return base64.b64encode(raw).decode()
