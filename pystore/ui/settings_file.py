"""The settings file: the settings of a user, for which no environment variable is set.

```toml
store = "~/results"
below = "/lab/store"
mirrors = ["https://files.lab.example"]
substituters = ["s3://lab/pystore"]
trusted_keys = ["3b6a27bc…"]
diffs = false
code = false
usage = false
on_end = "notify-send training"
trusted_stores = ["/lab/project/.pystore"]
```
"""

from functools import cache
from pathlib import Path
from typing import Any

from ..core.dataclasses import dataclass
from ..core.errors import BadSettings
from ..core.near_names import near_names
from ..store.home import expanded
from .nearby import ANY


@dataclass(frozen=True)
class SettingsFile:
    """The content of a settings file."""

    store: Path | None = None
    below: Path | None = None
    mirrors: tuple[str, ...] = ()
    substituters: tuple[str, ...] = ()
    trusted_keys: tuple[str, ...] | None = None  # None: signed by anybody
    diffs: bool = True  # whether uncommitted changes are sent along with results
    code: bool = True  # whether the texts of code are kept in the store
    usage: bool = True  # whether CPU, memory and GPUs of attempts are measured
    on_end: str = ""  # a command to run when a run ends, or a pin moves
    trusted_stores: tuple[str | Path, ...] = ()  # of other users; folders, or "*" for all


_PATHS = ("store", "below")
_SWITCHES = ("diffs", "code", "usage")
_TEXTS = ("on_end",)
_FOLDERS = ("trusted_stores",)
_KEYS = tuple(SettingsFile.__annotations__)


@cache
def read(path: Path) -> SettingsFile:
    """The content of the file; the defaults if there is none. A process reads a file once.

    Relative paths in it start at its folder. Raises BadSettings when it is no TOML, or has an
    unknown key or a value of a wrong type.
    """
    try:
        text = path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return SettingsFile()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(
            "the settings cannot be read",
            path=path,
            because=str(error),
            remedy="name another file: PYSTORE_SETTINGS",
        ) from None
    return SettingsFile(**{key: _checked(path, key, v) for key, v in _parsed(path, text).items()})


def _parsed(path: Path, text: str) -> dict[str, Any]:
    if not text.strip():
        return {}  # of an empty file, such as /dev/null
    import tomllib  # late for weight: most users have no file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(
            "the settings are no TOML",
            path=path,
            because=str(error),
            remedy='write lines such as: substituters = ["s3://lab/pystore"]',
        ) from None


def _checked(path: Path, key: str, value: object) -> Any:
    if key not in _KEYS:
        raise BadSettings(
            "there is no such setting",
            given=key,
            path=path,
            closest=", ".join(near_names(key, _KEYS)) or None,
            settings=", ".join(_KEYS),
            remedy="name one of them",
        )
    if key in _PATHS and isinstance(value, str) and value:
        return path.parent / expanded(value)
    if key in _SWITCHES and isinstance(value, bool):
        return value
    if key in _TEXTS and isinstance(value, str):
        return value
    others = (*_PATHS, *_SWITCHES, *_TEXTS)
    if key not in others and isinstance(value, list) and all(isinstance(v, str) for v in value):
        if key in _FOLDERS:
            return tuple(v if v == ANY else path.parent / expanded(v) for v in value)
        return tuple(value)
    kind, example = _kind(key)
    raise BadSettings(
        f"the setting {key} is {kind}",
        given=repr(value)[:200],
        path=path,
        remedy=f"{key} = {example}",
    )


def _kind(key: str) -> tuple[str, str]:
    """The type of a setting in words, and an example."""
    if key in _PATHS:
        return "a path", '"~/results"'
    if key in _TEXTS:
        return "a text", '"notify-send training"'
    return ("true or false", "false") if key in _SWITCHES else ("a list of texts", '["…"]')
