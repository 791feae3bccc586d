"""pystore push, pull, copy, export, import, key: results on other machines."""

from pathlib import Path
from typing import Any

import click

import pystore as ps

from ...core.errors import BadPlace
from ...core.printable import counted
from ...core.refs import DRef, RRef
from ...core.transfer import Transfer
from ...store.home import expanded
from ..quantities import size
from .command_context import CommandContext, as_json, report, with_command
from .ref import REFS

Refs = tuple[list[DRef | RRef], ...]

refs = click.argument("refs", metavar="REF...", nargs=-1, required=True, type=REFS)
archive = click.argument("file", type=click.Path(path_type=Path))
sign = click.option(
    "--key", type=click.Path(path_type=Path), help="Sign with the private key in this file."
)
diffs = click.option(
    "--diffs/--no-diffs",
    default=None,
    help="Send the project's uncommitted changes along, or not [PYSTORE_DIFFS].",
)
trust = click.option(
    "--trust",
    "trusted",
    metavar="KEY",
    multiple=True,
    help="Use only what this public key has signed; may be given again [PYSTORE_TRUSTED_KEYS].",
)


@click.command()
@refs
@click.argument("url")
@sign
@diffs
@click.option("--repair", is_flag=True, help="Send again what seems to be there.")
@as_json
@with_command
def push(given: CommandContext, /, refs: Refs, url: str, as_json: bool, **options: Any) -> None:
    """Send REF to the remote at URL, with all it was built from.

    URL is a folder, or s3://bucket/folder, sftp://…, and what else fsspec knows. Of a derivation,
    or of all that have a name or match a pattern ('train*'), all realizations. Only what is
    missing there is sent; after a break, push again.
    """
    if url.startswith("memory:"):
        raise BadPlace(
            "nothing stays in the memory of a command that ends",
            given=url,
            remedy="push to a folder, or to a URL of another kind",
        )
    _tell(ps.push(refs, url, **options, store=given.store), as_json)


@click.command()
@click.argument("texts", metavar="REF...", nargs=-1, required=True)
@click.argument("url")
@trust
@as_json
@with_command
def pull(given: CommandContext, /, texts: tuple[str, ...], url: str, trusted: tuple[str, ...],
         as_json: bool) -> None:  # fmt: skip
    """Fetch REF from the remote at URL, with all it was built from.

    REF is looked up at the remote: a reference, its first digits, or a name. Of a derivation, all
    realizations. Whatever comes is hashed here before it counts; after a break, pull again.
    """
    from ...store.remote.find import find_at  # late for weight: the help looks in no remote

    found = find_at(url, texts)
    _tell(ps.pull(found, url, trusted_keys=trusted or None, store=given.make()), as_json)


@click.command()
@refs
@click.argument("to", metavar="STORE", type=click.Path(path_type=Path))
@as_json
@with_command
def copy(given: CommandContext, /, refs: Refs, to: Path, as_json: bool) -> None:
    """Copy REF, with all it was built from, into another store.

    The other store is made where there is none. Every byte is hashed again.
    """
    _tell(ps.copy(refs, given.store, expanded(to)), as_json)


@click.group("export", no_args_is_help=False)
def export_command() -> None:
    """Write results into a file."""


@export_command.command("archive")
@refs
@archive
@sign
@diffs
@as_json
@with_command
def export_archive(
    given: CommandContext, /, refs: Refs, file: Path, as_json: bool, **options: Any
) -> None:
    """Write REF, with all that it was built from, into FILE.tar.zst.

    The same realizations and attempts give the same file, byte for byte.
    """
    _tell(ps.export_archive(refs, file, **options, store=given.store), as_json)


@click.group("import", no_args_is_help=False)
def import_command() -> None:
    """Take results in from a file."""


@import_command.command("archive")
@archive
@trust
@as_json
@with_command
def import_archive(
    given: CommandContext, /, file: Path, trusted: tuple[str, ...], as_json: bool
) -> None:
    """Take in what `pystore export archive` has written into FILE.

    Whatever is in it is checked as what is pulled.
    """
    store = given.make()
    _tell(ps.import_archive(file, trusted_keys=trusted or None, store=store), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def key(file: Path) -> None:
    """Make a private key in FILE, and print the public one.

    Push with the file; give what is printed to those who pull, for --trust.
    """
    click.echo(ps.make_key(file))


def _tell(transfer: Transfer, as_json: bool) -> None:
    report([transfer], lambda: _sentence(transfer), as_json)


def _sentence(transfer: Transfer) -> str:
    if not transfer.fresh and not transfer.attempts:
        return transfer.nothing
    what = [counted(len(transfer.fresh), "realization"), counted(transfer.attempts, "attempt")]
    return f"moved {', '.join(what)}, {size(transfer.size)}"
