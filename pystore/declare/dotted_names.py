"""Dotted names: values inside of the arguments of a stage: `optim.lr`, `data.seed`.

IN1  The parts of a name are keys of dicts, places in lists, and parameters of inputs; `*` stands
    for each input in a value: `candidates.0.rate`, `*.data.seed`.
IN2  A dict replaces a whole dict; a dotted name replaces one key that exists.
IN3  A change that reaches some uses of an input but not all gives a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ..core.derivation import Derivation, collect
from ..core.errors import BadStage, PystoreWarning
from ..core.near_names import near_names
from ..core.refs import DRef, is_dref, is_promise
from .choice import best_of
from .parameters import CHOICE

Take = Callable[[Derivation | None, str, Any, Any], Any]
"""Turns a given value into the one that a parameter takes. Arguments: the derivation (None for an
entry of a dict), the name, the present value, the given value. Raises BadStage for a wrong kind."""

EACH = "*"
_OWN = ("name", "code")


class NoSuchParameter(BadStage):
    """A dotted name that names nothing."""


def with_changes(target: Derivation, changes: Mapping[str, Any], take: Take) -> Derivation:
    """The derivation with other values at these dotted names.

    Raises BadStage when a name names nothing, or its value is of the wrong kind.
    """
    made = []
    for name, value in changes.items():
        made.append(change := _Change(name, value, take))
        target = change.of(target, name.split("."))
    for change in made:
        change.tell_of_others(target)
    return target


def parted(
    given: Mapping[str, Any], defaults: Mapping[str, Any], take: Take
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of a stage, with the changes inside of its dicts; and the changes of inputs.

    `defaults` are the values of parameters that are not given. Changes inside of dicts are made
    here, since the config may leave the dict out. Raises BadStage when a name names nothing.
    """
    plain = {name: value for name, value in given.items() if "." not in name}
    inner = {}
    for name, value in given.items():
        first, *rest = name.split(".")
        if not rest:
            continue
        own = plain.get(first, defaults.get(first))
        if isinstance(own, dict):
            plain[first] = _Change(name, value, take).inside(first, own, rest, {})
        else:
            inner[name] = value
    return plain, inner


