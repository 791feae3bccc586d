"""pystore init: an empty store, and how it is found."""

import shlex
from pathlib import Path

import click

from ...model.errors import NotAStore
from ...model.options import Seeds
from ...store.home import expanded
from ...store.layout import exists
from ...store.store import Store
from ..settings import default_root, named_root
from .edge import Edge, edge


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option(
    "--seeds",
    type=click.Choice(["own"]),
    help="Give it seeds of its own, not those that all stores share.",
)
@edge
def init(given: Edge, /, path: Path | None, seeds: Seeds | None) -> None:
    """Make an empty store, in ./.pystore unless you name a PATH.

    A store in a folder called .pystore is found from there and from all folders below. Attempts
    have the same seeds in every store, so that results can be compared and repeated; who trains
    apart from others, and counts their attempts together, gives each store seeds of its own.
    """
    if path is not None and given.named is not None:
        raise click.UsageError("Give one place for the store: PATH or --store")
    root = expanded(path or given.named or Path(".pystore"))
    there = exists(root)
    try:
        store = Store(root, seeds=seeds)
    except NotAStore as error:
        if root.is_dir() and not there:
            error.remedy = f"pystore init {shlex.quote(str(root / '.pystore'))}"
        raise
    click.echo(f"{'there is a store already:' if there else 'made an empty store:'} {store.root}")
    for line in how_to_find(store.root, root):
        click.echo(f"  {line}")


def how_to_find(root: Path, typed: Path) -> list[str]:
    """How commands and programs find the store."""
    lines = []
    named = named_root()
    if expanded(default_root()).resolve() != root:
        if named is not None:
            lines.append(f"not used by itself: PYSTORE_ROOT names another, {named}")
        place = shlex.quote(str(typed))
        lines.append(f"name it: --store {place}, or export PYSTORE_ROOT={shlex.quote(str(root))}")
    elif named is not None:
        lines.append("used by commands and programs: PYSTORE_ROOT names it")
    else:
        lines.append("used by commands and programs in this folder and below")
    if any((folder / ".git").exists() for folder in root.parents):
        lines.append(f"it lies in a git checkout: add {root.name}/ to .gitignore")
    return lines
