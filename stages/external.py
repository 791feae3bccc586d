"""External: data that is too large to copy, used in place."""

import os
from pathlib import Path

from pystore import Build, Derivation, Realizer, build_cattrs, build_link, match_latest, two_way
from pystore.errors import BadStage

from .names import check_file_name, readable_part


@two_way
def external(path: str | os.PathLike[str], version: str, name: str | None = None) -> Derivation:
    """Data in place: a link to `path`, with the name of the last part of the path.

    Its identity is the path and the version: when the data change, write another version. The
    store checks the link, never the data.

    Raises BadStage when the version is empty. A realization raises BuildError when there is
    nothing at the path.
    """
    place = Path(os.path.abspath(os.path.expanduser(os.fsdecode(path))))
    if not isinstance(version, str) or not version:
        raise BadStage(
            "data outside of the store need a version",
            given=repr(version)[:200],
            remedy="write version='2024-05', and another one whenever the data change",
        )
    filename = check_file_name(place.name)
    name = readable_part(filename) if name is None else name
    config = {"path": str(place), "version": version, "name": name}
    return Derivation(config, match_latest(), Realizer(link_in_place))


def link_in_place(b: Build) -> None:
    """The realizer of `external`."""
    place = Path(build_cattrs(b).path)
    build_link(b, place.name, place)
