"""pystore listen, listeners, db: what keeps predictions beside the rows of a database.

CL1  SIGTERM ends a listener after the batch in hand, with exit code 0.
CL2  A service does not follow what a restart would declare anew: snapshots need a name.
"""

import json
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from ... import db as collections
from ...core.errors import BadPlace, PystoreError
from ...core.extras import needs_extra
from ...core.printable import counted, listed
from .command_context import CommandContext, as_json, with_command
from .error_text import located
from .exit_codes import FAILED
from .listening_metrics import serve_metrics
from .named_objects import named_object
from .pins import from_remote
from .thread_limits import limit_threads

if TYPE_CHECKING:
    from ...app.listening import Listener
    from ...db.database import Database


@click.command()
@click.argument("target", metavar="FILE.py:NAME")
@click.option("--once", is_flag=True, help="Do what is due, and end: 1 if rows failed for good.")
@click.option(
    "--wake",
    type=click.Choice(["notify", "poll"]),
    help="Be told of new rows by PostgreSQL, or look four times a second.",
)
@click.option(
    "--metrics-port", type=click.IntRange(1, 65535), help="Tell Prometheus what is done, there."
)
@from_remote
@with_command
def listen(
    command: CommandContext,
    /,
    target: str,
    *,
    once: bool,
    wake: str | None,
    source: str | None,
    source_every: float,
    trusted: Sequence[str],
    metrics_port: int | None,
) -> None:
    """Keep predictions beside the rows of a table.

    What is predicted, and by which model, says a listener that a Python file declares.
    The file is loaded as a module: what stands under `if __name__ == "__main__":` does not run.
    Several processes share the work. SIGTERM and Ctrl-C end it after the batch in hand.

    \b
    pystore listen train.py:listener
    pystore listen train.py:listener --once
    pystore listen train.py:listener --from s3://lab/models
    """
    limit_threads()
    try:
        listener = listener_of(command, target)
        command.store_of_program(reading=False)
        if wake is not None:
            listener.wake = wake
        listener.check_can_restart()
        listener.install()
        if metrics_port is not None:
            serve_metrics(listener, metrics_port)
        if not once:
            click.echo(f"listening to {listener.collection.name} as {listener.name}", err=True)
            for line in listener.grants_to_make():
                click.echo(f"for readers: {line};", err=True)
        with _fetching(listener, source, source_every, trusted, once=once):
            failed = listener.run(_until_stopped(), once=once)
    except PystoreError as error:
        raise located(error) from error.__cause__
    if once and failed:
        click.echo(f"{counted(failed, 'row')} failed for good: see the view …_failed", err=True)
        click.get_current_context().exit(FAILED)


@contextmanager
def _fetching(
    listener: "Listener", url: str | None, every: float, trusted: Sequence[str], *, once: bool
) -> Iterator[None]:
    """Asks a remote for what is followed, first now and then again and again."""
    if url is None:
        yield
        return
    fetching = listener.fetching(
        url, trusted or None, every=every, tell=lambda text: click.echo(text, err=True)
    )
    fetching.look()
    if not once:
        fetching.start()
    try:
        yield
    finally:
        fetching.end()


def _until_stopped() -> threading.Event:
    """An event that SIGTERM, SIGHUP and Ctrl-C set."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    return stop


@click.command()
@click.argument("url", metavar="URL")
@click.option(
    "--max-behind",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Exit with 1 when one is behind for longer, or does not live.",
)
@as_json
def listeners(url: str, max_behind: float | None, as_json: bool) -> None:
    """List the listeners of a database, and what is left to do."""
    found = _database(url).listeners()
    if as_json:
        click.echo(json.dumps(found))
    else:
        for one in found:
            state = "at work" if one["is_alive"] else "not running"
            click.echo(
                f"{one['collection']}  {one['name']}  {state}  {one['rows']:,} rows, "
                f"{one['pending']:,} pending, {one['failed']:,} failed, "
                f"{one['behind']:.1f} s behind  {one['shown'] or 'shows nothing yet'}"
                + (f"  {one['note']}" if one["note"] else "")
            )
        if not found:
            click.echo("no listeners", err=True)
    late = [one["name"] for one in found if max_behind is not None and _is_late(one, max_behind)]
    if late:
        click.echo(f"behind: {listed(late)}", err=True)
        click.get_current_context().exit(FAILED)


def _is_late(one: dict[str, Any], most: float) -> bool:
    return bool(one["behind"] > most or (one["pending"] and not one["is_alive"]))


@click.group(no_args_is_help=False)
def db() -> None:
    """Print, make or upgrade what listeners need in a database."""


@db.command()
@click.argument("target", metavar="FILE.py:NAME")
@click.option("--remove", is_flag=True, help="The SQL that takes all away again.")
@with_command
def sql(command: CommandContext, target: str, remove: bool) -> None:
    """Print the SQL that a listener would run, for the owner of the database to read and run."""
    try:
        statements = listener_of(command, target).statements(remove=remove)
    except PystoreError as error:
        raise located(error) from error.__cause__
    for statement in statements:
        click.echo(f"{statement};\n")


@db.command()
@click.argument("target", metavar="FILE.py:NAME")
@with_command
def install(command: CommandContext, target: str) -> None:
    """Make the tables, triggers and views that a listener needs."""
    try:
        listener = listener_of(command, target)
        listener.install()
    except PystoreError as error:
        raise located(error) from error.__cause__
    click.echo(f"{listener.name} is installed in {listener.database.name}")


@db.command()
@click.argument("url", metavar="URL")
def upgrade(url: str) -> None:
    """Bring the tables of ours to the version of this pystore."""
    database = _database(url)
    with database.write() as connection:
        before = database.tables.upgrade(connection)
    told = "there were none" if before is None else f"they were of version {before}"
    click.echo(f"the tables of {database.name} are up to date; {told}")


def _database(url: str) -> "Database":
    with needs_extra("db", "a package is missing for databases", BadPlace):
        connect = collections.connect  # imports SQLAlchemy
    database: Database = connect(url)
    database.check_is_there()
    return database


def listener_of(command: CommandContext, text: str) -> "Listener":
    """The listener that FILE.py:NAME names; without a name, the only one. Raises BadStage."""

    def is_one(value: Any) -> bool:
        return type(value).__name__ == "Listener" and hasattr(value, "check_can_restart")

    remedy = "declare one at its top: listener = rows.listener(net, match_best('gold/acc'), on='x')"
    found: Listener = named_object(command, text, "listener", is_one, remedy)
    return found
