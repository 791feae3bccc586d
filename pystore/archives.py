"""Readers of untrusted archives, for stages that unpack: `from pystore.archives import …`."""

from .store.untrusted_archives import *  # noqa: F403  # its __all__ is the list
from .store.untrusted_archives import __all__ as __all__
