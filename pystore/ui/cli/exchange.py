"""pystore push, pull, copy, import, key: results on other machines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import pystore as ps

from ...core.errors import BadPlace
from ...core.printable import counted
from ...core.refs import DRef, RRef
from ...core.transfer import Transfer
from ...store.home import expanded
from ...store.layout import exists
from ..quantities import size
from .at_remote import at_remote, trust
from .command_context import CommandContext, as_json, report, with_command
from .pins import begun_pins
from .ref import PUSHED, SENDABLE

Refs = tuple[list[DRef | RRef], ...]

refs = click.argument("refs", metavar="REF...", nargs=-1, required=True, type=SENDABLE)
some_refs = click.argument("refs", metavar="REF...", nargs=-1, type=PUSHED)
archive = click.argument("file", type=click.Path(path_type=Path))
sign = click.option(
    "--key", type=click.Path(path_type=Path), help="Sign with the private key in this file."
)
diffs = click.option(
    "--diffs/--no-diffs",
    default=None,
    help="Send the project's uncommitted changes along, or not [PYSTORE_DIFFS].",
)
pins = click.option(
    "--pin",
    "pins",
    metavar="NAME",
    multiple=True,
    shell_complete=begun_pins,
    help="Send this pin with its realization; may be given again.",
)


@click.command()
@some_refs
@click.argument("url")
@pins
@sign
@diffs
@click.option("--repair", is_flag=True, help="Send again what seems to be there.")
@as_json
@with_command
def push(given: CommandContext, /, refs: Refs, url: str, as_json: bool, **options: Any) -> None:
    """Send REF to the remote at URL, with all it was built from.

    URL is a folder, or s3://bucket/folder, sftp://…, and what else fsspec knows. Of a derivation,
    or of all that have a name or match a pattern ('train*'), all realizations. Only what is
    missing there is sent; after a break, push again. With --pin NAME, the remote has the pin NAME
    too, and REF may be left out; `pystore pins --at URL --history` lists how pins moved.
    """
    _require(refs, options["pins"])
    if url.startswith("memory:"):
        raise BadPlace(
            "nothing stays in the memory of a command that ends",
            given=url,
            remedy="push to a folder, or to a URL of another kind",
        )
    tell(ps.push(refs, url, **options, store=given.store), as_json)


@click.command()
@click.argument("texts", metavar="REF...", nargs=-1)
@click.argument("url")
@click.option(
    "--pin",
    "pins",
    metavar="NAME",
    multiple=True,
    help="Fetch the realization of this pin, and move the pin here; may be given again.",
)
@trust
@as_json
@with_command
def pull(given: CommandContext, /, texts: tuple[str, ...], url: str, pins: tuple[str, ...],
         trusted: tuple[str, ...], as_json: bool) -> None:  # fmt: skip
    """Fetch REF from the remote at URL, with all it was built from.

    REF is looked up at the remote: a reference, its first digits, a name, or a choice such as
    train@latest and train@best:accuracy.txt, by what the records there say. Of a derivation, or of
    all that have a name or match a pattern ('train*'), all realizations. Whatever comes is hashed
    here before it counts; after a break, pull again. With --pin NAME, the pin NAME is moved here
    when all that it names has come; REF may be left out.
    """
    _require(texts, pins)
    found = _found_at(given, texts, url, trusted) if texts else []
    keys = trusted or None
    store = given.make()
    tell(ps.pull(found, url, pins=pins, trusted_keys=keys, store=store), as_json)


def _found_at(
    given: CommandContext, texts: Sequence[str], url: str, trusted: Sequence[str]
) -> list[DRef | RRef]:
    """What these short references mean at the remote, but for what was rejected here."""
    there = at_remote(url, trusted)
    store = given.make() if exists(given.root) else None

    def usable(rref: RRef) -> bool:
        return store is None or not store.rejection(rref)

    return [ref for text in texts for ref in there.find_fetched(text, given.code, usable)]


@click.command()
@refs
@click.argument("to", metavar="STORE", type=click.Path(path_type=Path))
@as_json
@with_command
def copy(given: CommandContext, /, refs: Refs, to: Path, as_json: bool) -> None:
    """Copy REF, with all it was built from, into another store.

    The other store is made where there is none. Every byte is hashed again.
    """
    tell(ps.copy(refs, given.store, expanded(to)), as_json)


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
    tell(ps.import_archive(file, trusted_keys=trusted or None, store=store), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def key(file: Path) -> None:
    """Make a private key in FILE, and print the public one.

    Push with the file; give what is printed to those who pull, for --trust.
    """
    click.echo(ps.make_key(file))


def _require(given: tuple[Any, ...], pins: tuple[str, ...]) -> None:
    """Raises the error for a missing argument where neither a reference nor a pin was given."""
    if not given and not pins:
        ctx = click.get_current_context()
        raise click.MissingParameter(ctx=ctx, param=ctx.command.params[0])


def tell(transfer: Transfer, as_json: bool) -> None:
    """Prints what was moved."""
    report([transfer], lambda: _sentence(transfer), as_json)


def _sentence(transfer: Transfer) -> str:
    noted = [counted(transfer.notes, "note")] if transfer.notes else []
    if not transfer.fresh and not transfer.attempts:
        return ", ".join([f"moved {noted[0]}", *transfer.moved_pins]) if noted else transfer.nothing
    what = [counted(len(transfer.fresh), "realization"), counted(transfer.attempts, "attempt")]
    told = [f"moved {what[0]}", what[1], *noted, size(transfer.size), *transfer.moved_pins]
    return ", ".join(told)
