"""Inputs: parameters of inputs beside a derivation's own, by dotted names: `data.seed`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from ...core.config import Config
from ...core.dataclasses import dataclass
from ...core.errors import Corrupted, NotInStore
from ...core.refs import DRef, selfref
from ...declare.parameters import ABSENT, CHOICE, OWN, flatten, is_path, named_inside

ConfigOf = Callable[[DRef], Config]
_MAY_REFER = (str, list, dict)
_LONGEST = 8  # a list with more inputs is not looked into
_MOST = 300  # places that are looked into: inputs that share inputs have very many


def references(value: Mapping[str, Any]) -> dict[str, DRef]:
    """The inputs of a config by the dotted names of their places: `data`, `candidates.0`."""
    own = {key: item for key, item in value.items() if key not in OWN}
    return dict(_references(own, ""))


def _references(item: Any, place: str) -> Iterator[tuple[str, DRef]]:
    if isinstance(item, str):
        if item.startswith("dref:"):
            yield place, DRef(item)
    elif isinstance(item, list) and item[:1] == [selfref]:
        return
    elif isinstance(item, dict):
        for key, inner in item.items():
            # A whole sweep is told by its reference.
            if isinstance(inner, _MAY_REFER) and key != CHOICE:
                yield from _references(inner, named_inside(place, key))
    elif isinstance(item, list) and is_path(item):
        yield place, DRef(item[0])
    elif isinstance(item, list):
        found = [_references(inner, named_inside(place, str(i))) for i, inner in enumerate(item)]
        several = [list(each) for each in found]
        if sum(map(len, several)) <= _LONGEST:
            yield from (each for inner in several for each in inner)


@dataclass(frozen=True)
class Flat:
    """The flat parameters of derivations, with those of inputs that differ."""

    values: dict[DRef, dict[str, Any]]
    held: dict[DRef, dict[str, DRef]]  # inputs, and inputs of inputs, by dotted place
    twins: dict[str, str]  # places that hold the same inputs as an earlier place, by place

    @classmethod
    def of(cls, configs: Mapping[DRef, Config], config_of: ConfigOf) -> "Flat":
        """The parameters of these configs, outer inputs first."""
        values = {dref: flatten(config.shared) for dref, config in configs.items()}
        held = {dref: references(config.shared) for dref, config in configs.items()}
        found = cls(values, held, {})
        found._look_into(config_of)
        return found

    def _look_into(self, config_of: ConfigOf) -> None:
        places = dict.fromkeys(place for refs in self.held.values() for place in refs)
        firsts: dict[tuple[DRef | None, ...], str] = {}
        inside: dict[DRef, tuple[dict[str, Any], dict[str, DRef]]] = {}  # of each input
        while places and len(firsts) < _MOST:
            place = next(iter(places))
            del places[place]
            several = tuple(refs.get(place) for refs in self.held.values())
            # Whether an input is there has a column of its own, but not in a list.
            lacking = {None} if any(place in values for values in self.values.values()) else set()
            if len({*several} - lacking) == 1:
                continue
            if firsts.setdefault(several, place) != place:
                self.twins[place] = firsts[several]
                continue
            for dref, refs in self.held.items():
                if place not in refs:
                    continue
                if (ref := refs[place]) not in inside:
                    value = _value(ref, config_of) or {}
                    inside[ref] = flatten(value), references(value)
                told, inner = inside[ref]
                self.values[dref] |= {f"{place}.{name}": one for name, one in told.items()}
                deeper = {f"{place}.{name}": one for name, one in inner.items()}
                refs |= deeper
                places |= dict.fromkeys(deeper)

    def told_inside(self, owner: str, names: Iterable[str]) -> list[str]:
        """Those of the names that are parameters of the inputs at a place."""
        roots = {owner, *(self.twins.get(place, place) for place in self._inside(owner))}
        starts = tuple(f"{root}." for root in roots)
        return [n for n in names if n != owner and (n in roots or n.startswith(starts))]

    def owners(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are places of inputs, or that have such places in them."""
        found: set[str] = set()
        for place in self._places:
            while place and place not in found:
                found.add(place)
                place = place.rpartition(".")[0]
        return [name for name in names if name in found]

    def stages_at(self, owner: str) -> set[frozenset[str]]:
        """The names of the inputs at a place, of each derivation that has it."""
        inner = self._inside(owner)
        found = {frozenset(map(row.__getitem__, inner & row.keys())) for row in self._stages}
        return found - {frozenset()}

    def _inside(self, owner: str) -> set[str]:
        """The places of inputs at or in a place."""
        start = f"{owner}."
        return {place for place in self._places if place == owner or place.startswith(start)}

    @cached_property
    def _stages(self) -> list[dict[str, str]]:
        """The names of inputs by their places, of each derivation."""
        return [{place: ref.name for place, ref in refs.items()} for refs in self.held.values()]

    @cached_property
    def _places(self) -> set[str]:
        """All places of inputs."""
        return {place for refs in self.held.values() for place in refs}


def within(name: str, *owners: str) -> bool:
    """Whether a dotted name is one of the owners or lies in one: `data.seed` in `data`."""
    return name in owners or name.startswith(tuple([f"{owner}." for owner in owners]))


def parameter_of(config: Config, name: str, config_of: ConfigOf) -> Any:
    """The parameter of this dotted name, of the derivation or of an input; ABSENT if none."""
    value: Mapping[str, Any] | None
    flat = flatten(config.shared)
    if name in flat:
        return flat[name]
    for place, dref in references(config.shared).items():
        rest = name.removeprefix(f"{place}.")
        if rest != name and (value := _value(dref, config_of)) is not None:
            found = parameter_of(Config(dict(value)), rest, config_of)
            if found is not ABSENT:
                return found
    return ABSENT


def names_of(config: Config, config_of: ConfigOf) -> list[str]:
    """The dotted names of the parameters of a derivation, and of those of its inputs."""
    inner = ((place, _value(ref, config_of)) for place, ref in references(config.shared).items())
    deeper = [named_inside(place, n) for place, value in inner if value for n in flatten(value)]
    return [*flatten(config.shared), *deeper]


def _value(dref: DRef, config_of: ConfigOf) -> Mapping[str, Any] | None:
    try:
        return config_of(dref).shared
    except (NotInStore, Corrupted):
        return None  # its reference is all that can be told