class _Change:
    """One value for one dotted name."""

    def __init__(self, name: str, value: Any, take: Take) -> None:
        self._name = name
        self._value = value
        self._take = take
        self._made: list[
            tuple[Derivation, Derivation]
        ] = []  # the innermost derivations, before and after

    def of(self, target: Derivation, path: list[str]) -> Derivation:
        """The derivation with the change."""
        key, *rest = path
        items = target.config.value.items()
        values = {k: v for k, v in items if k not in _OWN and not is_promise(v)}
        held = {one.dref: one for one in target.holds}
        where = target.config.name
        if key == EACH and CHOICE not in values:
            found = {k: self._each(v, rest, held) for k, v in values.items()}
            new = {k: v for k, v in found.items() if v is not _UNREACHED}
            if not new:
                raise self._nowhere(f"no input of {where} has a parameter {'.'.join(rest)}", values)
            return target.replace(new)
        if CHOICE in values and key not in values:
            return self._among(target, values[CHOICE], path, held)
        if key not in values:
            raise self._nowhere(f"{where} has no parameter {key}", values, key)
        if rest and not (_refers(values[key]) or isinstance(values[key], (dict, list))):
            raise self._nowhere(f"{key} is no input of {where}", values)
        if rest:
            return target.replace({key: self.inside(key, values[key], rest, held)})
        changed = target.replace({key: self._taken(target, key, values[key])})
        self._made.append((target, changed))
        return changed

    def _among(
        self,
        target: Derivation,
        choice: Mapping[str, Any],
        path: list[str],
        held: Mapping[DRef, Derivation],
    ) -> Derivation:
        """A choice among the same derivations, each with the change."""
        among = self._each(choice["among"], path, held)
        if among is _UNREACHED:
            what = f"nothing that {target.config.name} chooses among has"
            raise self._nowhere(f"{what} a parameter {'.'.join(path)}", {})
        among = [held[DRef(one)] if isinstance(one, str) else one for one in among]
        new = best_of(among, choice["metric"], choice["mode"])
        return new.replace(matcher=target.matcher)

    def inside(
        self, place: str, present: Any, path: list[str], held: Mapping[DRef, Derivation]
    ) -> Any:
        """The value at a place, with the change."""
        key, *rest = path
        if (input_ := _input(present, held)) is not None:
            return _in_place(present, self.of(input_, path))
        if key == EACH:
            new = self._each(present, rest, held)
            if new is _UNREACHED:
                raise self._nowhere(f"no input in {place} has a parameter {'.'.join(rest)}", {})
            return new
        if isinstance(present, dict):
            if key not in present:
                raise self._nowhere(f"{place} has no parameter {key}", present, key)
            return {**present, key: self._next(key, present[key], rest, held, (place, key))}
        if isinstance(present, list) and present:
            index = self._index(place, key, present)
            new = self._next(f"{place}.{key}", present[index], rest, held, (place, key))
            return [new if i == index else item for i, item in enumerate(present)]
        raise self._nowhere(f"{place} has no parameter {key}", {})

    def _next(
        self,
        place: str,
        present: Any,
        rest: list[str],
        held: Mapping[DRef, Derivation],
        named: tuple[str, str],
    ) -> Any:
        if rest:
            return self.inside(place, present, rest, held)
        return self._taken(None, ".".join(named), present)

    def _each(self, present: Any, path: list[str], held: Mapping[DRef, Derivation]) -> Any:
        """A value, with the change in each input in it that has such a parameter."""
        if (input_ := _input(present, held)) is not None:
            if not path:
                return _UNREACHED
            try:
                return _in_place(present, self.of(input_, path))
            except NoSuchParameter:
                return _UNREACHED
        if not isinstance(present, (dict, list)):
            return _UNREACHED
        items = present.items() if isinstance(present, dict) else enumerate(present)
        found = {key: self._each(item, path, held) for key, item in items}
        if all(new is _UNREACHED for new in found.values()):
            return _UNREACHED
        kept = {key: present[key] if new is _UNREACHED else new for key, new in found.items()}
        return kept if isinstance(present, dict) else list(kept.values())

    def _taken(self, target: Derivation | None, key: str, present: Any) -> Any:
        if _refers(present) and not _refers(self._value):
            raise BadStage(
                f"{self._name} is an input: another stage",
                given=repr(self._value)[:200],
                remedy=f"name one of its parameters: {self._name}.PARAMETER",
            )
        return self._take(target, key, present, self._value)

    def _index(self, place: str, key: str, present: list[Any]) -> int:
        if key.isascii() and key.isdigit() and int(key) < len(present):
            return int(key)
        raise NoSuchParameter(
            f"{place} is a list of {len(present)}",
            given=self._name,
            remedy=f"name one by its place, {place}.0.…, or each input in it, {place}.*.…",
        )

    def _nowhere(self, what: str, known: Mapping[str, Any], key: str = "") -> NoSuchParameter:

        return NoSuchParameter(
            what,
            parameters=", ".join(known) or "none",
            closest=", ".join(near_names(key, known)) or None,
            given=self._name,
            remedy="name one that is there: optim.lr of a dict, data.seed of an input, "
            "candidates.0.rate of one in a list, *.data.seed of each",
        )

    def tell_of_others(self, target: Derivation) -> None:
        """Warns when other uses of a changed input stay as they were (IN3)."""
        known: dict[DRef, Derivation] = {}
        collect([target], known)
        for before, after in self._made:
            if before.dref != after.dref and before.dref in known:
                users = [d.config.name for d in known.values() if before.dref in d.config.inputs]
                warnings.warn(
                    f"{self._name} reaches some uses of {before.config.name}, and not those by "
                    f"{', '.join(sorted(set(users)))}: these keep {before.dref.short}; "
                    "name their places as well, or several at once by *",
                    PystoreWarning,
                    stacklevel=4,
                )
                return


_UNREACHED = object()


def _input(present: Any, held: Mapping[DRef, Derivation]) -> Derivation | None:
    """The input in a value: a derivation, a stage, a reference, or a file of one of these."""
    first = present[0] if isinstance(present, list) and _is_file(present) else present
    if hasattr(first, "stage_name"):
        return first()  # type: ignore[no-any-return]  # a stage, which returns a derivation
    if isinstance(first, Derivation):
        return first
    if not is_dref(first):
        return None
    if first not in held:
        raise BadStage(
            f"the parameters of {DRef(first).name} cannot be changed from here",
            because="it was declared in a registry, and is known by its reference",
            remedy="change them where it is declared",
        )
    return held[DRef(first)]


def _is_file(value: list[Any]) -> bool:
    texts = all(isinstance(item, str) and not item.startswith("dref:") for item in value[1:])
    return len(value) > 1 and texts and _refers(value[0])


def _in_place(present: Any, new: Derivation) -> Any:
    return [new, *present[1:]] if isinstance(present, list) else new


def _refers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_refers, value))
    if isinstance(value, dict):
        return any(map(_refers, value.values()))
    is_text = isinstance(value, str) and value.startswith("dref:")
    return is_text or hasattr(value, "dref") or hasattr(value, "stage_name")
