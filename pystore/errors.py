"""The errors, under the name by which users import them: `from pystore.errors import …`."""

from .core.errors import *  # noqa: F403  # its __all__ is the list
from .core.errors import __all__ as __all__
