"""Torch checkpoints: the state of a training in one file, which is read as data.

TB1  What is read is what was written, with all its bits; a file that is not whole counts as none.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_TENSOR, _TUPLE, _DICT = "tensor", "tuple", "dict"


def write_checkpoint(path: Path, state: Any) -> None:
    """Writes a nest of dicts, lists, tuples, tensors and JSON values; the file appears whole.

    Raises TypeError for what is none of these.
    """
    from safetensors.torch import save

    tensors: dict[str, Any] = {}
    plain = json.dumps(_parted(state, tensors))
    beside = path.with_suffix(".new")
    beside.write_bytes(save(tensors, {"state": plain}))
    os.replace(beside, path)


def read_checkpoint(path: Path) -> Any | None:
    """The state in a file; None where there is none, or none that is whole (TB1)."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return _joined(json.loads(file.metadata()["state"]), tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _parted(value: Any, tensors: dict[str, Any]) -> Any:
    """A nest with its tensors by number, so that JSON has the rest."""
    if hasattr(value, "detach"):
        name = str(len(tensors))
        # Clones, for tied tensors share their memory.
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {_TENSOR: name}
    if isinstance(value, tuple):
        return {_TUPLE: [_parted(one, tensors) for one in value]}
    if isinstance(value, list):
        return [_parted(one, tensors) for one in value]
    if isinstance(value, dict):
        return {_DICT: [[_parted(k, tensors), _parted(v, tensors)] for k, v in value.items()]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint holds no {type(value).__name__}")


def _joined(value: Any, tensors: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_joined(one, tensors) for one in value]
    if not isinstance(value, dict):
        return value
    [(kind, inner)] = value.items()
    if kind == _TENSOR:
        return tensors[inner]
    if kind == _TUPLE:
        return tuple(_joined(one, tensors) for one in inner)
    return {_joined(key, tensors): _joined(one, tensors) for key, one in inner}
