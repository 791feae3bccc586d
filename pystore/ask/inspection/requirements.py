"""Requirements: the packages that an attempt recorded, as the lines of a requirements file.

RU1  A line that pip cannot take is a comment: nothing that was recorded is left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from ...core.attempt import Attempt
from ...core.printable import printable, when

_NO_PACKAGES = ("python", "system", "device", "git", "git diff")
# Modules that are named otherwise than the distribution that pip installs; those that are
# installed here are looked up.
_KNOWN = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "pystore": "pystore-stages",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_VERSION = re.compile(
    r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+([._-][a-z0-9]+)*)?\Z"
)  # of PEP 440, as packages write it


def requirements_of(attempt: Attempt) -> list[str]:
    """The lines: facts as comments, then a package a line, sorted (RU1).

    An attempt records the packages that were imported when it ended, by the names of their
    modules. The name of the distribution is the one of an installed module of this name here,
    else a well-known one, else the same name.
    """
    versions = attempt.versions
    installed = _installed()
    packages = {name: one for name, one in versions.items() if name not in _NO_PACKAGES}
    lines = {_line(name, version, installed) for name, version in packages.items()}
    return [*_head(attempt), *sorted(lines, key=lambda line: (line[0] == "#", line.lower()))]


def _head(attempt: Attempt) -> Iterator[str]:
    about = attempt.rref or attempt.dref
    yield f"# attempt {attempt.number} of {about}, {when(attempt.start)}"
    for name in _NO_PACKAGES:
        if name in attempt.versions:
            yield f"# {name}: {printable(attempt.versions[name])}"


def _line(name: str, version: str, installed: Mapping[str, Sequence[str]]) -> str:
    found = sorted(set(installed.get(name, ())))
    distribution = found[0] if len(found) == 1 else _KNOWN.get(name, name)
    fits = _NAME.match(distribution) and _VERSION.match(version)
    if fits and not name.startswith("_"):
        return f"{distribution}=={version}"
    return f"# {printable(name)}: {printable(version)}"


def _installed() -> Mapping[str, Sequence[str]]:
    from importlib.metadata import packages_distributions  # for its weight

    return packages_distributions()
