"""Config files: mappings of parameters in YAML, TOML or JSON, for `--config` and `-p @FILE`.

YJ1  A file gives the same parameters as `-p` would: values of JSON, and nothing that would be
    another value without a word: no key twice, dotted or not, no date, no number that is none.
YJ2  Interpolations of OmegaConf, as in the files that Hydra writes, are resolved, or an error.
"""

import json
import math
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...core.config import distinct
from ...core.dataclasses import dataclass
from ...core.errors import BadConfig
from ...core.printable import printable
from ...store import disk
from ...store.home import expanded

_NOTHING = object()
_LARGEST = 1 << 20  # [bytes]
_MOST = 100_000  # values; aliases of YAML may stand for more than any file holds
_DEEPEST = 100
# YAML 1.1 takes 1e-3 for a text; JSON, YAML 1.2 and OmegaConf take it for a number.
# And yes for true, 010 for 8 and 12:30:00 for 45000, which YAML 1.2 does not.
_DOUBTFUL = re.compile(r"[-+]?0[0-7_]+|[-+]?[\d_]+(?::[0-5]?\d)+(?:\.[\d_]*)?|(?i:yes|no|on|off)")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)\Z|[-+]?(?:\d+\.\d*|\.\d+)\Z")
_SCALARS = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float")}


@dataclass(frozen=True)
class ConfigFile:
    """The parameters in a file."""

    path: Path
    values: Mapping[str, Any]


def read_config(path: Path) -> ConfigFile:
    """The parameters in a file. Raises BadConfig where it holds no mapping of parameters."""
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise BadConfig(
            "the ending of this file does not say what it holds",
            config=path,
            expected=", ".join(_PARSERS),
            remedy="give it the ending of what is in it",
        )
    try:
        values = parse(_text(path))
    except (ValueError, RecursionError) as error:
        raise _bad(path, " ".join(str(error).split())[:300] or type(error).__name__) from None
    if not isinstance(values, dict):
        what = "nothing" if values is None else f"a {type(values).__name__}"
        raise BadConfig(
            "this file holds no mapping of parameters",
            config=path,
            it_holds=what,
            remedy="write a line KEY: VALUE for each parameter",
        )
    _refuse_twice(path, values)
    count = sum(1 for _ in _checked(path, values, "", 0))
    return ConfigFile(path, _resolved(path, values) if count else values)


def _text(path: Path) -> str:
    try:
        with disk.open_regular(expanded(path)) as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise BadConfig(
            "this file of parameters cannot be read",
            config=path,
            because=error.strerror,
            remedy="check the path",
        ) from None
    if len(content) > _LARGEST:
        raise ValueError("it has more than 1 MiB")
    return content.decode("utf-8-sig")


def _bad(path: Path, because: str) -> BadConfig:
    return BadConfig(
        "this file of parameters is not well-formed",
        config=path,
        because=printable(because),
        remedy="mend it; `pystore run FILE.py -n --config …` shows what would be built",
    )


# --- the formats -----------------------------------------------------------------------


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=distinct)


def _toml(text: str) -> Any:
    import tomllib  # only for a file in TOML

    return tomllib.loads(text)


def _yaml(text: str) -> Any:
    try:
        import yaml  # only for a file in YAML
    except ImportError:
        raise BadConfig(
            "a file in YAML needs the package PyYAML", remedy="pip install 'pystore-stages[yaml]'"
        ) from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
        """Refuses a key that stands twice, and what is another value in YAML 1.2."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
            keys = [self.construct_object(key, deep=True) for key in own]
            for number, key in enumerate(keys):
                if isinstance(key, Hashable) and key in keys[:number]:
                    raise ValueError(f"the key {key!r} stands twice{own[number].start_mark}")
            found: dict[Hashable, Any] = super().construct_mapping(node, deep)
            return found

        def construct_scalar(self, node: Any) -> Any:
            # A text has another tag, a quoted one too.
            if node.tag in _SCALARS and _DOUBTFUL.fullmatch(node.value):
                raise ValueError(
                    f"{node.value} is one value in YAML 1.1, and another in 1.2: quote it, or "
                    f"write the number, true or false{node.start_mark}"
                )
            return super().construct_scalar(node)

    resolvers = {sign: [*told] for sign, told in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    Loader.yaml_implicit_resolvers = resolvers
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
    try:
        return yaml.load(text, Loader)  # it is a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


_PARSERS: dict[str, Callable[[str], Any]] = {
    ".yaml": _yaml,
    ".yml": _yaml,
    ".toml": _toml,
    ".json": _json,
}


def _refuse_twice(path: Path, values: Mapping[str, Any]) -> None:
    """Raises BadConfig for a place that is told both dotted and not: `a.b: 1` and `a: {b: 2}`."""
    for name in values:
        first, *parts = str(name).split(".")
        inner = values.get(first) if parts else None
        for part in parts:
            inner = inner.get(part, _NOTHING) if isinstance(inner, dict) else _NOTHING
        if parts and inner is not _NOTHING:
            raise _bad(path, f"{name} stands twice: once in {first}")


# --- what is in it ---------------------------------------------------------------------


def _checked(path: Path, value: Any, place: str, depth: int) -> Iterator[str]:
    """The places of interpolations. Raises BadConfig for what is no JSON (YJ1)."""
    stack, count = [(value, place, depth)], 0
    while stack:
        value, place, depth = stack.pop()
        if (count := count + 1) > _MOST or depth > _DEEPEST:
            raise _bad(path, f"it is too large, or holds itself, at {place}")
        if isinstance(value, dict):
            for key, one in value.items():
                if not isinstance(key, str):
                    raise _bad(path, f"the key {key!r} in {place or 'it'} is no text: quote it")
                stack.append((one, f"{place}.{key}" if place else key, depth + 1))
        elif isinstance(value, list):
            stack += [(one, f"{place}.{i}", depth + 1) for i, one in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            raise _bad(path, f"{place} is {value}, which no parameter can be")
        elif value is not None and type(value) not in (bool, int, float, str):
            kind = type(value).__name__
            raise _bad(path, f"{place} is a {kind}: write it as text, in quotes")
        elif isinstance(value, str) and ("${" in value or value == "???"):
            yield place


def _resolved(path: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values with interpolations resolved (YJ2)."""
    try:
        from omegaconf import OmegaConf  # for weight: only such files need it
        from omegaconf.errors import OmegaConfBaseException
    except ImportError:
        raise _bad(
            path, "it has interpolations (${…}) or missing values (???), which need omegaconf"
        ) from None
    try:
        told = OmegaConf.to_container(
            OmegaConf.create(dict(values)), resolve=True, throw_on_missing=True
        )
    except OmegaConfBaseException as error:
        raise _bad(path, " ".join(str(error).split())[:300]) from None
    assert isinstance(told, dict), "it was one"
    for place in _checked(path, told, "", 0):
        raise _bad(path, f"{place} is not resolved")
    return {str(key): value for key, value in told.items()}
