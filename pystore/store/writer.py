"""Writer: the user and the host that notes and changes of pins are signed with."""

import os
import pwd

from ..core.note import written_by


def writer() -> str:
    """The user who runs this process, and the host: `ada@lab`."""
    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return written_by(user, os.uname().nodename)
