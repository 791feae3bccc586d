"""Code text: the text of a function or a module, with the meanings of its names."""

from functools import partial
from pathlib import Path
from types import CellType, FunctionType, ModuleType
from typing import Any

from .compiled import bytecode
from .describer import Describer
from .functions import attributes_of, cells_of
from .libraries import digest
from .listing import Definition, Listing, listing_of
from .normal import Normal
from .origin import Origin
from .reading import reads_of, reads_of_decorators
from .resolver import Lookup
from .statements import Statement
from .warn import warn_of_extension


def code_text(
    describer: Describer,
    form: Normal,
    decorators: tuple[Normal, ...],
    lookup: Lookup,
    more: list[str],
) -> str:
    """The text of code: its normal form, `more` lines, and the meanings of its names (SU1)."""
    parts = [form.text, *more]
    for one in (form, *decorators) if describer.notes.follow else ():
        lines = describer.resolver.lines(one, lookup)
        if one is form:
            parts += lines
        elif "=pystore:" not in "".join(lines):  # @stage and its options are config, not code
            parts += ["@" + one.text, *lines]
    text = "\n".join(parts)
    describer.notes.reads |= reads_of(text)
    return text


def function_text(describer: Describer, function: FunctionType, name: str) -> str:
    """The text of a function; of a stage's own function, without its decorators of the project."""
    notes = describer.notes
    notes.watch(function)
    is_stage = function is notes.function
    names, cells = function.__globals__, cells_of(function)
    found = listing_of(function.__code__, names)
    if found is None:
        return _compiled_text(describer, function, name, cells)
    listing, node = found
    notes.survey.sources[name] = partial(listing.lines_of, node)
    read, foreign = reads_of_decorators(node, names, notes.project)
    form = listing.normal(node, defaults=False, read=notes.read | read, cells=frozenset(cells))
    decorators = tuple(
        one
        for one, is_foreign in zip(form.decorators, foreign, strict=True)
        if is_foreign or not is_stage
    )
    more = []
    if notes.follow and not is_stage and _has_values(function):
        made = partial(_defaults, listing, node, names)
        more = describer.given(function, notes.inside(function, made), name)
    if notes.read.source:
        more.append(listing.source(node))
    lookup = Lookup(names, cells, notes.inside(function), name)
    return code_text(describer, form, decorators, lookup, more)


def _defaults(listing: Listing, node: Definition, names: dict[str, Any]) -> list[Statement]:
    """The expressions of the defaults of a function."""
    arguments = listing.node_of(node).args
    defaults = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
    return [Statement(one, names, listing) for one in defaults]


def _compiled_text(
    describer: Describer, function: FunctionType, name: str, cells: dict[str, CellType]
) -> str:
    """The text of a function without source: constants, names and bytecode."""
    parts, names = bytecode(function.__code__, function.__doc__)
    form = Normal("", {(one,): None for one in names}, (), cells=tuple(cells))
    if not describer.notes.follow:
        return "\n".join(["compiled", *parts])
    origin = describer.notes.inside(function)
    values = describer.given(function, origin, name)
    lines = describer.resolver.lines(form, Lookup(function.__globals__, cells, origin, name))
    return "\n".join(["compiled", *parts, *values, *lines])


def _has_values(function: FunctionType) -> bool:
    """Whether a function has defaults or attributes."""
    return bool(function.__defaults__ or function.__kwdefaults__ or attributes_of(function))


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
