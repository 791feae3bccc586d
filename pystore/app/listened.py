"""Listened: what a prediction follows from, beside a realization and the content of a row.

HA1  Where the code that predicts, its outputs, or the reading of a field are others than before,
     each row is predicted again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..core.digest import short
from ..db.fields import Field
from ..declare.identity.code import code_of_all
from .answers import Predictor

_READING = {"image": 2}  # the number of how values are made of a content; 1: pictures as they lie


class AnsweringCode:
    """The digest of all that makes a prediction of a content, as it is now (HA1)."""

    def __init__(self, predictor: Predictor, fields: Mapping[str, Field]) -> None:
        self._predictor = predictor
        self._fields = {name: _told(field) for name, field in fields.items()}
        self._loads = {
            name: _reading_by(field.load) for name, field in fields.items() if field.load
        }

    def digest(self) -> str:
        """32 hex digits. Raises PystoreError when a file was edited after it was loaded."""
        told = {
            "code": self._predictor.code(),
            "outputs": dict(self._predictor.outputs),
            "fields": self._fields,
            "loads": code_of_all(self._loads, "project").digest if self._loads else None,
        }
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return short("pystore listened code 1", text.encode())


def _told(field: Field) -> dict[str, Any]:
    return {**field.describe(), "reading": _READING.get(field.kind, 1)}


def _reading_by(load: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """A function that uses `load`: what is no function, such as a class, counts by it, too."""

    def read(raw: bytes) -> Any:
        return load(raw)

    return read
