"""The events, under the name by which users import them: `from pystore.events import …`."""

from .core.events import *  # noqa: F403  # its __all__ is the list
from .core.events import __all__ as __all__
