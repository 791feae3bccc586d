"""Roles: the functions of a user that a Dataset or a Model is made of.

RO1  The code of a role counts as the code of a stage's function does, its defaults included.
RO2  What is decorated stays the function that it was.
"""

import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from ..core.errors import BadStage
from ..core.printable import listed

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")


class Decorator(Protocol):
    """What returns the function that it is given (RO2)."""

    def __call__(self, function: F, /) -> F:
        """Takes the function, and returns it."""


class Role(Generic[P]):
    """A role with its decorator: `@model.trainer`, or `@model.trainer(cache=True)`.

    `options` is the function of its options; the value that it returns goes to the owner.
    """

    def __init__(self, options: Callable[P, Any]) -> None:
        self._options = options

    def __set_name__(self, owner: type, name: str) -> None:
        self.__name__ = name

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...
    @overload
    def __get__(self, owner: object, kind: type) -> "RoleDecorator[P]": ...
    def __get__(self, owner: Any, kind: type) -> Any:
        return self if owner is None else RoleDecorator(owner._keep, self.__name__, self._options)


class RoleDecorator(Generic[P]):
    """Gives a role to a function, by `keep(role, function, told)`."""

    def __init__(self, keep: Callable[..., None], role: str, options: Callable[P, Any]) -> None:
        self._keep, self._role, self._options = keep, role, options

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(self, *args: P.args, **options: P.kwargs) -> Decorator: ...
    def __call__(self, *function: Any, **options: Any) -> Any:
        """Takes the function; without one, takes options, and is what takes the function."""
        told = self._options(**options)  # type: ignore[call-arg]  # mypy takes them for any

        def take(function: Any) -> Any:
            self._keep(self._role, function, told)
            return function

        return take(*function) if function else take


def no_options() -> None:
    """The options of a role without any."""


class Roles:
    """Functions by the names of their roles, such as `trainer`."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._functions: dict[str, Callable[..., Any]] = {}
        self._counted: dict[str, dict[str, Callable[..., Any]]] = {}
        self.versions: dict[str, str] = {}

    def take(self, role: str, function: Any, version: str = "") -> None:
        """Gives a role to a function or a class; a later one takes the place of an earlier one."""
        if not callable(function):
            raise BadStage(
                f"the {role} of {self._owner} is a function",
                given=repr(function)[:200],
                remedy=f"write @….{role} above a def",
            )
        self._functions[role] = function
        self._counted[role] = _counted(role, function)
        self.versions[role] = version

    def constant(self, role: str, value: Any) -> None:
        """Makes a value count as the code of a role, which has no function."""
        self._counted[role] = {role: _constant(value)}

    def get(self, role: str) -> Callable[..., Any] | None:
        """The function of a role; None if there is none."""
        return self._functions.get(role)

    def needed(self, *roles: str) -> None:
        """Raises BadStage when one of these roles has no function."""
        missing = [role for role in roles if role not in self._functions]
        if missing:
            raise BadStage(
                f"{self._owner} has no {listed(missing)}",
                there_are=", ".join(self._functions) or "none",
                remedy=f"write a function for it, with @….{missing[0]} above it",
            )

    def counted(self, *roles: str) -> dict[str, Callable[..., Any]]:
        """The functions whose code is the code of these roles (RO1)."""
        found: dict[str, Callable[..., Any]] = {}
        for role in roles:
            found |= self._counted.get(role, {})
        return found

    def __getstate__(self) -> dict[str, Any]:
        # The process that gets them is told the digest of the code.
        return {**self.__dict__, "_counted": {}}


def checked_version(role: str, cache: bool, cache_version: str, version: str = "") -> str:
    """The version of a role, as one of the two words gives it. Raises BadStage without a cache."""
    if not cache:
        raise BadStage(
            f"a {role} without a cache: what a stage wrote is always kept",
            remedy="leave out cache=False; model.train(…, force=True) trains anew, and "
            "reread=True reads anew",
        )
    return str(cache_version or version)


def keyword_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """The keyword-only parameters of a function that have defaults, but for `build`."""
    return {
        parameter.name: parameter.default
        for parameter in keyword_only(function).values()
        if parameter.default is not parameter.empty
    }


def keyword_only(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The keyword-only parameters of a function, but for `build`."""
    found = inspect.signature(function).parameters.values()
    return {p.name: p for p in found if p.kind is p.KEYWORD_ONLY and p.name != "build"}


def takes_build(function: Callable[..., Any]) -> bool:
    """Whether a function wants to have the Build of its attempt."""
    return "build" in inspect.signature(function).parameters


def _counted(role: str, function: Any) -> dict[str, Callable[..., Any]]:
    if not isinstance(inspect.unwrap(function), FunctionType):
        return {role: _constant(function)}
    plain = inspect.unwrap(function)
    keywords = {} if role == "trainer" else plain.__kwdefaults__ or {}  # those of it are config
    values = (plain.__defaults__ or (), keywords)
    found = {role: function}
    return found | ({f"defaults of {role}": _constant(values)} if any(values) else {})


def _constant(value: Any) -> Callable[[], Any]:
    """A function that returns a value, so that the value counts as a part of its code."""
    return lambda: value
