"""Splitting: the stage that parts data into rows to learn from, to choose by, and to test on."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ..core.dataclasses import dataclass
from ..core.errors import BadStage
from ..core.printable import listed
from ..declare.build import Build
from ..declare.stage import Stage
from ..declare.stage_options import Options
from ..declare.view import View
from ..run.verbs import realize
from .roles import Roles
from .row_keys import row_keys
from .rows import aligned, count, distinct_names, same_length, shuffled, taken
from .savers import load, save
from .telling_apart import refuse_shared_rows, warn_of_equal_rows

_ROWS = "rows.npz"


@dataclass(frozen=True)
class Settings:
    """The settings of the default splitter and of the default parser."""

    test_size: float
    valid_size: float
    shuffle: bool
    random_state: int
    features: tuple[str, ...]
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        sizes = (self.test_size, self.valid_size)
        if not (0 < self.test_size < 1 and 0 <= self.valid_size < 1 and sum(sizes) < 1):
            raise BadStage(
                "the parts of a dataset are shares of its rows",
                test_size=self.test_size,
                valid_size=self.valid_size,
                remedy="test_size=0.2 keeps a fifth of the rows for the test; together with "
                "valid_size it must leave some for the training",
            )

        both = [name for name in self.targets if name in self.features]
        if both:
            raise BadStage(
                f"{listed(both)} is a target and a feature of a dataset",
                because="the model would see what it is to predict",
                remedy="leave it out of features",
            )

    def values(self) -> dict[str, Any]:
        """The settings as a config has them."""
        known = asdict(self)
        return {key: list(one) if isinstance(one, tuple) else one for key, one in known.items()}

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts."""
        return ("train", "valid", "test") if self.valid_size else ("train", "test")


class SplitStage(Stage[...]):
    """The split as a stage: its config is the data, the code of the user's roles, and settings."""

    def __init__(self, name: str, roles: Roles, settings: Settings) -> None:
        super().__init__(_declare, Options(name=name), realize)
        self._roles = roles
        self._settings = settings

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """The functions of the user that split."""
        return self._roles.counted("loader", "splitter", "parser")

    @property
    def keys(self) -> frozenset[str] | None:
        """The keys of its configs."""
        return frozenset(("name", "code", "data", *self._settings.values()))

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return {**super()._bound(args, kwargs), **self._settings.values()}

    def work(self, b: Build, values: Mapping[str, Any]) -> None:
        """Writes the numbers of the rows of each part; the parts themselves for a splitter."""
        whole, settings = _loaded(values["data"], self._roles), self._settings
        aligned(whole)
        splitter = self._roles.get("splitter")
        if splitter is None:
            rows = _rows(count(whole), settings)
            if (keys := row_keys(whole)) is not None:
                of_parts = {name: [keys[at] for at in found] for name, found in rows.items()}
                warn_of_equal_rows(self.stage_name, of_parts)
            _parsed(taken(whole, rows["test"]), self._roles, settings)  # a mistake is found early
            np.savez(b.outpath / _ROWS, **rows)
            return
        parts = splitter(whole, settings.test_size, settings.shuffle, settings.random_state)
        if not isinstance(parts, tuple | list) or len(parts) != len(settings.parts):
            raise BadStage(
                f"the splitter of {self.stage_name} returns {listed(settings.parts)}",
                returned=repr(type(parts).__name__),
                remedy=f"return {', '.join(settings.parts)}",
            )
        named = dict(zip(settings.parts, parts, strict=True))
        self._tell_apart(whole, named)
        _parsed(named["test"], self._roles, settings)
        for name, part in named.items():
            save(part, b.outpath / name)

    def _tell_apart(self, whole: Any, parts: Mapping[str, Any]) -> None:
        """Raises BadStage for parts that share rows, or have none."""
        refuse_shared_rows(self.stage_name, whole, parts)
        keys = {name: row_keys(part) for name, part in parts.items()}
        empty = [name for name, found in keys.items() if found == []]
        if empty:
            raise BadStage(
                f"the splitter of {self.stage_name} leaves no rows to {listed(empty)}",
                rows=count(whole),
                remedy="return parts that have rows each",
            )
        warn_of_equal_rows(self.stage_name, {k: found for k, found in keys.items() if found})


