"""pystore ls: what is here."""

from collections.abc import Sequence
from typing import Any

import click

from ...ask.experiments.differing import differing
from ...ask.inspection.inventory import Held, Made, held, made
from ...ask.inspection.short_refs import find_refs
from ...core.config import Config
from ...core.errors import Corrupted, NotInStore
from ...core.manifest import Entry
from ...core.printable import printable, when
from ...core.refs import DRef, RRef
from ...store.pins import pins
from ...store.store import Store
from ..quantities import number
from .artifact import artifact, artifact_record, room
from .columns import columns, ref, value
from .command_context import CommandContext, as_json, report, with_command
from .ref import AS_TYPED


@click.command("ls")
@click.argument("what", type=AS_TYPED, required=False, metavar="[NAME|GLOB|REF]")
@as_json
@with_command
def ls(command: CommandContext, what: str | None, as_json: bool) -> None:
    """List derivations, realizations of one, artifacts of one.

    Without an argument, all derivations, those of one name with the parameters that tell them
    apart; of a NAME or a pattern such as 'train*', its derivations. Of the first digits of a hash,
    or `dref:` and digits, what that derivation or realization holds.

    --json: objects. Derivations have `dref`, `name`, `realizations`, `built` and `parameters`;
    realizations `rref`, `dref`, `state`, `attempts`, `built`, `metrics` and `pins`; artifacts
    `rref`, `path`, `kind`, and `size`, `executable` and `digest`, or `target`.
    """
    store = command.store
    refs = store.drefs() if what is None else find_refs(what, code=command.code, store=store)
    first = refs[0] if refs else None
    if isinstance(first, RRef):
        _artifacts(first, store, as_json)
    elif first is not None and what is not None and _is_one(what, first):
        _realizations(first, store, as_json)
    else:
        _derivations([ref for ref in refs if isinstance(ref, DRef)], store, as_json)


def _is_one(what: str, dref: DRef) -> bool:
    """Whether a derivation was meant, not all of a name or a pattern."""
    return what != dref.name and not set(what) & set("*?[")


def _derivations(drefs: Sequence[DRef], store: Store, as_json: bool) -> None:
    parameters = _parameters(drefs, store)
    rows = sorted(held(drefs, store), key=lambda row: (row.dref.name, row.built or 0, row.dref))
    records = [_held_record(row, parameters) for row in rows] if as_json else []
    report(records, lambda: _held_text(rows, parameters), as_json)


def _parameters(drefs: Sequence[DRef], store: Store) -> dict[DRef, dict[str, Any]]:
    """What tells each derivation from the others of its name; nothing of one that has its own."""
    families: dict[str, list[DRef]] = {}
    for dref in drefs:
        families.setdefault(dref.name, []).append(dref)
    found: dict[DRef, dict[str, Any]] = {}
    for family in (several for several in families.values() if len(several) > 1):
        configs = {dref: _config(dref, store) for dref in family}
        found |= {dref: {"config": "damaged"} for dref in family}  # those that cannot be read
        readable = {dref: config for dref, config in configs.items() if config}
        found |= differing(readable, store.config)
    return found


def _config(dref: DRef, store: Store) -> Config | None:
    """None where it is damaged: what else is here can still be listed."""
    try:
        return store.config(dref)
    except (Corrupted, NotInStore):
        return None


def _held_record(row: Held, parameters: Any) -> dict[str, Any]:
    record = {
        "dref": row.dref,
        "name": row.dref.name,
        "realizations": row.realizations,
        "built": row.built,
    }
    return record | {"parameters": parameters.get(row.dref, {})}


def _held_text(rows: Sequence[Held], parameters: Any) -> str:
    if not rows:
        return "nothing here yet; `pystore run FILE.py` builds a stage of yours"

    def told(dref: DRef) -> list[str]:
        pairs = (f"{printable(k)}={value(v)}" for k, v in parameters.get(dref, {}).items())
        return [" ".join(pairs)] if parameters else []

    # What tells them apart goes before the time: a narrow terminal cuts at the end.
    cells = [
        [ref(row.dref), row.dref.name, f"{row.realizations:,}", *told(row.dref), when(row.built)]
        for row in rows
    ]
    header = ["derivation", "name", "realizations", *(["parameters"] * bool(parameters)), "built"]
    return columns(header, cells, right=["realizations"], spare=["realizations", "built"])


def _realizations(dref: DRef, store: Store, as_json: bool) -> None:
    rows = made(dref, store)
    named: dict[RRef, list[str]] = {}
    for name, rref in pins(store).items():
        named.setdefault(rref, []).append(name)
    records = [_made_record(row, named.get(row.rref, [])) for row in rows]
    report(records, lambda: _made_text(rows, named), as_json)


def _made_record(row: Made, names: list[str]) -> dict[str, Any]:
    last = row.attempts[-1] if row.attempts else None
    return {
        "rref": row.rref,
        "dref": row.rref.dref,
        "state": row.state,
        "attempts": len(row.attempts),
        "built": last and last.stop,
        "metrics": dict(last.metrics) if last else {},
        "pins": names,
    }


def _made_text(rows: Sequence[Made], named: dict[RRef, list[str]]) -> str:
    cells = []
    for row in rows:
        last = row.attempts[-1] if row.attempts else None
        told = last.metrics.items() if last else ()
        metrics = " ".join(f"{printable(name)}={number(reached)}" for name, reached in told)
        marks = [row.state] * (row.state != "here") + [f"pin {n}" for n in named.get(row.rref, [])]
        built = when(last.stop) if last else ""
        cells.append([ref(row.rref), f"{len(row.attempts)}", built, ", ".join(marks), metrics])
    if not cells:
        return "no realizations; `pystore log` shows what was tried"
    header = ["realization", "attempts", "built", "", "metrics"]
    spare = ["built", "attempts"]
    return columns(header, cells, right=["attempts"], spare=spare, styles=_dim_unused)


def _dim_unused(row: Sequence[str]) -> Any:
    used = not row[3].startswith(("gone", "rejected", "damaged"))
    return None if used else lambda line: click.style(line, dim=True)


def _artifacts(rref: RRef, store: Store, as_json: bool) -> None:
    entries = store.manifest(rref).entries
    records = [artifact_record(rref, entry) for entry in entries]
    report(records, lambda: _artifacts_text(entries), as_json)


def _artifacts_text(entries: Sequence[Entry]) -> str:
    shown = [[room(entry), artifact(entry)] for entry in entries]
    return columns(["size", "artifact"], shown, right=["size"])
