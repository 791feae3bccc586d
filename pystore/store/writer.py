"""Writer: the user and the host that notes and changes of pins are signed with."""

import os

from ..core.note import written_by


def writer() -> str:
    """The user who runs this process, and the host: `ada@lab`."""
    import pwd  # only for who writes

    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return written_by(user, os.uname().nodename)
