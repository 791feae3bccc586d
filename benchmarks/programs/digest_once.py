"""The digest of the code of a stage with many helpers, once: `digest_once.py AREA NUMBER`."""

import sys
from pathlib import Path

import many_helpers
import telling

from pystore.declare.identity.code import code_of

function = many_helpers.stage(Path(sys.argv[1]), int(sys.argv[2]), "math")
telling.tell(digest=code_of(function).digest)
