"""Names: of the files that stages write, and of the stages themselves."""

import re

from pystore import RefPath, selfref
from pystore.errors import BadName, BadRef

_STRANGE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 255  # [bytes], of a name in any file system that we know


def check_file_name(name: object) -> str:
    """`name`, if a file can have this name on any system. Raises BadName otherwise."""
    try:
        RefPath.parse([selfref, name])  # type: ignore[list-item]  # it refuses other types
    except BadRef as error:
        raise _bad_name(name, because=error.what) from None
    assert isinstance(name, str)
    if not name.isprintable():
        raise _bad_name(name, because="it holds characters that cannot be printed")
    if len(name.encode()) > _LONGEST:
        raise _bad_name(name, because=f"it is longer than {_LONGEST} bytes")
    return name


def readable_part(filename: str) -> str:
    """The readable part of a reference to this file: `mnist.npz` gives `mnist-npz`."""
    return _STRANGE.sub("-", filename).strip("-")[:128] or "unnamed"


def _bad_name(name: object, because: str) -> BadName:
    return BadName(
        "not the name of a file",
        given=ascii(name)[:200],
        because=because,
        remedy="choose a name such as 'mnist.npz', without folders",
    )
