"""REF: the argument that names a derivation or a realization, in full or in short."""

from collections.abc import Iterator
from typing import Any

import click
from click.shell_completion import CompletionItem

from ...model.errors import PystoreError
from ...model.refs import DRef, RRef
from ...run.shorthand import find_ref, find_rref
from ...store.layout import exists
from ...store.pins import pins
from ...store.store import Store
from .edge import Edge


class RefType(click.ParamType):  # type: ignore[type-arg]  # generic in later versions only
    """A derivation or a realization; with `realized`, a realization: of a name the latest."""

    name = "REF"

    def __init__(self, *, realized: bool = False) -> None:
        self.realized = realized

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> DRef | RRef:
        """The reference meant. Raises BadRef, NotInStore."""
        edge = ctx.find_object(Edge) if ctx else None
        assert edge is not None, "commands are called through the group"
        return (find_rref if self.realized else find_ref)(value, store=edge.store)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names, pins, and references that were begun."""
        return [CompletionItem(text) for text in completions(ctx, incomplete)]


REF = RefType()
RREF = RefType(realized=True)


def completions(ctx: click.Context, incomplete: str) -> list[str]:
    """What a reference that begins so may become; nothing where no store can be read."""
    root = ctx.ensure_object(Edge).root
    try:
        return sorted(set(_completions(Store(root), incomplete))) if exists(root) else []
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
