"""Readings: the arguments of the reader with which else a model was trained.

RG1  Trainings on other arguments of the reader are not compared, and are named where there is no
    other one.
"""

from collections.abc import Mapping
from typing import Any

from ..core.config import Config
from ..core.errors import BadStage, Corrupted, NotInStore
from ..core.printable import counted, listed
from ..core.refs import DRef
from ..store.store import Store

_OF_ALL = ("name", "code", "version")  # keys of a reading that are no arguments


def trained_otherwise(
    name: str, own: Mapping[str, Mapping[str, Any]], store: Store
) -> BadStage | None:
    """The error that names the arguments of the reader with which a model was trained here.

    `own` are the values of the configs of the training, without hyperparameters, of the split and
    of the reading, by the names `training`, `data` and `reading`. None where there is none.
    """
    found: dict[str, int] = {}
    for dref in store.drefs():
        if dref.name == name and (arguments := _arguments(dref, own, store)) is not None:
            found[arguments] = found.get(arguments, 0) + len(_trained(dref, store))
    found = {arguments: n for arguments, n in found.items() if n}
    if not found:
        return None
    first = next(iter(found))
    return BadStage(
        f"{name} is trained with other arguments of its reader only: {listed(found, most=3)}",
        here=_as_called(_given(own["reading"]), {}) or "none",
        trained="; ".join(f"{counted(n, 'time')} with {text}" for text, n in found.items())[:300],
        remedy=f"model.train({{…}}, {first}) finds what is trained, and what this program serves "
        "or predicts after it follows these data; or name one: pystore pin serving REF, and "
        "--pin serving",
    )


def _arguments(dref: DRef, own: Mapping[str, Mapping[str, Any]], store: Store) -> str | None:
    """The arguments of a reading in which alone a training differs, as they were given."""
    try:
        training = store.config(dref)
        if not _agrees(training, own["training"]):
            return None
        data = store.config(DRef(training.value["data"]))
        if not _agrees(data, {key: v for key, v in own["data"].items() if key != "data"}):
            return None
        reading = store.config(DRef(data.value["data"]))
    except (Corrupted, NotInStore):
        return None
    if not _agrees(reading, {key: own["reading"].get(key) for key in _OF_ALL}):
        return None
    return _as_called(_given(reading.value), _given(own["reading"]))


def _agrees(config: Config, own: Mapping[str, Any]) -> bool:
    return all(config.value.get(key) == value for key, value in own.items())


def _given(reading: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in reading.items() if key not in _OF_ALL}


def _as_called(arguments: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """The arguments that differ, as a call has them."""
    differ = {key: v for key, v in arguments.items() if key not in own or own[key] != v}
    return ", ".join(f"{key}={value!r}" for key, value in differ.items())


def _trained(dref: DRef, store: Store) -> list[Any]:
    return [one for one in store.attempts(dref) if one.rref is not None]
