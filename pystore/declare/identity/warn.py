"""Warnings of things that do not count by value: the thing, its line, why, what to write."""

import os
import warnings

from ...core.errors import PystoreWarning

_warned: set[tuple[str, ...]] = set()


def warn_of_expression(name: str, kind: str, line: str) -> None:
    """Warns once that a thing counts by the expression that made it."""
    _warn(
        (name, kind, line),
        f"{name}, {_a(kind)}{_at(line)}, counts into the identity of the code that uses it by the "
        "expression that made it, not by what it holds: make it in the function, or pass what "
        "it depends on to the stage as a parameter",
        line,
    )


def warn_of_nothing(name: str, kind: str) -> None:
    """Warns once that a thing does not count at all."""
    _warn(
        (name, kind),
        f"{name}, {_a(kind)}, does not count into the identity of the code that uses it: neither "
        "its value nor the expression that made it can be told. Make it in the function, or "
        "pass what it depends on to the stage as a parameter",
    )


def warn_of_place(name: str, line: str) -> None:
    """Warns once that a path from `__file__` counts by its expression, and no file there counts."""
    _warn(
        (name, "place", line),
        f"{name}{_at(line)} comes from __file__: it counts into the identity of the code that "
        "uses it by the expression that made it, and no file that lies there does. Pass a file "
        "that a stage reads as an input of the stage",
        line,
    )


def warn_of_extension(name: str, file: str) -> None:
    """Warns once that a compiled extension has other bytes for each Python."""
    _warn(
        (name, file),
        f"{name} is a compiled extension of your project ({os.path.basename(file)}): its bytes "
        "count into the identity of the code that uses it, and each Python and machine has its "
        'own. To give it one name everywhere: @stage(code="v1")',
    )


def warn_of_installed(name: str, package: str) -> None:
    """Warns once that installed code of the user's counts by its name only."""
    _warn(
        (package,),
        f"{name} comes from {package}, which was installed from a folder of yours as a copy: only "
        "its name counts into the identity of the code that uses it, and an edit builds nothing "
        f"again. Install it in place, by pip install --editable, or keep the stage in {package}",
    )


def warn_of_computed(name: str) -> None:
    """Warns once that a module which code imports or runs by a name in a value does not count."""
    _warn(
        (name, "import"),
        f"{name} imports or runs a module whose name is computed: the module does not count into "
        "the identity of the code. Import it by its name, or pass its version to the stage as a "
        "parameter",
    )


def warn_of_size(name: str, size: int) -> None:
    """Warns once that a large value is read whole at each use."""
    _warn(
        (name, "size"),
        f"the value of {name} ({size / 2**20:,.0f} MiB) is a part of the code that uses it, and is "
        "read whole to tell whether it has changed: write it by a stage of its own, and pass "
        "that as an input",
    )


def warn_of_change(names: list[str], stage: str) -> None:
    """Warns that a value that counts has changed while a stage ran."""
    warnings.warn(
        f"{', '.join(names)} changed while {stage} ran, and counts into the identity of the code "
        "by value: the next call is another derivation. Keep what a stage computes in its "
        "output, and what saves work in functools.lru_cache, which does not count",
        PystoreWarning,
        stacklevel=2,
    )


def _a(kind: str) -> str:
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def _at(line: str) -> str:
    file, _, number = line.rpartition(":")
    return f" ({os.path.basename(file)}:{number})" if file else ""


def _warn(key: tuple[str, ...], text: str, line: str = "") -> None:
    if key in _warned:
        return
    _warned.add(key)
    file, _, number = line.rpartition(":")
    if file:
        warnings.warn_explicit(text, PystoreWarning, file, int(number))
    else:
        warnings.warn(text, PystoreWarning, stacklevel=2)
