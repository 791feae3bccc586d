"""Whether a program runs in a terminal or in a notebook."""

import os
import sys

from ..settings import terminal_is_dumb


def on_terminal() -> bool:
    """Whether bars can be drawn on standard error."""
    return is_terminal(sys.stderr) and not terminal_is_dumb()


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel: IPython is imported, and its shell has a kernel."""
    find = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return getattr(find(), "kernel", None) is not None


def is_terminal(stream: object) -> bool:
    """Whether the descriptor of a stream is a terminal: `isatty` of some streams is wrong."""
    try:
        return os.isatty(stream.fileno())  # type: ignore[attr-defined]  # caught
    except (AttributeError, ValueError, OSError):
        return False
