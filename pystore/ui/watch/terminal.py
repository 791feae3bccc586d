"""Where a program shows its progress: a terminal, a notebook, or neither."""

import os
import sys

from ..settings import terminal_is_dumb


def on_terminal() -> bool:
    """Whether bars can be drawn where errors go."""
    return is_terminal(sys.stderr) and not terminal_is_dumb()


def in_notebook() -> bool:
    """Whether this runs in a kernel of Jupyter: IPython is there, and its shell has one."""
    find = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return getattr(find(), "kernel", None) is not None


def is_terminal(stream: object) -> bool:
    """Whether a stream ends in a terminal: by its descriptor, as some only pretend."""
    try:
        return os.isatty(stream.fileno())  # type: ignore[attr-defined]  # caught
    except (AttributeError, ValueError, OSError):
        return False
