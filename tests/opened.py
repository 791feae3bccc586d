"""Which files below a folder this process has open.

Other threads of the tests, and what the garbage collector ends, open and close descriptors at any
moment: a test counts those of its own folder.
"""

import errno
import os
from pathlib import Path


def opened_below(folder: Path) -> list[str]:
    """The open files and folders below a folder, each with its descriptor.

    A path that is too long to be told counts as well: it is that of a test of deep trees.
    """
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue  # the descriptor of the listing, or one that another thread has closed
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            found.append(f"{number} …")
        else:
            if Path(path).is_relative_to(folder):
                found.append(f"{number} {path}")
    return sorted(found)
