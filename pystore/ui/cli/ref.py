"""REF: the argument that names a derivation or a realization, in full or in short."""

from collections.abc import Callable, Iterator
from typing import Any

import click
from click.shell_completion import CompletionItem

from ...model.errors import PystoreError
from ...run.inspection.shorthand import find_ref, find_refs, find_rref
from ...store.pins import pins
from ...store.store import Store
from .edge import Edge


class RefType(click.ParamType):  # type: ignore[type-arg]  # generic in later versions only
    """What `find` makes of a text, in the store of the command."""

    name = "REF"

    def __init__(self, find: Callable[..., Any]) -> None:
        self.find = find

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """What is meant. Raises BadRef, NotInStore."""
        if not isinstance(value, str):
            return value  # a default
        edge = ctx.find_object(Edge) if ctx else None
        assert edge is not None, "commands are called through the group"
        return self.find(value, store=edge.store)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names, pins, and references that were begun."""
        return complete(ctx, param, incomplete)


REF = RefType(find_ref)
"""A derivation or a realization."""

RREF = RefType(find_rref)
"""A realization: of a derivation, or of a name whatever the parameters, the latest."""

REFS = RefType(find_refs)
"""A list: all derivations of a name or a pattern, or one reference."""


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The same, for arguments that are read later."""
    return [CompletionItem(text) for text in completions(ctx, incomplete)]


def completions(ctx: click.Context, incomplete: str) -> list[str]:
    """What a reference that begins so may become; nothing where no store can be read."""
    edge = ctx.ensure_object(Edge)
    try:
        return sorted(set(_completions(edge.store, incomplete)))
    except (PystoreError, OSError):
        return []  # a shell that waits for a word is no place for an error


def _completions(store: Store, incomplete: str) -> Iterator[str]:
    drefs = store.drefs()
    if incomplete.startswith("rref:"):
        words: list[str] = [rref for dref in drefs for rref in store.realizations(dref)]
    elif incomplete.startswith("dref:"):
        words = [*drefs]
    else:
        words = [*pins(store), *(dref.name for dref in drefs)]
        words += [f"{dref.name}@latest" for dref in drefs if "@" in incomplete]
    yield from (word for word in words if word.startswith(incomplete))
