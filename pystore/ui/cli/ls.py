"""pystore ls: the derivations, the realizations of one, or the artifacts of one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ...ask.inspection.inventory import (
    ListedDerivation,
    ListedRealization,
    list_derivations,
    list_realizations,
)
from ...core.later import later
from ...core.printable import printable, when
from ...core.refs import DRef, RRef
from ..quantities import number
from .at_remote import at_remote, is_remote, trust
from .columns import Style, columns, ref, value
from .command_context import CommandContext, as_json, report, with_command
from .ref import AS_TYPED, REFS

if TYPE_CHECKING:
    from ...ask.inspection import artifacts, short_refs
    from . import artifact_text
else:
    # few lists need them
    later(globals(), "...ask.inspection.artifacts", "...ask.inspection.short_refs")
    later(globals(), ".artifact_text")


@click.command("ls")
@click.argument("what", type=AS_TYPED, required=False, metavar="[NAME|GLOB|REF]")
@click.argument("url", required=False, metavar="[URL]")
@trust
@as_json
@with_command
def ls(
    command: CommandContext,
    /,
    *,
    what: str | None,
    url: str | None,
    trusted: tuple[str, ...],
    as_json: bool,
) -> None:
    """List derivations, realizations of one, artifacts of one.

    Without an argument, all derivations, those of one name with the parameters that tell them
    apart; of a NAME or a pattern such as 'train*', its derivations. Of the first digits of a hash,
    or `dref:` and digits, what that derivation or realization holds. With the URL of a remote, what
    is there, by its records: no artifact is fetched.

    --json: objects. Derivations have `dref`, `name`, `realizations`, `built`, `parameters` and
    `tags`; realizations `rref`, `dref`, `state`, `attempts`, `built`, `metrics`, `pins` and `tags`;
    artifacts `rref`, `path`, `kind`, and `size`, `executable` and `digest`, or `target`.
    """
    if url is None and what is not None and is_remote(what):
        what, url = None, what
    if url is not None:
        return _at_remote(command, what, url, trusted, as_json=as_json)
    store = command.store
    refs = store.drefs() if what is None else REFS.find(what, code=command.code, store=store)
    first = refs[0] if refs else None
    if isinstance(first, RRef):
        found = artifacts.artifacts_of(first, store)
        report(found, lambda: _artifacts(found), as_json)
    elif first is not None and what is not None and _is_one(what, first):
        realizations = list_realizations(first, store)
        report(realizations, lambda: _realizations(realizations), as_json)
    else:
        derivations = list_derivations([r for r in refs if isinstance(r, DRef)], store)
        report(derivations, lambda: _derivations(derivations), as_json)


def _at_remote(
    command: CommandContext, what: str | None, url: str, trusted: Sequence[str], *, as_json: bool
) -> None:
    there = at_remote(url, trusted)
    refs = there.drefs() if what is None else there.find_refs(what, command.code)
    first = refs[0] if refs else None
    if isinstance(first, RRef):
        found = there.artifacts(first)
        report(found, lambda: _artifacts(found), as_json)
    elif first is not None and what is not None and _is_one(what, first):
        realizations = there.realizations(first)
        report(realizations, lambda: _realizations(realizations), as_json)
    else:
        derivations = there.derivations([ref for ref in refs if isinstance(ref, DRef)])
        report(derivations, lambda: _derivations(derivations) if refs else "", as_json)


def _is_one(what: str, dref: DRef) -> bool:
    """Whether a derivation was meant, not all of a name or a pattern."""
    return what != dref.name and not short_refs.is_pattern(what)


def _derivations(rows: Sequence[ListedDerivation]) -> str:
    if not rows:
        return "nothing here yet; `pystore run FILE.py` builds a stage of yours"
    told = ["parameters"] if any(row.parameters for row in rows) else []
    tagged = ["tags"] if any(row.tags for row in rows) else []

    def parameters(row: ListedDerivation) -> list[str]:
        return [" ".join(f"{printable(k)}={value(v)}" for k, v in row.parameters.items())]

    # The parameters go before the time: a narrow terminal cuts at the end.
    cells = [
        [ref(d := row.dref), d.name, f"{row.realizations:,}", *(parameters(row) if told else []),
         *([" ".join(row.tags)] if tagged else []), when(row.built)]
        for row in rows
    ]  # fmt: skip
    header = ["derivation", "name", "realizations", *told, *tagged, "built"]
    spare = ["realizations", "built", "tags"]
    return columns(header, cells, right=["realizations"], spare=spare)


def _realizations(rows: Sequence[ListedRealization]) -> str:
    if not rows:
        return "no realizations; `pystore log` shows what was tried"
    tagged = ["tags"] if any(row.tags for row in rows) else []
    header = ["realization", "attempts", "built", "", *tagged, "metrics"]
    spare = ["built", "attempts", "tags"]
    cells = [_realization(row, [" ".join(row.tags)] if tagged else []) for row in rows]
    return columns(header, cells, right=["attempts"], spare=spare, styles=_dim_unused)


def _realization(row: ListedRealization, tags: list[str]) -> list[str]:
    last = row.latest
    told = last.metrics.items() if last else ()
    metrics = " ".join(f"{printable(name)}={number(reached)}" for name, reached in told)
    marks = [*([row.state] if row.state != "here" else []), *(f"pin {name}" for name in row.pins)]
    built = when(last.stop) if last else ""
    return [ref(row.rref), f"{len(row.attempts)}", built, ", ".join(marks), *tags, metrics]


def _dim_unused(row: Sequence[str]) -> Style | None:
    used = not row[3].startswith(("gone", "rejected", "damaged"))
    return None if used else lambda line: click.style(line, dim=True)


def _artifacts(found: "Sequence[artifacts.Artifact]") -> str:
    entries = [one.entry for one in found]
    cells = [[artifact_text.size_or_kind(one), artifact_text.name_of(one)] for one in entries]
    return columns(["size", "artifact"], cells, right=["size"])
