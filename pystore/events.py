"""The events, under the name by which users import them: `from pystore.events import …`."""

from .model.events import *  # noqa: F403  # its __all__ is the list
from .model.events import __all__ as __all__
