"""pystore forget: what was made of the content of one row, and what removes it."""

import json
from typing import Any

import click

from ...core.errors import PystoreError
from .command_context import CommandContext, as_json, with_command
from .error_text import located
from .named_objects import named_object


@click.command()
@click.argument("target", metavar="FILE.py:COLLECTION")
@click.argument("row", metavar="KEY|PK")
@click.option("--on", metavar="FIELD", help="The field, where there are several of media.")
@click.option("--delete", is_flag=True, help="Delete predictions and what was fetched.")
@click.option(
    "--remote",
    "remotes",
    metavar="URL",
    multiple=True,
    help="Look there, in place of the remotes of the settings.",
)
@as_json
@with_command
def forget(
    command: CommandContext,
    /,
    target: str,
    row: str,
    *,
    on: str | None,
    delete: bool,
    remotes: tuple[str, ...],
    as_json: bool,
) -> None:
    """List what was made of the content of a row.

    These are predictions, files that were fetched, snapshots, and models. The row is named by its
    key in the table, or by the key of its content, which a lineage tells. The row itself is its
    owner's to delete. Models and snapshots stay; the commands that remove them are printed, also
    those for remotes. With --delete, models that have seen the row are marked: `pystore show`,
    `db.show()` and lineages tell it.

    \b
    pystore forget train.py:users 17
    pystore forget train.py:users 17 --delete
    """
    collection = named_object(
        command,
        target,
        "collection",
        _is_collection,
        "declare one at its top: users = db.attach('users', …)",
    )
    try:
        command.store_of_program(reading=True)
        how = {"on": on, "dry_run": not delete, "remotes": remotes or None}
        told = collection.forget(_key(collection, row, how), **how)
    except PystoreError as error:
        raise located(error) from error.__cause__
    click.echo(json.dumps(told.to_dict(), default=str) if as_json else str(told))


def _is_collection(value: object) -> bool:
    """Whether it is one, by the name of its class: to import that takes long."""
    return any(kind.__name__ == "Collection" for kind in type(value).__mro__)


def _key(collection: Any, row: str, how: dict[str, Any]) -> int | str:
    """The key of a row: a number, or the text as it is written; nothing is deleted for it."""
    number = _number(row)
    if number is None:
        return row
    looking = how | {"dry_run": True}
    try:
        collection.forget(number, **looking)
    except PystoreError as error:
        try:
            collection.forget(row, **looking)
        except PystoreError:
            raise error from None
        return row
    return number


def _number(text: str) -> int | None:
    """The number that is written so: "007" is none, for "7" is the key of somebody else."""
    is_number = text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 32
    return int(text) if is_number and str(int(text)) == text else None
