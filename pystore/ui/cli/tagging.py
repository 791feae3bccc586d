"""pystore note, tag, untag: what people say about what a store holds."""

from collections.abc import Sequence

import click

from ...ask.inspection.attempts import chosen_attempt
from ...ask.inspection.short_refs import find_ref, find_refs
from ...core.attempt import Attempt
from ...core.note import Note
from ...core.printable import printable, when
from ...core.refs import DRef, RRef
from ...store import noting
from ...store.notes import notes_of, place_in_words
from ...store.store import Store
from .columns import columns
from .columns import ref as shortened
from .command_context import CommandContext, as_json, report, with_command
from .ref import AS_TYPED, begun_so, typed

_attempt = click.option(
    "--attempt", "number", type=click.IntRange(min=0), help="On the attempt with this number."
)


def _meant(command: CommandContext, text: str, number: int | None) -> DRef | RRef | Attempt:
    """The derivation or realization of a reference, or the newest such attempt of it."""
    if number is None:
        return find_ref(text, code=command.code, store=command.store)
    refs = find_refs(text, code=command.code, tried=True, store=command.store)
    return chosen_attempt(refs, number, command.store)


@click.command()
@click.argument("ref", type=AS_TYPED, metavar="REF")
@click.argument("text", required=False)
@_attempt
@as_json
@with_command
def note(
    command: CommandContext, /, ref: str, text: str | None, number: int | None, as_json: bool
) -> None:
    """Put a note on REF, or list its notes.

    REF is a derivation or a realization; with --attempt, one attempt of it. A note is kept with its
    date and user, and is never changed; it travels with what it is about. Without TEXT, the notes
    and tags that are there.

    --json: objects with `ref`, `attempt` (its context and start) or null, `text` or `tag`, `time`
    [ns since 1970, UTC] and `by`.
    """
    meant = _meant(command, ref, number)
    if text is None:
        found = noting.notes(meant, store=command.store)
        report(found, lambda: _table(found, command.store), as_json)
        return
    made = noting.note(meant, text, store=command.store)
    report([made], lambda: f"noted on {_place(made, command.store)}", as_json)


@click.command()
@click.argument("ref", type=AS_TYPED, metavar="REF")
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@_attempt
@as_json
@with_command
def tag(
    command: CommandContext, /, ref: str, tags: tuple[str, ...], number: int | None, as_json: bool
) -> None:
    """Put tags on REF, by which it is found.

    REF is a derivation or a realization; with --attempt, one attempt of it. A tag has letters,
    digits, and _ . : / = + -; tables show it, and it travels as notes do.

    --json: the new ones, objects as of `pystore note`.
    """
    made = noting.tag(_meant(command, ref, number), *tags, store=command.store)
    report(made, lambda: _told("tagged", made, command.store, "has these tags"), as_json)


def _tags_there(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    command = ctx.ensure_object(CommandContext)

    def there() -> list[str]:
        refs = find_refs(typed(ctx)["ref"], code=command.code, store=command.store)
        return [n.tag for ref in refs for n in notes_of(command.store, ref.dref) if n.tag]

    return begun_so(there, incomplete)


@click.command()
@click.argument("ref", type=AS_TYPED, metavar="REF")
@click.argument("tags", nargs=-1, required=True, metavar="TAG...", shell_complete=_tags_there)
@_attempt
@as_json
@with_command
def untag(
    command: CommandContext, /, ref: str, tags: tuple[str, ...], number: int | None, as_json: bool
) -> None:
    """Take tags away from REF.

    From the place where they stand: the derivation, the realization, or with --attempt the attempt.

    --json: objects as of `pystore note`.
    """
    made = noting.untag(_meant(command, ref, number), *tags, store=command.store)
    report(made, lambda: _told("untagged", made, command.store, ""), as_json)


def _told(verb: str, made: Sequence[Note], store: Store, nothing: str) -> str:
    if not made:
        return f"it {nothing} already"
    return f"{verb} {_place(made[0], store)}: {' '.join(note.tag for note in made)}"


def _table(found: Sequence[Note], store: Store) -> str:
    if not found:
        return "no notes"
    rows = [
        [when(n.time), printable(n.by), _place(n, store), n.tag, printable(n.text)] for n in found
    ]
    return columns(["noted", "by", "on", "tag", "note"], rows, spare=["by", "noted", "on"])


def _place(note: Note, store: Store) -> str:
    return place_in_words(store, note, shortened)
