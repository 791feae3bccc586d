"""Settings: the environment variables and the settings file. Only this module reads them.

A variable comes before the same setting in the settings file, `~/.config/pystore/settings.toml`.

`PYSTORE_ROOT`     where the store is, when the program names none
`PYSTORE_BELOW`    a store that is also read, and never written, such as a laboratory's
`PYSTORE_MIRRORS`  servers of files by their sha256, for `fetchurl`; separated by spaces
`PYSTORE_SUBSTITUTERS`  remotes to look in before something is built; separated by spaces
`PYSTORE_TRUSTED_KEYS`  public keys; one of them must have signed a result of a remote
`PYSTORE_DIFFS`    "no": uncommitted changes of a project are not sent along with results
`PYSTORE_CODE`     "no": the texts of the code of stages are not kept in the store
`PYSTORE_USAGE`    "no": CPU, memory and GPUs of attempts are not measured
`PYSTORE_ON_END`   a command that is run when `pystore run` ends, or a pin moves
`PYSTORE_SETTINGS`  where the settings file is
`SUDO_UID`         the user who became root: root trusts that user's stores, too
`XDG_CACHE_HOME`   where what can be made again may lie, such as an index of a store and forms of
                   code, if it is not `~/.cache`
`NO_COLOR`         if it is not empty, the command line prints without colours
`TERM`             "dumb" where nothing can be drawn
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import BadPlace, BadSettings
from ..core.later import later
from ..store.home import expanded

if TYPE_CHECKING:
    from . import nearby, settings_file
    from .settings_file import SettingsFile
else:
    later(globals(), ".nearby", ".settings_file")


def default_root() -> Path:
    """The folder of the store of a program that names none.

    `PYSTORE_ROOT`, else the nearest `.pystore/` from the program's file upwards, else from the
    working directory, else what the settings file says, else the user's data folder.

    Raises BadSettings; BadPlace if the nearest store belongs to another user, or if there is no
    home folder.
    """
    if root := named_root():
        return root
    if root := nearby.found(_file().trusted_stores, _sudo()):
        return root
    return _file().store or _home("XDG_DATA_HOME", "~/.local/share") / "pystore"


def _sudo() -> tuple[int, ...]:
    before = os.environ.get("SUDO_UID", "")
    return (int(before),) if os.geteuid() == 0 and before.isdecimal() else ()


def named_root() -> Path | None:
    """The folder that `PYSTORE_ROOT` names."""
    root = os.environ.get("PYSTORE_ROOT")
    return Path(root) if root else None


def default_below(root: str | os.PathLike[str]) -> Path | None:
    """The store below the one at `root`, by the settings; None if that is the same store."""
    named = os.environ.get("PYSTORE_BELOW")
    below = _file().below if named is None else named
    if not below or os.path.realpath(below) == os.path.realpath(root):
        return None
    return Path(below)


def mirrors() -> tuple[str, ...]:
    """Base URLs of servers of files by their sha256, in the order to ask them."""
    named = os.environ.get("PYSTORE_MIRRORS")
    return _file().mirrors if named is None else tuple(named.replace(",", " ").split())


def substituters() -> tuple[str, ...]:
    """URLs of remotes to look in before something is built, in the order to ask them."""
    named = os.environ.get("PYSTORE_SUBSTITUTERS")
    return _file().substituters if named is None else tuple(named.split())


def trusted_keys() -> tuple[str, ...] | None:
    """Public keys; one of them must have signed a result of a remote. None: signed by anybody."""
    named = os.environ.get("PYSTORE_TRUSTED_KEYS")
    # An empty variable trusts nobody: a missing key file may have left it empty.
    return _file().trusted_keys if named is None else tuple(named.replace(",", " ").split())


def diffs() -> bool:
    """Whether uncommitted changes of a project are sent along with results. Raises BadSettings."""
    named = _switch("PYSTORE_DIFFS")
    return _file().diffs if named is None else named


def keeps_code() -> bool:
    """Whether the texts of the code of stages are kept in the store. Raises BadSettings."""
    named = _switch("PYSTORE_CODE")
    return _file().code if named is None else named


def measures_usage() -> bool:
    """Whether CPU, memory and GPUs of attempts are measured. Raises BadSettings."""
    named = _switch("PYSTORE_USAGE")
    return _file().usage if named is None else named


def on_end() -> str:
    """The command to run when a run ends, or a pin moves; empty for none."""
    named = os.environ.get("PYSTORE_ON_END")
    return _file().on_end if named is None else named


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that is started, with more variables."""
    return {**os.environ, **more}


def _switch(variable: str) -> bool | None:
    named = os.environ.get(variable, "").lower()
    if named and named not in _WORDS:
        raise BadSettings(
            f"{variable} says neither yes nor no", given=named[:200], remedy=f"{variable}=no"
        )
    return _WORDS[named] if named else None


_WORDS = {
    **dict.fromkeys(("yes", "true", "on", "1"), True),
    **dict.fromkeys(("no", "false", "off", "0"), False),
}


def _file() -> "SettingsFile":
    if named := os.environ.get("PYSTORE_SETTINGS"):
        return settings_file.read(Path(named))
    try:
        home = _home("XDG_CONFIG_HOME", "~/.config")
    except BadPlace:
        return settings_file.SettingsFile()  # there is no home folder
    return settings_file.read(home / "pystore/settings.toml")


def _home(variable: str, usual: str) -> Path:
    return expanded(os.environ.get(variable) or usual)


def cache() -> Path | None:
    """The folder for what can be made again, such as an index; None if there is no home folder."""
    try:
        folder = _home("XDG_CACHE_HOME", "~/.cache")
    except BadPlace:
        return None
    return folder / "pystore" if folder.is_absolute() else None


def coloured() -> bool | None:
    """Whether to print colours: False by NO_COLOR, None to decide by the terminal."""
    return False if os.environ.get("NO_COLOR") or terminal_is_dumb() else None


def completion_wanted() -> str:
    """The request of a shell for completions; empty if there is none."""
    return os.environ.get("_PYSTORE_COMPLETE", "")


def typed_so_far() -> tuple[str, str]:
    """The line that Bash wants completed, up to the cursor, and the last word by Bash's rules."""
    return os.environ.get("COMP_LINE", ""), os.environ.get("COMP_WORD", "")


def terminal_is_dumb() -> bool:
    """Whether the terminal can only show lines, by `TERM`."""
    return os.environ.get("TERM", "").lower() in ("", "dumb", "unknown")
