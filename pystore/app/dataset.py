"""Dataset: the rows that a model learns from, as two stages: they are read, then split.

DA1  Data is read once: the reader runs again only when its code, version or arguments change, or
    when it is told to.
DA2  The default split keeps the numbers of rows alone, and follows from its settings and the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from ..core.derivation import Derivation
from ..core.refs import check_name
from ..declare.view import View
from ..run.verbs import realize
from .reading import ReadStage
from .roles import Role, Roles, checked_version, no_options
from .savers import load
from .splitting import Settings, SplitStage, parts_of

P = ParamSpec("P")
R = TypeVar("R")


class ReaderDecorator(Protocol):
    """What makes a Reader of a function."""

    def __call__(self, function: Callable[P, R], /) -> Reader[P, R]:
        """Takes the function, and returns its Reader."""


def _pad(*, pad: bool | None = None) -> bool | None:
    """The options of a feature_loader."""
    return pad


class Dataset:
    """The source of rows: a reader, and how its data become features and targets.

    The default split shuffles with `random_state`, and keeps `test_size` (a share) of the rows for
    the test part, and `valid_size` for a part by which models are chosen. The default parser takes
    the columns `features` (default: all others) and `targets` of a frame; data that are a tuple are
    (features, targets) already.

    Raises BadStage for sizes that leave a part empty.
    """

    def __init__(
        self,
        name: str = "dataset",
        *,
        features: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        test_size: float = 0.2,
        valid_size: float = 0.0,
        shuffle: bool = True,
        random_state: int = 12345,
    ) -> None:
        self.name = check_name(name)
        self.settings = Settings(
            test_size,
            valid_size,
            shuffle,
            random_state,
            tuple(features or ()),
            tuple(targets or ()),
        )
        self.roles = Roles(f"the dataset {name}")
        self.pad: bool | None = None
        self._read: ReadStage | None = None
        self.split_stage = SplitStage(self.name + "-split", self.roles, self.settings)

    # --- roles

    @overload
    def reader(self, function: Callable[P, R], /) -> Reader[P, R]: ...
    @overload
    def reader(
        self, /, *, cache: bool = True, cache_version: str = "", version: str = ""
    ) -> ReaderDecorator: ...
    def reader(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        cache: bool = True,
        cache_version: str = "",
        version: str = "",
    ) -> Any:
        """The function that reads the data; its parameters are arguments of the reading.

        It returns a frame, an array, or (features, targets). What is decorated becomes a Reader:
        called, it gives the stored data. With `cache=False` each training reads again.
        """
        known = checked_version("reader", True, cache_version, version)

        def take(function: Callable[..., Any]) -> Reader[Any, Any]:
            self.roles.take("reader", function, known)
            self._read = ReadStage(self.name, function, known, rereads=not cache)
            return Reader(self, function)

        return take if function is None else take(function)

    loader = Role(no_options)
    """The function that turns the data of the reader into the data that are split."""

    splitter = Role(no_options)
    """The function (data, test_size, shuffle, random_state) that returns (train, test).

    With a `valid_size` of the dataset it returns (train, valid, test).
    """

    parser = Role(no_options)
    """The function (data, features, targets) that returns the arguments of the trainer."""

    feature_transformer = Role(no_options)
    """The function that prepares features, at training and when a prediction is asked for."""

    feature_loader = Role(_pad)
    """The function that turns one raw input into features, or into None: nothing is asked.

    `pad` says whether the page of a service has a pad to draw on: by default where the
    annotation of its parameter is a picture.
    """

    def _keep(self, role: str, function: Callable[..., Any], pad: bool | None) -> None:
        """Gives a role to a function."""
        self.roles.take(role, function)
        if role == "feature_loader":
            self.pad = pad

    # --- stages

    @property
    def read_stage(self) -> ReadStage:
        """The stage that runs the reader. Raises BadStage without a reader."""
        self.roles.needed("reader")
        assert self._read is not None
        return self._read

    def derivation(self, **arguments: Any) -> Derivation:
        """The parts of the data that the reader gives for these arguments."""
        return self.split_stage(data=self.read_stage(**arguments))

    def parts(self, view: View) -> dict[str, tuple[Any, ...]]:
        """The parts `train`, `valid` if there is one, and `test` of the data, parsed."""
        return parts_of(view, self.roles, self.settings)

    def identity(self) -> tuple[object, ...]:
        """The settings and the functions that other code depends on when it uses the dataset."""
        counted = self.roles.counted(
            "reader", "splitter", "parser", "loader", "feature_transformer"
        )
        return self.name, self.settings.values(), counted

    def __repr__(self) -> str:
        return f"<dataset {self.name}>"


class Reader(Generic[P, R]):
    """A reader: called with its arguments, it gives the data that is in the store."""

    def __init__(self, dataset: Dataset, function: Callable[P, R]) -> None:
        self.dataset = dataset
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", "reader")
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The stored data; it is read if it is not there yet."""
        return cast("R", self._data(args, kwargs))

    def reread(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The data, read again. Equal bytes train nothing anew."""
        return cast("R", self._data(args, kwargs, force_rebuild=True))

    def _data(self, args: tuple[Any, ...], kwargs: dict[str, Any], **options: Any) -> Any:
        derivation = self.dataset.read_stage(*args, **kwargs)
        with View(realize(derivation, **options)) as view:
            return load(view.path / "data")

    def __repr__(self) -> str:
        return f"<reader of {self.dataset.name}>"
