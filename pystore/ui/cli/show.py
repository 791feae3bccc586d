"""pystore show: the details of derivations and realizations."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from ...ask.inspection.attempts import as_run, newest_first, with_those_about
from ...ask.inspection.details import Details, details
from ...ask.inspection.lineage import Ref
from ...ask.inspection.ran_code import AttemptCode, code_of
from ...ask.inspection.requirements import requirements_of
from ...core.attempt import Attempt
from ...core.errors import NotInStore
from ...core.machine_usage import CPU, is_peak
from ...core.note import place_of, tags_among
from ...core.printable import counted, printable, when
from ...core.refs import RRef
from ...store.store import Store
from ..quantities import number, size, span
from .columns import facts, in_terminal
from .command_context import CommandContext, as_json, report, with_command
from .log import error_line, log_table
from .ref import REF

_MOST = 10  # attempts in a terminal
_LONG = ("code", "places", "rule", "traceback")  # notes with a section of their own, or none


@click.command()
@click.argument("refs", type=REF, nargs=-1, required=True, metavar="REF...")
@click.option("--code", "code", is_flag=True, help="Show the code that its latest attempt ran.")
@click.option(
    "--patch",
    is_flag=True,
    help="Print how the project differed from its revision then, for `git apply`.",
)
@click.option(
    "--requirements", is_flag=True, help="Print the packages of its newest attempt, for pip."
)
@as_json
@with_command
def show(
    command: CommandContext,
    /,
    *,
    refs: tuple[Ref, ...],
    code: bool,
    patch: bool,
    requirements: bool,
    as_json: bool,
) -> None:
    """Show everything about a derivation or a realization.

    Config, inputs, sizes, attempts, and of the latest attempt on what it ran, its code and notes,
    and what it took of CPU and memory.

    --json: objects with `ref`, `dref`, `name`, `path`, `config`, `inputs`, `pins`, `verdicts`,
    `sizes`, `attempts`, the newest last (docs/format.md), `tags`, `noted`, all notes and tags,
    `logdirs` and `usage`. With --code or --patch, the attempt, its patch and the parts of its code
    instead.

    --requirements prints the packages that the newest attempt had imported, as a requirements file;
    where a result was adopted, those of the attempt that ran.
    """
    if code + patch + requirements > 1:
        raise click.UsageError("--code, --patch and --requirements: give one of them")
    if requirements:
        _check_one(refs, as_json)
        return click.echo("\n".join(requirements_of(_newest(refs[0], command.store))))
    if code or patch:
        ran = [code_of(ref, command.store) for ref in refs]
        shown = _code if code else _patch
        return report(ran, lambda: "\n\n".join("\n".join(shown(one)) for one in ran), as_json)
    found = [details(ref, command.store) for ref in refs]
    report(found, lambda: "\n\n".join("\n".join(_text(one)) for one in found), as_json)


def _check_one(refs: Sequence[Ref], as_json: bool) -> None:
    if len(refs) > 1 or as_json:
        raise click.UsageError("--requirements takes one REF, and prints no JSON")


def _newest(ref: Ref, store: Store) -> Attempt:
    """The newest attempt that has a record, as it ran. Raises NotInStore."""
    for attempt in newest_first([ref], store):
        if attempt.outcome not in ("running", "died"):
            return as_run(attempt, store)
    raise NotInStore("no attempt of it has ended", ref=ref, remedy="realize it first")


def _text(one: Details) -> Iterator[str]:
    yield click.style(one.ref, bold=True)
    yield facts(_head(one), whole=True)  # a path that is cut is no path
    yield from _section("config", ((key, _plain(v)) for key, v in one.config.value.items()))
    yield from _section("inputs", _inputs(one))
    yield from _noted(one)
    if one.attempts:
        newest = one.attempts[::-1]
        yield click.style(f"attempts ({len(newest):,})", bold=True)
        most = _MOST if in_terminal() else len(newest)
        rows = [with_those_about(attempt, one.noted) for attempt in newest[:most]]
        yield from (f"  {line}" for line in log_table(rows).splitlines())
        if newest[most:]:
            yield f"  … {len(newest) - most:,} more: pystore log"
        yield from _provenance(newest[0])
        yield from _section("usage", ((name, _used(name, v)) for name, v in one.usage.items()))


def _code(one: AttemptCode) -> Iterator[str]:
    if not one.parts:
        yield f"{one.attempt.dref}: no digest of its code was noted"
    for part in one.parts:
        place = f"  {part.kind}" + (f" of {part.file}" if part.file else "")
        yield click.style(printable(part.name), bold=True) + place
        lines = part.text.lines if part.text else [f"(its text is not here: {part.digest})"]
        yield from (f"    {printable(line.expandtabs())}" for line in lines)


def _patch(one: AttemptCode) -> Iterator[str]:
    if one.patch:
        yield one.patch.decode("utf-8", "replace")
    elif digest := one.attempt.versions.get("git diff"):
        raise NotInStore(
            "the changes of the project were not kept",
            ref=one.attempt.dref,
            digest=digest,
            remedy="those of more than 256 KiB are not, and a remote may have them left out",
        )


def _head(one: Details) -> Iterator[tuple[str, str]]:
    if isinstance(one.ref, RRef):
        yield "derivation", one.ref.dref
    yield "path", printable(str(one.path)) if one.path else "(its bytes are gone)"
    known = [here for here in one.sizes.values() if here is not None]
    files, total = sum(files for files, _ in known), sum(bytes for _, bytes in known)
    where = "" if isinstance(one.ref, RRef) else f" in {counted(len(known), 'realization')}"
    yield "size", f"{size(total)} in {counted(files, 'file')}{where}"
    if one.logdirs:
        newest = [*one.logdirs.items()][-_MOST:]
        runs = ",".join(f"{label}:{path}" for label, path in newest)
        yield "logs", printable(f"tensorboard --logdir_spec {shlex.quote(runs)}")
    if one.pins:
        yield "pinned as", ", ".join(one.pins)
    if tags := tags_among(one.noted):
        yield "tags", " ".join(tags)
    for verdict, why in one.verdicts.items():
        yield verdict, printable(why)


def _noted(one: Details) -> Iterator[str]:
    """The notes, the newest first; in a terminal only that one."""
    newest = [note for note in reversed(one.noted) if note.text]
    if not newest:
        return
    places = {place_of(attempt): f"attempt {attempt.number}" for attempt in one.attempts}
    yield click.style(f"noted ({len(newest):,})", bold=True)
    for note in newest[:1] if in_terminal() else newest:
        about = places.get(note.attempt, "an attempt") if note.attempt else note.ref[:13]
        yield f"  {when(note.time)}  {printable(note.by)}, on {about}"
        yield from (f"    {printable(line)}" for line in note.text.splitlines())
    if in_terminal() and len(newest) > 1:
        yield f"  … {len(newest) - 1:,} more: pystore note {one.ref}"


def _inputs(one: Details) -> Iterator[tuple[str, str]]:
    for dref, refs in one.inputs.items():
        for ref in refs or [dref]:
            yield dref.name, ref


def _provenance(attempt: Attempt) -> Iterator[str]:
    ran = {
        "outcome": attempt.outcome,
        "error": error_line(attempt),
        "host": f"{attempt.host}, process {attempt.pid}",
        "realizer": attempt.realizer,
        "source": attempt.source,
        "seed": attempt.seed,
        "context": attempt.context,
    }
    ran |= _resumed(attempt)
    yield from _section("latest attempt", ((k, _plain(v)) for k, v in ran.items() if v))
    yield from _section("versions", ((k, _plain(v)) for k, v in attempt.versions.items()))
    told = ((name, number(value)) for name, value in attempt.metrics.items())
    yield from _section("metrics", told)
    parts = attempt.notes.get("code")
    if isinstance(parts, Mapping):
        yield from _section("code", ((name, _plain(digest)) for name, digest in parts.items()))
    notes = {k: v for k, v in attempt.notes.items() if k not in _LONG}
    yield from _section("notes", ((key, _plain(value)) for key, value in notes.items()))
    if traceback := str(attempt.notes.get("traceback", "")).splitlines():
        yield click.style("traceback", bold=True)
        yield from (f"  {printable(line)}" for line in traceback)


def _used(name: str, value: float) -> str:
    if is_peak(name):
        return f"{size(value * 1e6)} at its peak"
    return f"{value:.0f} %{' of a core' if name == CPU else ''} on average"


def _resumed(attempt: Attempt) -> dict[str, str]:
    """The facts about an attempt that went on with the checkpoints of another try."""
    before = attempt.notes.get("resumed")
    if before is None:
        return {}
    if not attempt.dead:
        return {"resumed": f"with the checkpoints of attempt {_plain(before)}"}
    told = f"it died, and went on {span(attempt.dead)} later"
    return {"resumed": told, "ran": span(attempt.duration)}


def _section(title: str, pairs: Any) -> Sequence[str]:
    body = facts((printable(name), text) for name, text in pairs)
    return [click.style(title, bold=True), body] if body else []


def _plain(value: Any) -> str:
    spelled = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(spelled)