def parts_of(view: View, roles: Roles, settings: Settings) -> dict[str, tuple[Any, ...]]:
    """The parts of a realization of the split, parsed: (features, targets) of each."""
    if (view.path / _ROWS).exists():
        whole = _loaded(view.data, roles)
        with np.load(view.path / _ROWS, allow_pickle=False) as rows:
            parts = {name: taken(whole, rows[name]) for name in settings.parts}
    else:
        parts = {name: load(view.path / name) for name in settings.parts}
    return {name: _parsed(part, roles, settings) for name, part in parts.items()}


def _loaded(data: View, roles: Roles) -> Any:
    read, loader = load(data.path / "data"), roles.get("loader")
    return read if loader is None else loader(read)


def _rows(length: int, settings: Settings) -> dict[str, Any]:
    """The numbers of the rows of each part; the test part comes last."""
    order = shuffled(length, settings.random_state) if settings.shuffle else np.arange(length)
    test, valid = int(length * settings.test_size), int(length * settings.valid_size)
    parts = {
        "train": order[: length - test - valid],
        "valid": order[length - test - valid : length - test],
        "test": order[length - test :],
    }
    empty = [name for name in settings.parts if not len(parts[name])]
    if empty:
        raise BadStage(
            f"{listed(empty)} would have no rows",
            rows=length,
            test_size=settings.test_size,
            valid_size=settings.valid_size or None,
            remedy="read more rows, or choose other sizes",
        )
    return {name: parts[name] for name in settings.parts}


def _parsed(part: Any, roles: Roles, settings: Settings) -> tuple[Any, ...]:
    """The arguments of the trainer, (features, targets), of one part. Raises BadStage."""
    distinct_names(part)
    parser = roles.get("parser")
    parsed = _by_columns(part, settings) if parser is None else _by_parser(parser, part, settings)
    aligned(parsed)
    same_length(parsed)
    distinct_names(parsed[0])
    return parsed


def _by_parser(parser: Callable[..., Any], part: Any, settings: Settings) -> tuple[Any, ...]:
    found = parser(part, list(settings.features), list(settings.targets))
    if not isinstance(found, tuple | list) or not found:
        raise BadStage(
            "the parser returns the arguments of the trainer",
            returned=type(found).__name__,
            remedy="return a tuple, such as (features, targets)",
        )
    return tuple(found)


def _by_columns(part: Any, settings: Settings) -> tuple[Any, ...]:
    if isinstance(part, tuple):
        if settings.features:
            raise BadStage(
                "features are named, and the data are a tuple",
                because="a tuple has features and targets already, and all of them would be taken",
                features=listed(settings.features, most=5),
                remedy="let the reader return a frame, or these columns alone",
            )
        return part
    if not hasattr(part, "columns"):
        raise BadStage(
            "it is not known which part of this data are targets",
            given=type(part).__name__,
            remedy="let the reader return (features, targets) or a frame, or write @dataset.parser",
        )
    wanted = [*settings.features, *settings.targets]
    missing = [name for name in wanted if name not in part.columns]
    if missing or not settings.targets:
        raise BadStage(
            f"the data has no column {listed(missing)}" if missing else "no column is a target",
            columns=listed(list(map(str, part.columns))[:20]),
            remedy="name columns of the data: Dataset(targets=['class'])",
        )
    others = [name for name in part.columns if name not in settings.targets]
    return part[list(settings.features) or others], part[list(settings.targets)]


def _declare(data: Any) -> None:
    """Splits data into the parts that a model learns from and is tested on."""
