"""Lineage: from a row to its prediction, its model, the attempt, the code and the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ..core.dataclasses import dataclass
from ..core.errors import PystoreError
from ..core.printable import when
from ..core.refs import DRef, RRef
from ..db.choose import port_of
from ..db.declared import Declared
from ..db.errors import BadRow, NoListener
from ..db.outputs import unwrapped
from ..db.row_keys import pk_given
from ..store.current import current_store


@dataclass(frozen=True)
class Lineage:
    """Where the prediction of a row comes from; `why_not` says why there is none."""

    collection: str
    row: Any
    listener: str
    key: str | None  # of the content of the row, in hex
    prediction: Any
    why_not: str | None
    rref: str | None
    code: str | None  # digest of the code that predicts
    training_code: str | None
    seed: int | None
    host: str | None
    trained: str | None  # when, in UTC
    predicted: str | None  # when, in UTC
    forgotten: str | None  # that the model has seen rows that were forgotten since
    rows: dict[str, dict[str, Any]]  # the snapshots that it was trained and validated on

    def to_dict(self) -> dict[str, Any]:
        """The lineage as a JSON object."""
        return asdict(self)

    def __str__(self) -> str:
        told = {name: value for name, value in asdict(self).items() if name != "rows"}
        lines = [f"{name.replace('_', ' '):<14} {value}" for name, value in told.items()
                 if value is not None]  # fmt: skip
        for name, one in self.rows.items():
            called = f" ({one['name']})" if one["name"] else ""
            lines.append(f"{name:<14} {one['count']:,} rows, {one['dref']}{called}")
        return "\n".join(lines)

    __repr__ = __str__


_OF_PREDICTION = (
    *("rref", "code", "training_code", "seed", "host", "trained", "forgotten"),
    *("predicted", "prediction"),
)


def lineage_of(collection: Declared, key: Any, name: str) -> Lineage:
    """The lineage of what a listener shows for a row. Raises NoListener, and BadRow without row."""
    pk = pk_given(collection, key)
    row, entry, made = port_of(collection.database).shown(collection, pk, name)
    if row is None:
        raise NoListener(
            f"nothing listens to {collection.name} under this name",
            name=name,
            remedy="db.listeners() says who listens",
        )
    if entry is None:
        raise BadRow(
            f"{collection.name} has no row with this key",
            row=key,
            remedy="look for it: collection.find()",
        )
    told: dict[str, Any] = dict.fromkeys(_OF_PREDICTION)
    rows: dict[str, dict[str, Any]] = {}
    if made is not None and made["value"] is not None:
        told["prediction"] = unwrapped(made["value"], row["outputs"])
        told["predicted"] = when(int(made["made"] * 1e9))
        told["rref"], told["code"] = made["rref"], made["code"]
        attempt, rows = _training(collection, RRef(made["rref"]))
        told |= attempt
    return Lineage(
        collection.name,
        key,
        name,
        None if entry["key"] is None else bytes(entry["key"]).hex(),
        why_not=_why_not(entry, made, row),
        rows=rows,
        **told,
    )


def _why_not(entry: Any, made: Any, listener: Any) -> str | None:
    if made is not None and made["value"] is not None:
        return None
    if entry["error"] is not None:
        return f"{entry['phase']}: {entry['error']}"
    if made is not None and made["error"] is not None:
        return f"{made['phase']}: {made['error']}"
    if listener["shown"] is None:
        return listener["note"] or "the listener shows no model yet"
    return "nothing was predicted for it yet, or it has no content"


def _training(collection: Declared, rref: RRef) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attempt that made a realization, and the rows that it has read."""
    store = current_store()
    try:
        config = store.config(rref.dref).value
        [attempt] = [one for one in store.attempts(rref.dref) if one.rref == rref][-1:]
    except (PystoreError, ValueError):
        return {}, {}  # another store has it
    told = {
        "seed": attempt.seed,
        "host": attempt.host,
        "trained": when(attempt.stop),
        "training_code": config.get("code"),
        "forgotten": store.verdicts(rref).get("forgotten"),
    }
    names = port_of(collection.database).snapshot_names()
    rows: dict[str, dict[str, Any]] = {}
    for name, dref in _inputs(config):
        of_input = store.config(DRef(dref)).value
        if "snapshot" in of_input:
            rows[name] = {"dref": dref, "name": names.get(dref), "count": of_input["count"]}
    return told, rows


def _inputs(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The derivations that a config names, with the parameter or the key that names each."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _inputs(value)
        elif isinstance(value, str) and value.startswith("dref:"):
            yield name, value
