"""CommandContext: what every command gets: the store, and how to print."""

import json
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from ...core.errors import NotAStore
from ...core.later import later
from ...core.options import Scope
from ...store.defaults import change_defaults
from ...store.home import expanded
from ...store.layout import exists
from ..nearby import Program, is_near_program, nearest
from ..settings import default_root, named_root

if TYPE_CHECKING:
    from ...store.store import Store
    from . import stores
else:
    later(globals(), ".stores")  # help and errors need no store


class CommandContext:
    """One call of the command line."""

    def __init__(self) -> None:
        self.named: Path | None = None  # the store that --store names
        self.debug = False
        self.code: Scope = "now"  # which code a name means
        self.telling = False  # whether to say that a store was made

    @property
    def root(self) -> Path:
        """The folder of the store, whether there is one or not."""
        return expanded(self.named or default_root())

    @cached_property
    def store(self) -> "Store":
        """The store, which is the current one from now on. Raises NotAStore if there is none."""
        if not exists(self.root):
            raise NotAStore(
                "no store is here",
                path=self.root,
                remedy="name one with --store or PYSTORE_ROOT, or make one: pystore init",
            )
        return self.make()

    def near(self, file: Path) -> None:
        """Makes sure that the store is sought near this file first, before here."""
        Program.file = file
        change_defaults(find_store=self.make)  # a store for what the file does when it is loaded
        if self.named is None and named_root() is None and is_near_program(root := self.root):
            here = nearest(Path.cwd())
            if here is None or here.resolve() != root.resolve():
                instead = f", and not {here}" if here else ""
                click.echo(f"pystore: the store of {file} is used: {root}{instead}", err=True)

    def store_of_program(self, *, reading: bool) -> "Store":
        """The store for the stages of a file that was loaded.

        It is the one that was named, else the one that the file uses, else one that is found or
        made. With `reading`, none is made.
        """
        if not exists(self.root) and (self.named is not None or not stores.is_one_in_use()):
            return stores.empty(self.root) if reading else self.make()
        return self.make() if self.named is not None else stores.current_store()

    def make(self) -> "Store":
        """The store, which is made if there is none."""
        telling = self.telling and not exists(self.root)
        store = stores.opened(self.root)
        if telling:
            click.echo(f"pystore: made a store in {store.root}", err=True)
        return store


with_command = click.make_pass_decorator(CommandContext)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def shared_options() -> list[click.Option]:
    """The options that stand before the name of a command or after it."""
    return [
        click.Option(
            ["--store", "root"],
            type=click.Path(path_type=Path, readable=False),
            expose_value=False,
            callback=_name_store,
            help="The store's folder [PYSTORE_ROOT].",
        ),
        click.Option(
            ["--debug"], is_flag=True, expose_value=False, callback=_debug, help="Show tracebacks."
        ),
    ]


def _name_store(ctx: click.Context, parameter: click.Parameter, root: Path | None) -> None:
    if root is not None:
        ctx.ensure_object(CommandContext).named = root


def _debug(ctx: click.Context, parameter: click.Parameter, debug: bool) -> None:
    if debug:
        ctx.ensure_object(CommandContext).debug = True


class Value(Protocol):
    """What a command shows: a value that programs get as a JSON object."""

    def to_dict(self) -> dict[str, Any]:
        """The value as a JSON object."""


def report(found: Iterable[Value], text: Callable[[], str], as_json: bool) -> None:
    """Prints what was found: a JSON list for programs, or the text for people."""
    # In ASCII: no text can steer a terminal, and any can be written.
    out = json.dumps([one.to_dict() for one in found], indent=2) if as_json else text()
    if out:
        click.echo(out)
