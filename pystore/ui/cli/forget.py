"""pystore forget: what was made of the content of one row, and what removes it."""

import json

import click

from ...core.errors import PystoreError
from .command_context import CommandContext, as_json, with_command
from .exit_codes import located
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
        lambda value: type(value).__name__ == "Collection",
        "declare one at its top: users = db.attach('users', …)",
    )
    try:
        command.store_of_program(reading=True)
        told = collection.forget(_key(row), on=on, dry_run=not delete, remotes=remotes or None)
    except PystoreError as error:
        raise located(error) from error.__cause__
    click.echo(json.dumps(told.to_dict()) if as_json else str(told))


def _key(text: str) -> int | str:
    """A key as a table has it: digits are a number, unless they are the key of a content."""
    is_number = text.lstrip("-").isdigit() and len(text) < 32
    return int(text) if is_number else text
