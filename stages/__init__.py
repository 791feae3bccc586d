"""Ready-made stages, one family a file."""

from .external import external
from .fetch import fetchlocal, fetchurl
from .files import mkfile, mknode
from .unpack import unpack

__all__ = ["external", "fetchlocal", "fetchurl", "mkfile", "mknode", "unpack"]
