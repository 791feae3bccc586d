"""Small files and nodes, written in the program itself."""

from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from pystore import Build, Derivation, Realizer, build_outpath, match_latest, two_way
from pystore.errors import BadStage

from .names import check_file_name

_KEY = "artifacts"


@two_way
def mknode(
    config: Mapping[str, Any] | None = None,
    artifacts: Mapping[str, bytes | str] | None = None,
    name: str | None = None,
) -> Derivation:
    """A stage with this config and these files: `mknode({"lr": 0.1}, {"notes.txt": "…"})`.

    The contents are identity, through their hashes. Text is written as UTF-8.

    Raises BadName when a file cannot be called so, BadStage when contents are no bytes or text.
    """
    contents = {check_file_name(file): _bytes(file, it) for file, it in (artifacts or {}).items()}
    value = dict(config or {})
    if _KEY in value or (name is not None and value.get("name", name) != name):
        raise BadStage(
            "the config says what the arguments say",
            config=", ".join(map(repr, value))[:200],
            remedy=f"write the name once, and call no key {_KEY!r}",
        )
    value[_KEY] = {file: sha256(content).hexdigest() for file, content in contents.items()}
    if name is not None:
        value["name"] = name
    return Derivation(value, match_latest(), Realizer(partial(write_files, contents=contents)))


@two_way
def mkfile(name: str, contents: bytes | str, filename: str | None = None) -> Derivation:
    """One file with the name `filename`, or that of the stage: `[mkfile("note", "…"), "note"]`.

    Raises BadName when the name is not that of a stage, or the file cannot be called so.
    """
    declare = mknode.__wrapped__
    return declare(None, {name if filename is None else filename: contents}, name)


def write_files(b: Build, contents: Mapping[str, bytes]) -> None:
    """The realizer of `mknode` and `mkfile`."""
    for file, content in contents.items():
        build_outpath(b).joinpath(file).write_bytes(content)


def _bytes(file: str, content: object) -> bytes:
    try:
        content = content.encode() if isinstance(content, str) else content
    except UnicodeEncodeError as error:
        raise BadStage(
            "text with a lone surrogate", file=file, because=str(error)[:200], remedy="give bytes"
        ) from None
    if isinstance(content, bytes):
        return content
    raise BadStage(
        "the contents of a file are bytes or text",
        file=file,
        given=repr(content)[:200],
        remedy="write text, or bytes: json.dumps(value), array.tobytes()",
    )
