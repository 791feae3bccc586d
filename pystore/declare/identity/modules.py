"""Modules: the text of a module that is used as a whole, and of a compiled extension."""

from pathlib import Path
from types import ModuleType

from .describer import Describer
from .libraries import digest
from .origin import Origin
from .warn import warn_of_extension


def module_text(describer: Describer, module: ModuleType, name: str) -> str:
    """The text of a module: the meanings of all its names; for an extension, its bytes."""
    notes = describer.notes
    if file := notes.project.extension(module):
        warn_of_extension(name, file)
        return f"extension {digest(Path(file).read_bytes(), name)}"
    names = vars(module)
    lines = ["module"]
    for one in sorted(names):
        if one == "__getattr__" or not (one.startswith("__") and one.endswith("__")):
            value = notes.global_(names, one)
            lines.append(f"{one} {describer.described(value, one, Origin(names, one), names, one)}")
    return "\n".join(lines)
