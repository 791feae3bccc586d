"""View: a realization as a value — its parameters, its files, its inputs — read-only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..model.attempt import Attempt
from ..model.context import Context
from ..model.derivation import html_table
from ..model.refs import DRef, RefPath, RRef, selfref
from ..store.current import current_store
from ..store.protocol import StoreProtocol
from .build import Attributes
from .choice import chosen

RESERVED = ("attempts", "config", "dref", "path", "rref")


class View:
    """A realization: config values and promised files as attributes, inputs as views.

    Where a config has a key such as `path`, which means something here, `.config.path` is it.
    """

    def __init__(self, rref: str, store: StoreProtocol | None = None) -> None:
        self._store = store or current_store()
        self.rref = RRef(rref)  # its own reference
        self._store.hold((self.rref,))
        self.path: Path = self._store.path(self.rref)  # the directory of its artifacts
        self._values: dict[str, Any] | None = None

    @property
    def dref(self) -> DRef:
        """The derivation that it realizes."""
        return self.rref.dref

    @property
    def attempts(self) -> list[Attempt]:
        """The attempts that made it, oldest first."""
        return [a for a in self._store.attempts(self.dref) if a.rref == self.rref]

    @property
    def config(self) -> Any:
        """The config as attributes."""
        return Attributes(**self._resolved())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        values = self._resolved()
        if name in values:
            return values[name]
        there = ", ".join(sorted({*values, *RESERVED}))
        raise AttributeError(f"{self.rref.name} has no {name!r}; there is: {there}")

    def _resolved(self) -> dict[str, Any]:
        if self._values is None:
            context = self._store.context(self.rref)
            config = self._store.config(self.dref)
            self._values = resolve(config.value, views(context, self._store), self.path)
            if best := chosen(self.dref, context, self.path, self._store):
                one = View(best, self._store)
                self._values |= {"chosen": one, **one._resolved()}
        return self._values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and other.rref == self.rref

    def __hash__(self) -> int:
        return hash(self.rref)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *self._resolved()})

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={_brief(v)}" for k, v in self._resolved().items())
        return f"<View {self.rref} {shown}>"

    def _repr_html_(self) -> str:
        shown = {"rref": self.rref, **self._resolved()}
        return html_table([(name, _brief(value)) for name, value in shown.items()])


def view(rref: str, *, store: StoreProtocol | None = None) -> View:
    """The realization as a stage would get it: attributes for its config, files and inputs.

    Raises NotInStore, or Corrupted when verify found it damaged.
    """
    return View(rref, store)


def views(context: Context, store: StoreProtocol) -> Callable[[DRef], Any]:
    """Gives for an input its view, or the list of views where several were chosen."""

    def chosen(dref: DRef) -> View | list[View]:
        found = [View(rref, store) for rref in context[dref]]
        return found[0] if len(found) == 1 else found

    return chosen


def resolve(values: Mapping[str, Any], inputs: Callable[[DRef], Any], out: Path) -> dict[str, Any]:
    """A config's values with views for references and paths for files."""
    return {key: _resolve(value, inputs, out) for key, value in values.items()}


def _resolve(value: Any, inputs: Callable[[DRef], Any], out: Path) -> Any:
    if isinstance(value, str) and value.startswith("dref:"):
        return inputs(DRef(value))
    if isinstance(value, list) and _is_path(value):
        return _path(RefPath.parse(value), inputs, out)
    if isinstance(value, list):
        return [_resolve(item, inputs, out) for item in value]
    if isinstance(value, dict):
        return resolve(value, inputs, out)
    return value


def _is_path(value: list[Any]) -> bool:
    if len(value) < 2 or not all(isinstance(item, str) for item in value):
        return False
    first, *rest = value
    return first == selfref or (
        first.startswith("dref:") and not any(item.startswith("dref:") for item in rest)
    )


def _path(path: RefPath, inputs: Callable[[DRef], Any], out: Path) -> Any:
    if path.ref == selfref:
        return out.joinpath(*path.parts)
    found = inputs(DRef(path.ref))
    if isinstance(found, list):
        return [one.path.joinpath(*path.parts) for one in found]
    return found.path.joinpath(*path.parts)


def _brief(value: object) -> str:
    if isinstance(value, View):
        return str(value.rref)
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
