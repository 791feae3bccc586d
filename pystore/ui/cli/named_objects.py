"""Named objects: the model, the listener or the collection that a user's file declares."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from ...core.errors import BadStage
from ...core.printable import listed
from .command_context import CommandContext
from .loading_only import load_only
from .program import parse_target


def named_object(
    command: CommandContext, text: str, noun: str, is_one: Callable[[Any], bool], remedy: str
) -> Any:
    """The object of a kind that FILE.py[:NAME] names; without a name, the only one.

    The classes of the kinds are not looked at: to import them takes long. Raises BadStage; `remedy`
    says how to declare one.
    """
    file, name = parse_target(text)
    command.near(file)
    program = load_only(file)
    found = {key: value for key, value in vars(program.module).items() if is_one(value)}
    if name is not None and name in found:
        return found[name]
    if name is None and len({id(one) for one in found.values()}) == 1:
        return next(iter(found.values()))
    there = {f"{noun}s": listed(found) or "none"}
    if name is not None:
        raise BadStage(
            f"no {noun} of this name in {program.file}",
            given=name,
            closest=", ".join(get_close_matches(name, found)) or None,
            **there,
            remedy="name one of them" if found else remedy,
        )
    if not found:
        raise BadStage(f"no {noun} in {program.file}", remedy=remedy)
    raise BadStage(
        f"{program.file} has several {noun}s",
        **there,
        remedy=f"name one of them: {program.file}:{next(iter(found))}",
    )
