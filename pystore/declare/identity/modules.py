"""Modules: one that is used as a whole, and one that is no source at all."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .opaque import warn_of_extension, warn_of_installed
from .origin import Origin
from .project import Project, installed_from_folder

if TYPE_CHECKING:
    from .surveyor import Surveyor


def module_text(surveyor: Surveyor, module: ModuleType, name: str) -> None:
    """Writes the text of a module: what all its names stand for."""
    file = surveyor.project.extension(module)
    if file:
        surveyor.survey.texts[name] = _extension(name, file)
        return
    names = vars(module)
    told = []
    for one in sorted(names):
        if one == "__getattr__" or not (one.startswith("__") and one.endswith("__")):
            value = surveyor.global_(names, one)
            told.append(f"{one} {surveyor.described(value, one, Origin(names, one), names, one)}")
    surveyor.survey.texts[name] = "\n".join(["module", *told])


def _extension(name: str, file: str) -> str:
    """A compiled extension: its bytes, since nothing else tells what it does."""
    from .libraries import digest

    warn_of_extension(name, file)
    with open(file, "rb") as read:  # noqa: PTH123
        return f"extension {digest(read.read(), name)}"


_asked: dict[str, frozenset[str]] = {}


def warn_of_copy(value: Any, project: Project) -> None:
    """Warns of code that its owner has installed as a copy: an edit of it builds nothing again."""
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    top = (home or "").partition(".")[0]
    if not top or top in _asked or top in sys.stdlib_module_names:
        return
    _asked[top] = frozenset()
    file = getattr(sys.modules.get(top), "__file__", None)
    parts = file.split(os.sep) if isinstance(file, str) and not project.file(file) else []
    for depth, part in enumerate(parts):
        if part in ("site-packages", "dist-packages"):
            if top in installed_from_folder(os.sep.join(parts[: depth + 1])):
                warn_of_installed(getattr(value, "__name__", top), top)
            return
