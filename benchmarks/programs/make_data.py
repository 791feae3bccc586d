"""A file without holes or repetition: `make_data.py FILE BYTES`."""

import os
import sys
from pathlib import Path

CHUNK = 1 << 20

with Path(sys.argv[1]).open("wb") as stream:
    for _ in range(int(sys.argv[2]) // CHUNK):
        stream.write(os.urandom(CHUNK))
