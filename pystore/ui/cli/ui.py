"""pystore ui: the page of a store in a browser."""

from pathlib import Path
from typing import Any

import click

from ...core.errors import BadPlace, NotAStore
from ...core.extras import needs_extra
from ...store.home import expanded
from ...store.layout import exists
from ...store.store import Store
from ..settings import default_below
from .command_context import CommandContext, with_command


@click.command("ui")
@click.option(
    "--store",
    "root",  # in place of the option that all commands share
    type=click.Path(path_type=Path),
    multiple=True,
    help="The store's folder [PYSTORE_ROOT]; may be given several times.",
)
@click.option("--database", metavar="URL", help="Show the collections of a database as well.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Another needs --behind-proxy."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="0: one that is free.",
)
@click.option("--behind-proxy", is_flag=True, help="A proxy encrypts, and sees to host names.")
@click.option("--open", "opened", is_flag=True, help="Open it in a browser.")
@with_command
def ui(command: CommandContext, /, root: tuple[Path, ...], **options: Any) -> None:
    """Show stores in a browser, to be read.

    Nothing is written. The address has a token: whoever has it reads along. Ctrl-C ends it.

    \b
    pystore ui --open
    pystore ui --store here --store /lab/store
    """
    serve = _serve()
    stores = [_opened(one) for one in root] or [command.store]
    serve(stores, lambda address: click.echo(f"pystore: {address}"), **options)


def _serve() -> Any:
    with needs_extra("ui", "a package is missing that shows pages", BadPlace):
        from ..page.serve import serve  # late for weight: all of the web
    return serve


def _opened(root: Path) -> Store:
    root = expanded(root)
    if not exists(root):
        raise NotAStore("no store is here", path=root, remedy="name the folder of a store: --store")
    return Store(root, below=default_below(root))
