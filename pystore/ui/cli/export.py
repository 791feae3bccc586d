"""pystore export: results in a file of our own, or in the form of other programs."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

import pystore as ps

from ...ask.export.ended import ended
from ...ask.export.table_file import write_csv
from ...core.printable import printable
from ...core.refs import DRef, RRef
from .command_context import CommandContext, as_json, report, with_command
from .exchange import Refs, archive, diffs, sign, tell
from .exchange import refs as single_refs
from .ref import REFS
from .wanted import where_option

refs = click.argument("refs", metavar="NAME|GLOB|REF...", nargs=-1, required=True, type=REFS)


@click.group("export", no_args_is_help=False)
def export_command() -> None:
    """Write results into a file, or into MLflow or TensorBoard."""


@export_command.command("archive")
@single_refs
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
    tell(ps.export_archive(refs, file, **options, store=given.store), as_json)


@export_command.command("csv")
@refs
@click.argument("file", type=click.Path(path_type=Path))
@where_option
@as_json
@with_command
def export_csv(
    given: CommandContext, /, refs: Refs, file: Path, where: str | None, as_json: bool
) -> None:
    """Write the attempts into FILE.csv, one row an attempt; - for standard output.

    A row has the reference, the outcome and the times, all parameters, those of inputs too, the
    last value of each metric, tags and notes. The file of an earlier export is replaced. A text
    that a spreadsheet would take for a formula has a ' in front.
    """
    if str(file) != "-":
        _tell(
            ps.export_csv(_drefs(refs), file, where=where, code=given.code, store=given.store),
            as_json,
        )
    elif as_json:
        raise click.UsageError("--json tells what was written into a file, and - is none")
    else:
        write_csv(ended(_drefs(refs), given.code, given.store, where), sys.stdout)


@export_command.command("mlflow")
@refs
@click.argument("uri", metavar="URL")
@where_option
@as_json
@with_command
def export_mlflow(
    given: CommandContext, /, refs: Refs, uri: str, where: str | None, as_json: bool
) -> None:
    """Add the attempts as runs to MLflow: http://host:5000, sqlite:///mlflow.db.

    An experiment is named like the stage. A run has all parameters, the metrics over their steps,
    start and end, and as tags reference, host, seed, tags and notes; files are not sent. Runs of an
    earlier export are found again: only new attempts are added, and tags and notes brought up to
    date. Needs mlflow-skinny or mlflow.
    """
    _tell(
        ps.export_mlflow(_drefs(refs), uri, where=where, code=given.code, store=given.store),
        as_json,
    )


@export_command.command("tensorboard")
@refs
@click.argument("folder", type=click.Path(path_type=Path))
@where_option
@as_json
@with_command
def export_tensorboard(
    given: CommandContext, /, refs: Refs, folder: Path, where: str | None, as_json: bool
) -> None:
    """Write metrics over steps as event files: tensorboard --logdir FOLDER.

    Each attempt has a folder, named by its stage, the parameters that tell it apart, its number
    and digits of its id. Only new attempts are added. Needs tensorboard.
    """
    _tell(
        ps.export_tensorboard(
            _drefs(refs), folder, where=where, code=given.code, store=given.store
        ),
        as_json,
    )


def _drefs(refs: Iterable[Sequence[DRef | RRef]]) -> list[DRef]:
    return list(dict.fromkeys(one.dref for given in refs for one in given))


def _tell(exported: ps.Exported, as_json: bool) -> None:
    def text() -> str:
        return "\n".join(map(printable, str(exported).splitlines()))

    report([exported], text, as_json)
