"""Choose: the saver of a value by its class, and the folder that a saved value is.

SV1  The bytes follow from the value alone: they are the same in every process.
SV2  Nothing is unpickled, and no code of a file runs.
SV3  What is truncated, damaged or of an unknown kind is an error, never another value.

The folder has an index, `value.json`: kind, facts, and the digest of each file and part.
"""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core.dataclasses import dataclass
from ...core.digest import digest, short
from ...core.errors import Corrupted, PystoreError
from ...store import disk
from . import arrays, frames, keras, nested, plain_values, sklearn, torch, xgboost
from .kind import Fresh, Kind, Stored, no_saver

KINDS = {
    "plain": Kind(plain_values.write, plain_values.read),
    "nested": Kind(nested.write, nested.read),
    "array": Kind(arrays.write, arrays.read),
    "frame": Kind(frames.write, frames.read),
    "sklearn": Kind(sklearn.write, sklearn.read, sklearn.types),
    "torch": Kind(torch.write, torch.read),
    "keras": Kind(keras.write, keras.read),
    "xgboost": Kind(xgboost.write, xgboost.read, xgboost.types),
}
# A value of a package shows that it is imported: its classes tell it without importing more.
_PACKAGES = {
    "numpy": "array",
    "pandas": "frame",
    "sklearn": "sklearn",
    "torch": "torch",
    "keras": "keras",
    "xgboost": "xgboost",
}
_INDEX = "value.json"
_PARTS = {"about": dict, "files": dict, "parts": list}  # of an index
_MAX_DEPTH = 20  # of folders
_NOT_WHOLE = "build it again, or fetch it again from where it came"


@dataclass(frozen=True)
class _How:
    """How to load."""

    trusted: frozenset[str]
    ours: bool


def save(value: object, folder: Path) -> str:
    """Writes a value as files in a new folder (SV1). Returns its digest.

    Raises BadStage where it has no safe form.
    """
    return _save(value, folder, 0)


def digest_of(value: object) -> str:
    """The digest that `save` would return. Raises BadStage where the value has no safe form."""
    return _save(value, None, 0)


def load(
    folder: Path,
    *,
    fresh: Callable[[], object] | None = None,
    trusted: Collection[str] = (),
    ours: bool = True,
) -> Any:
    """The value that was saved there (SV2, SV3).

    `fresh` makes the module or model anew that takes the saved weights. `trusted` are the types
    that the user's script trusts, as "module.Class". `ours`: whether our own list of types counts,
    which is only for what was built here or is signed by a trusted key.
    Raises Corrupted; UntrustedType; BadStage where `fresh` is missing or does not fit.
    """
    return _load(folder, None, fresh, _How(frozenset(trusted), ours))


def types_in(folder: Path) -> tuple[str, ...]:
    """The types in a saved value that need trust, sorted, for messages. None of them is loaded."""
    index = _index(folder, None)
    with _parsing(folder):
        found = set(KINDS[index["kind"]].types(_files(folder, index)))
    for number, _ in enumerate(index["parts"]):
        found.update(types_in(folder / str(number)))
    return tuple(sorted(found))


def _save(value: object, folder: Path | None, depth: int) -> str:
    """The digest of the index of a value, which is written into a folder if there is one."""
    if depth > _MAX_DEPTH:
        raise no_saver(value, because=f"it is nested deeper than {_MAX_DEPTH}")
    kind = _kind(value)
    written = KINDS[kind].write(value)
    parts = [
        _save(part, None if folder is None else folder / str(n), depth + 1)
        for n, part in enumerate(written.parts)
    ]
    files = {name: digest("pystore saved file 1", written.files[name]) for name in written.files}
    text = _text({"kind": kind, "about": written.about, "files": files, "parts": parts})
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=bool(parts))
        for name, content in {**written.files, _INDEX: text}.items():
            (folder / name).write_bytes(content)
    return digest("pystore saved value 1", text)


def _kind(value: object) -> str:
    """The kind of a value: that of the nearest class whose package has one."""
    if plain_values.is_plain(value):
        return "plain"
    if type(value) in (tuple, list, dict):
        return "nested"
    for one in type(value).__mro__:
        if (package := one.__module__.partition(".")[0]) in _PACKAGES:
            return _PACKAGES[package]
    raise no_saver(value)


def _load(folder: Path, expected: str | None, fresh: Fresh | None, how: _How) -> Any:
    index = _index(folder, expected)
    parts = index["parts"]
    stored = Stored(
        index["about"],
        _files(folder, index),
        lambda number, new: _load(folder / str(number), parts[number], new, how),
        len(parts),
        fresh,
        how.trusted,
        how.ours,
    )
    with _parsing(folder):
        return KINDS[index["kind"]].read(stored)


@contextmanager
def _parsing(folder: Path) -> Iterator[None]:
    """What parsers raise is Corrupted: the bytes are whole, but no saver has written them."""
    try:
        yield
    except PystoreError:
        raise
    except Exception as error:  # each parser raises others, some raise all kinds
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error


def _index(folder: Path, expected: str | None) -> dict[str, Any]:
    """The index of a folder, checked against its digest, and against the one its parent has."""
    text = _bytes(folder / _INDEX)
    if expected is not None and digest("pystore saved value 1", text) != expected:
        raise _damaged(folder / _INDEX, "it is not the one of this value")
    try:
        index = json.loads(text)["value"]
        sound = _text(index) == text and index["kind"] in KINDS
        sound = sound and [type(index[key]) for key in _PARTS] == list(_PARTS.values())
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise _damaged(folder / _INDEX, "its text is not whole")
    return index  # type: ignore[no-any-return]  # its text was written by `_save`


def _text(index: dict[str, Any]) -> bytes:
    """The canonical text of an index, which carries its own digest."""
    body = json.dumps(index, separators=(",", ":"))
    checksum = short("pystore saved index 1", body.encode())
    return f'{{"digest":"{checksum}","value":{body}}}\n'.encode()


def _files(folder: Path, index: dict[str, Any]) -> dict[str, bytes]:
    """The bytes of the files, read once: what is checked is what is loaded."""
    files = {}
    for name, expected in index["files"].items():
        content = _bytes(folder / Path(name).name)
        if digest("pystore saved file 1", content) != expected:
            raise _damaged(folder / name, "its bytes are not those that were saved")
        files[name] = content
    return files


def _bytes(path: Path) -> bytes:
    try:
        return disk.read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise _damaged(path, "there is no such file") from None


def _damaged(path: Path, because: str) -> Corrupted:
    return Corrupted("a saved value is not whole", path=path, because=because, remedy=_NOT_WHOLE)
