"""Differing: the parameters that tell several derivations apart, as columns of a table."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...core.config import Config
from ...core.refs import DRef
from .inputs import ConfigOf, Flat
from .table import named_apart


def differing(configs: Mapping[DRef, Config], config_of: ConfigOf) -> dict[DRef, dict[str, Any]]:
    """The parameters in which derivations differ, own ones and those of inputs, by derivation.

    `config_of` gives the configs of inputs. An input is told apart by its parameters, or by its
    reference if these are equal. If no parameter tells two derivations apart, the columns stage,
    code and dref are added until they differ. A stage that was edited always has its code told.
    """
    flat = Flat.of(configs, config_of)
    rows = flat.values
    names = dict.fromkeys(name for values in rows.values() for name in values)
    columns = {name: _column(rows.values(), name) for name in names}
    varied = _untold({n: column for n, column in columns.items() if len({*column}) > 1}, flat)
    found = {dref: {n: v[n] for n in varied if n in v} for dref, v in rows.items()}
    more: dict[str, Callable[[DRef], str]] = {
        "stage": lambda dref: dref.name,
        "code": lambda dref: _short_code(configs[dref]),
        "dref": lambda dref: dref.short,
    }
    for name, value in more.items():
        if _ambiguous(found.values()) or (name == "code" and _edited(configs)):
            extra = {dref: value(dref) for dref in found}
            if len(set(extra.values())) > 1:
                (own,) = named_apart([name], varied, "derivation")
                found = {dref: {**values, own: extra[dref]} for dref, values in found.items()}
    return found


def _untold(columns: Mapping[str, list[str]], flat: Flat) -> list[str]:
    """The names, without the inputs whose own parameters tell them apart."""
    kept = list(columns)
    owners = sorted(flat.owners(columns), key=len, reverse=True)
    for owner in owners:  # inputs of inputs come first
        inner = [columns[name] for name in flat.told_inside(owner, kept)]
        told = {*zip(*inner, strict=True)} if inner else {()}
        # As many rows differ with the input as without it: each of these has one input.
        same = len({*zip(*inner, columns[owner], strict=True)}) == len(told)
        if same and len(flat.stages_at(owner)) == 1:
            kept.remove(owner)
    return kept


def _column(rows: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    """The values of a name as texts, row by row; "" where a row has none."""
    return [repr(values[name]) if name in values else "" for values in rows]


def _edited(configs: Mapping[DRef, Config]) -> bool:
    """Whether a stage has several versions of its code here."""
    versions = {(dref.name, _short_code(config)) for dref, config in configs.items()}
    return len(versions) > len({name for name, _ in versions})


def _ambiguous(found: Iterable[Mapping[str, Any]]) -> bool:
    keys = [repr(sorted(values.items())) for values in found]
    return len(set(keys)) < len(keys)


def _short_code(config: Config) -> str:
    code = config.shared.get("code", "")
    return code[:6] if isinstance(code, str) and len(code) == 32 else str(code)
