"""Config: a JSON object with exactly one canonical text.

CF1  Same meaning, same text: the order of keys never matters.
CF2  `1`, `1.0` and `True` are three values; so are `0.0` and `-0.0`. Strings are kept code point
    by code point (no Unicode normalization).
CF3  `Config.parse(config.text) == config`, and `parse` takes canonical text only.
CF4  Text that starts with `dref:` or `rref:` is a reference: well-formed, and never a realization.
"""

import json
from collections.abc import Mapping
from typing import Any

from .digest import short
from .errors import BadConfig, BadName
from .plain import HasDRef, PlainReader, kind_of
from .refs import DRef, check_name

MAX_BYTES = 16 * 2**20
_canonical = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode


class Config:
    """A stage's parameters and the references to what it depends on; immutable.

    Raises BadConfig, which names the place, when the value is not plain JSON.
    """

    __slots__ = ("_dref", "_shared", "_text", "holds", "inputs", "name", "promises")

    name: str  # the readable part of the reference, from the key `name`
    inputs: tuple[DRef, ...]  # the derivations that it mentions, sorted
    promises: tuple[tuple[str, ...], ...]  # the files that [selfref, …] promises, as parts
    holds: tuple[HasDRef, ...]  # the derivations among its values

    def __init__(self, value: "Mapping[str, Any] | Config") -> None:
        if isinstance(value, Config):
            for slot in Config.__slots__:
                setattr(self, slot, getattr(value, slot))
            return
        self._shared: Mapping[str, Any] | None = None
        if not isinstance(value, dict):
            raise BadConfig(
                f"a config is a dict, not {kind_of(value)}", remedy="write mkconfig({'key': value})"
            )
        reader = PlainReader()
        plain = reader.read(value, "config", 0)
        text = _canonical(plain)
        self._text: str | None = text
        if len(text) > MAX_BYTES:
            raise BadConfig(
                "a config this large belongs in a file",
                size=f"{len(text)} characters",
                most=MAX_BYTES,
                remedy="make the data a stage of its own: mkfile(name, contents) or fetchlocal",
            )
        self.name = _name(plain)
        self.inputs = tuple(sorted(reader.inputs))
        self.promises = tuple(sorted(reader.promises))
        self.holds = tuple(reader.holds)
        self._dref = DRef.of(short("pystore derivation 1", text.encode()), self.name)

    @classmethod
    def parse(cls, text: str | bytes) -> "Config":
        """The config with this canonical text. Raises BadConfig."""
        try:
            decoded = text.decode() if isinstance(text, bytes) else text
            value = json.loads(decoded, parse_constant=_refuse, object_pairs_hook=distinct)
        except (ValueError, RecursionError) as error:
            raise BadConfig("not the text of a config", because=str(error)[:200]) from None
        try:
            config = cls(value)
        except BadName as error:
            raise BadConfig(error.what, given=error.given) from None
        if config.text != decoded:
            raise BadConfig("not the canonical text of a config", given=decoded[:200])
        return config

    def parts(self) -> list[Any]:
        """What `of_parts` takes, as JSON."""
        return [self.shared, [*self.inputs], [[*promise] for promise in self.promises]]

    @classmethod
    def of_parts(cls, dref: DRef, parts: list[Any]) -> "Config":
        """The config of a derivation, quickly, from the `parts` of an equal one."""
        value, inputs, promises = parts
        config = cls.__new__(cls)
        config._text, config.name, config._dref, config.holds = None, dref.name, dref, ()
        config._shared = value
        config.inputs = tuple(map(DRef, inputs))
        config.promises = tuple(map(tuple, promises))
        return config

    @property
    def text(self) -> str:
        """The canonical text."""
        if self._text is None:
            self._text = _canonical(self._shared)
        return self._text

    @property
    def dref(self) -> DRef:
        """The derivation that this config names."""
        return self._dref

    @property
    def value(self) -> dict[str, Any]:
        """A fresh plain copy of the config."""
        result: dict[str, Any] = json.loads(self.text)
        return result

    @property
    def shared(self) -> Mapping[str, Any]:
        """The config, for those who only look: one copy for all of them."""
        if self._shared is None:
            self._shared = self.value
        return self._shared

    def __getitem__(self, key: str) -> Any:
        return self.value[key]

    def __contains__(self, key: object) -> bool:
        return key in self.shared

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default`."""
        return self.value.get(key, default)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Config({self.text})"


def _name(plain: Any) -> str:
    name = plain.get("name", "unnamed")
    try:
        return check_name(name)
    except BadName as error:
        raise BadName(f"config.name: {error.what}", remedy=error.remedy, **error.facts) from None


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs as an object of JSON. Raises ValueError where a key stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} stands twice")
    return found
