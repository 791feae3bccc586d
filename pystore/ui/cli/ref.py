"""REF: the argument that names a derivation or a realization, in full or in short."""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from ...core.errors import NotInStore, PystoreError, PystoreWarning
from ...core.later import later
from ...core.refs import DRef, RRef
from ...store.store import Store
from .command_context import CommandContext

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ...ask.inspection import short_refs
    from ...store import pins
else:  # a list of all derivations needs none
    later(globals(), "...ask.inspection.short_refs", "...store.pins")

_DIGITS = re.compile("[0-9a-f]{3,}")  # with fewer, names alone are offered


class RefType(click.ParamType):  # type: ignore[type-arg]  # generic in later versions only
    """A reference that `find` looks up in the store of the command."""

    name = "REF"

    def __init__(self, find: Callable[..., Any]) -> None:
        self.find = find

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """The reference. Raises BadRef, NotInStore."""
        if not isinstance(value, str):
            return value  # a default
        command = ctx.find_object(CommandContext) if ctx else None
        assert command is not None, "commands are called through the group"
        return self.find(value, code=command.code, store=command.store)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        """Names, pins, and references that begin so."""
        return complete(ctx, param, incomplete)


REF = RefType(lambda text, **how: short_refs.find_ref(text, **how))
"""A derivation or a realization."""

RREF = RefType(lambda text, **how: short_refs.find_rref(text, **how))
"""A realization: of a derivation, or of a name whatever the parameters, the latest."""

REFS = RefType(lambda text, **how: short_refs.find_refs(text, **how))
"""A list: all derivations of a name or a pattern, or one reference."""

SENDABLE = RefType(lambda text, **how: short_refs.find_sendable(text, **how))
"""A list as REFS; of several derivations, those that have a realization for others."""

PUSHED = RefType(lambda text, **how: short_refs.find_sendable(text, rejections=True, **how))
"""A list as SENDABLE, with those of which all was rejected: a remote is told that it was."""

TRIED = RefType(lambda text, **how: short_refs.find_refs(text, tried=True, **how))
"""A list as REFS; a name means the code that was tried last, though it may have failed."""


class _AsTyped(RefType):
    """The text of a reference, for which no store is opened."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        """The text."""
        return value


AS_TYPED = _AsTyped(REF.find)
"""The text itself, for commands that look it up themselves."""


def _choose_code(ctx: click.Context, parameter: click.Parameter, code: Any) -> None:
    ctx.ensure_object(CommandContext).code = code


def by_code(name: str) -> click.Option:
    """The option of each command that takes names: `--code`, if the command has none of its own."""
    return click.Option(
        [name],
        type=click.Choice(["now", "any"]),
        default="now",
        expose_value=False,
        is_eager=True,  # before what a name means is looked up
        callback=_choose_code,
        help="By NAME mean the code that ran last (now), or any.",
    )


def refuse_below(store: Store, ref: DRef | RRef) -> None:
    """Raises NotInStore if this is in the store below only."""
    under = store.only_below(ref)
    if under is None:
        return
    raise NotInStore(
        "this lies in the store below, which is never written",
        ref=ref,
        below=under,
        remedy=f"work on that store, if it is yours: --store {under}",
    )


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Names and references that begin so."""
    from click.shell_completion import CompletionItem  # for weight: shells alone need it

    command = ctx.ensure_object(CommandContext)
    words = begun_so(lambda: _completions(command.store, incomplete), incomplete)
    return [CompletionItem(word) for word in words]


def begun_so(words: Callable[[], Iterable[str]], begun: str) -> list[str]:
    """The words that begin so; none if the store cannot be read."""
    try:
        with warnings.catch_warnings():  # which would stand where the user types
            warnings.simplefilter("ignore", PystoreWarning)
            return sorted({word for word in words() if word.startswith(begun)})
    except (PystoreError, OSError):
        return []  # a shell that waits for a word cannot show an error


def typed(ctx: click.Context) -> dict[str, Any]:
    """The parameters that were typed so far.

    click leaves arguments unread where the last option has no value yet.
    """
    if not ctx.args:
        return ctx.params
    command, name, words = ctx.command, ctx.info_name, [*ctx.args]
    return command.make_context(name, words, ctx.parent, resilient_parsing=True).params


def _completions(store: Store, begun: str) -> Iterator[str]:
    base, at, which = begun.partition("@")
    return _choices(base, which, store) if at else _words(begun, store)


def _words(begun: str, store: Store) -> Iterator[str]:
    """References in full if their digits were begun, else names."""
    drefs = store.drefs()
    rrefs = (rref for dref in drefs for rref in store.realizations(dref))
    if begun.startswith(("dref:", "rref:")):
        yield from drefs if begun.startswith("dref:") else rrefs
        return
    yield from (*pins.pins(store), *(dref.name for dref in drefs))
    if _DIGITS.match(begun):  # the name of its directory is a reference, too
        yield from (ref[len("dref:") :] for ref in (*drefs, *rrefs))


def _choices(base: str, which: str, store: Store) -> Iterator[str]:
    """The ways to choose a realization of a name, and its derivations by their digits."""
    drefs = dict.fromkeys(ref.dref for ref in short_refs.find_refs(base, code="any", store=store))
    yield f"{base}@latest"
    for metric in metrics_of(drefs, store):
        best = f"best:{metric}"
        yield f"{base}@{best}:min" if which.startswith(f"{best}:") else f"{base}@{best}"
    if _DIGITS.match(which):
        yield from (dref.short for dref in drefs)


def metrics_of(drefs: Iterable[DRef], store: Store) -> list[str]:
    """The metrics that attempts of these derivations have recorded."""
    found = store.holdings(dict.fromkeys(drefs)).values()
    return list(dict.fromkeys(name for held in found for name in held.attempts.metrics))
