"""Parsing: the syntax tree of a text, whatever Python warns of.

UW1  Where warnings are errors, a text is parsed and compiled as it is elsewhere: its module was
     loaded before, so its warnings say nothing of a digest.

Standard library only, as `normal`.
"""

import ast
import warnings
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")


def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a text; None if the text is no Python."""
    try:
        return unwarned(lambda: ast.parse(text))
    except (SyntaxError, ValueError):
        return None


def parsed_expression(text: str) -> ast.Expression | None:
    """The syntax tree of an expression; None if the text is none."""
    try:
        return unwarned(lambda: ast.parse(text, mode="eval"))
    except (SyntaxError, ValueError):
        return None


def unwarned(make: Callable[[], Made]) -> Made:
    """What Python makes of a text. Raises SyntaxError only if that is no Python."""
    try:
        return make()
    except SyntaxError:  # or a warning that is an error
        # Not at once: this is for all threads.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()
