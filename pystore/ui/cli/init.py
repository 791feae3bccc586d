"""pystore init: makes an empty store, and tells how it is found; writes a program to start with."""

import os
import shlex
from pathlib import Path

import click

from ...core.errors import BadPlace, NoAccess, NotAStore
from ...core.options import Seeds
from ...core.printable import listed
from ...store.home import expanded
from ...store.layout import exists
from ...store.rights import group_of, owner_of
from ...store.sharing import share_with_group
from ...store.store import Store
from ..settings import default_root, named_root
from .command_context import CommandContext, with_command


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option(
    "--shared",
    type=click.Choice(["group"]),
    help="Let the group of the store's folder use it; of one that is there, too.",
)
@click.option(
    "--seeds",
    type=click.Choice(["own"]),
    help="Give it seeds of its own, not those that all stores share.",
)
@click.option(
    "--template",
    type=click.Choice(["serve"]),
    help="Write a program to start with into this folder: app.py, with a model that serves.",
)
@with_command
def init(
    command: CommandContext,
    /,
    *,
    path: Path | None,
    shared: str | None,
    seeds: Seeds | None,
    template: str | None,
) -> None:
    """Make an empty store, in ./.pystore unless you name a PATH.

    A store in a folder called .pystore is found from there and from all folders below. Attempts
    have the same seeds in every store, so that results can be compared and repeated; who trains
    apart from others, and counts their attempts together, gives each store seeds of its own.

    \b
    pystore init --shared group /lab/store
    pystore init --template serve
    """
    if path is not None and command.named is not None:
        raise click.UsageError("Give one place for the store: PATH or --store")
    files = _template(template) if template else {}
    root = expanded(path or command.named or Path(".pystore"))
    there = exists(root)
    try:
        store = Store(root, seeds=seeds)
    except NotAStore as error:
        if root.is_dir() and not there:
            error.remedy = f"pystore init {shlex.quote(str(root / '.pystore'))}"
        raise
    click.echo(f"{'there is a store already:' if there else 'made an empty store:'} {store.root}")
    for line in _share(store) if shared else []:
        click.echo(f"  {line}")
    for line in how_to_find(store.root, root):
        click.echo(f"  {line}")
    for file, text in files.items():
        with file.open("x") as out:
            out.write(text)
        click.echo(f"wrote {file}")


def _template(name: str) -> dict[Path, str]:
    """The files of a template with their texts. Raises BadPlace when one of them is there."""
    folder = Path(__file__).parent / "templates" / name
    found = {Path("app.py"): folder / "app.txt", Path("README.md"): folder / "README.md"}
    if there := [file for file in found if os.path.lexists(file)]:
        raise BadPlace(
            f"{listed(there)} would be overwritten",
            folder=Path.cwd(),
            remedy="mkdir serve && cd serve, and there again",
        )
    return {file: source.read_text() for file, source in found.items()}


def _share(store: Store) -> list[str]:
    """Shares the store with its group; returns what to print about it."""
    left = share_with_group(store)
    group = group_of(store.root)
    if any(one.path == str(store.root) for one in left):
        raise NoAccess(
            "only the owner of a store can share it",
            path=store.root,
            owner=owner_of(store.root),
            remedy="ask its owner to do it",
        )
    return [
        f"shared with the group {group}",
        *listed((f"left: {o}" for o in left), "\n").splitlines(),
    ]


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
