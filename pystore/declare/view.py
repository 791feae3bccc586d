"""View: a realization as a value — its parameters, its files, its inputs — read-only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from ..core.attempt import Attempt
from ..core.context import Context
from ..core.errors import BadStage
from ..core.ports import StoreReader
from ..core.printable import html_table, listed
from ..core.reads import below, ordered
from ..core.refs import DRef, RefPath, RRef, selfref
from ..store.current import current_store
from .build import Attributes
from .choice import chosen
from .parameters import CHOICE
from .recorder import Place, Recorder, store_was_read
from .reserved import RESERVED

Inputs = Callable[[DRef, str], Any]  # an input, and its place in the config

ROWS_AS = (
    "arrays",
    "arrow",
    "frame",
    "images",
    "polars",
    "torch",
)  # methods, where the realization holds rows


class View:
    """A realization: config values and promised files as attributes, inputs as views.

    gc keeps it until the view is closed: by `close()`, or as `with view(rref) as v:`. A view that
    is never closed keeps it while this process lives. Where a config has a key such as `path`,
    which means something here, the value is `.config.path`. A realization that holds rows, as a
    snapshot does, gives them by `.frame()`, `.polars()`, `.arrow()`, `.arrays()`, `.images()` and
    `.torch()`.
    """

    def __init__(
        self, rref: str, store: StoreReader | None = None, place: Place | None = None
    ) -> None:
        self._store = current_store(store)
        self._rref = RRef(rref)
        self._place = place  # in the config of the stage that has it
        self._closed = False
        self._inner: list[View] = []  # that were made for attributes of this one
        self._resolved: dict[str, Any] = {}
        self._store.hold((self._rref,), user=self)
        try:
            self._path = self._store.path(self._rref)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets gc collect the realization again, if nothing else holds it, and so its inputs.

        A realization that a call of `realize` has returned stays until `store.release`.
        """
        self._closed = True
        for view in self._inner:
            view.close()
        self._store.release((self._rref,), user=self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The directory of its artifacts. Raises BadStage when the view is closed."""
        if self._closed:
            raise BadStage(
                "this view is closed, and gc may remove its files",
                rref=self._rref,
                remedy="use its files before it is closed; or view(rref) again",
            )
        return self._path

    @property
    def rref(self) -> RRef:
        """Its own reference."""
        if self._place is not None:
            self._place.rref(self._rref)
        return self._rref

    @property
    def dref(self) -> DRef:
        """The derivation that it realizes."""
        if self._place is not None:
            self._place.dref(self._rref.dref)
        return self._rref.dref

    @property
    def attempts(self) -> list[Attempt]:
        """The attempts that made it, oldest first."""
        made = [a for a in self._store.attempts(self._rref.dref) if a.rref == self._rref]
        if self._place is not None:
            self._place.attempts(made)
        else:
            store_was_read()
        return made

    @property
    def config(self) -> Any:
        """The config as attributes."""
        return Attributes(**self._all())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._resolved and not self._closed:
            return self._resolved[name]  # its read was noted the first time
        values, context = self._recorded
        if self._place is not None:
            self._place.value(name, values, context)
        if name in values:
            return self._value(name)
        if (best := self._best) is not None:
            return best if name == "chosen" and not best._has(name) else getattr(best, name)
        if name in ROWS_AS and (rows := _rows_in(self.path)) is not None:
            return getattr(rows, name)
        there = listed(sorted({*values, *RESERVED}))
        raise AttributeError(f"{self._rref.name} has no {name!r}; there is: {there}")

    @cached_property
    def _recorded(self) -> tuple[dict[str, Any], Context]:
        """The config, and the context."""
        return self._store.config(self._rref.dref).value, self._store.context(self._rref)

    @cached_property
    def _best(self) -> View | None:
        """The realization that best_of has chosen; None where this is no choice."""
        values, context = self._recorded
        best = chosen(values, context, self.path, self._store) if CHOICE in values else None
        if best is None:
            return None
        if self._place is None:
            return self._opened(best, None)
        at = below(below(self._place.at, CHOICE), "among")
        at = below(at, values[CHOICE]["among"].index(best.dref))
        number = ordered(context[best.dref], self._store).index(best)
        place = Place(self._place.recorder, below(at, number))
        place.recorder.tree(place.at, best)
        return self._opened(best, place)

    def _opened(self, rref: RRef, place: Place | None) -> View:
        view = View(rref, self._store, place)
        self._inner.append(view)
        return view

    def _has(self, name: str) -> bool:
        return name in self._recorded[0] or (self._best is not None and self._best._has(name))

    def _value(self, name: str) -> Any:
        values, context = self._recorded
        out = self.path if _refers(values[name]) else self._path
        if name not in self._resolved:
            recorder, at = (self._place.recorder, self._place.at) if self._place else (None, "")
            inputs = views(context, self._store, recorder, within=self)
            self._resolved[name] = _resolve(values[name], inputs, out, below(at, name))
        return self._resolved[name]

    def _all(self) -> dict[str, Any]:
        values, context = self._recorded
        if self._place is not None:
            self._place.config(values, context)
        own = {name: self._value(name) for name in values}
        return own if self._best is None else {"chosen": self._best, **self._best._all(), **own}

    def __reduce__(self) -> tuple[object, ...]:
        if self._place is not None:  # reads in another process are not noted
            self._place.rref(self._rref)
            self.attempts  # noqa: B018 - they count as read
        return View, (str(self._rref), self._store)

    def __copy__(self) -> View:
        return self  # a value

    def __deepcopy__(self, memo: object) -> View:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and other.rref == self.rref

    def __hash__(self) -> int:
        return hash(self.rref)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *({} if self._closed else self._all())})

    def __repr__(self) -> str:
        if self._closed:
            return f"<View {self.rref}, closed>"
        shown = ", ".join(f"{k}={_brief(v)}" for k, v in self._all().items())
        return f"<View {self.rref} {shown}>"

    def _repr_html_(self) -> str:
        shown = {"rref": self.rref, **({} if self._closed else self._all())}
        return html_table({name: _brief(value) for name, value in shown.items()})


def view(rref: str, *, store: StoreReader | None = None) -> View:
    """The realization as a stage would get it: attributes for its config, files and inputs.

    Raises NotInStore, or Corrupted when verify found it damaged.
    """
    return View(rref, store)


def views(
    context: Context,
    store: StoreReader,
    recorder: Recorder | None = None,
    *,
    within: View | None = None,
) -> Inputs:
    """A function that gives the view of an input, or a list of views where several were chosen.

    Views of the inputs of another view are made `within` that view: they are closed with it, and it
    is noted at once that their files may be read.
    """
    opened = partial(View, store=store) if within is None else within._opened

    def chosen(dref: DRef, at: str) -> View | list[View]:
        found = []
        for number, rref in enumerate(ordered(context[dref], store)):
            place = None if recorder is None else Place(recorder, below(at, number))
            if place is not None and within is not None:
                place.recorder.tree(place.at, rref)
            found.append(opened(rref, place=place))
        return found[0] if len(found) == 1 else found

    return chosen


def resolve(values: Mapping[str, Any], inputs: Inputs, out: Path, at: str = "") -> dict[str, Any]:
    """A config's values with views for references and paths for files; `at` is their place."""
    return {key: _resolve(value, inputs, out, below(at, key)) for key, value in values.items()}


def _resolve(value: Any, inputs: Inputs, out: Path, at: str) -> Any:
    if isinstance(value, str) and value.startswith("dref:"):
        return inputs(DRef(value), at)
    if isinstance(value, list) and _is_path(value):
        return _path(RefPath.parse(value), inputs, out, at)
    if isinstance(value, list):
        return [_resolve(item, inputs, out, below(at, i)) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return resolve(value, inputs, out, at)
    return value


def _is_path(value: list[Any]) -> bool:
    if len(value) < 2 or not all(isinstance(item, str) for item in value):
        return False
    first, *rest = value
    return first == selfref or (
        first.startswith("dref:") and not any(item.startswith("dref:") for item in rest)
    )


def _path(path: RefPath, inputs: Inputs, out: Path, at: str) -> Any:
    if path.ref == selfref:
        return out.joinpath(*path.parts)
    found = inputs(DRef(path.ref), below(at, 0))
    if isinstance(found, list):
        return [one.path.joinpath(*path.parts) for one in found]
    return found.path.joinpath(*path.parts)


def _refers(value: Any) -> bool:
    """Whether there is a file or an input in a value of a config."""
    if isinstance(value, dict):
        return any(map(_refers, value.values()))
    if isinstance(value, list):
        return any(map(_refers, value))
    return isinstance(value, str) and value.startswith("dref:")


def _rows_in(path: Path) -> Any | None:
    """The rows that a realization holds, if it is one of a snapshot."""
    from ..app.stored_rows import Rows, has_rows  # for weight, and a door up: only rows need it

    return Rows(path) if has_rows(path) else None


def _brief(value: object) -> str:
    if isinstance(value, View):
        return str(value.rref)
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
