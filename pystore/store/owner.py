"""Owner: whose something is. Who owns a folder decides what lies in it."""

import os
from collections.abc import Collection


def strange_owner(path: str | os.PathLike[str], also: Collection[int] = ()) -> int | None:
    """The user that something belongs to, where that is not the one who runs this; None if it is.

    Of a link, both it and what it leads to are looked at. `also` are users that will do as well.
    Raises FileNotFoundError where there is nothing.
    """
    own = {os.geteuid(), *also}
    owners = (status.st_uid for status in (os.lstat(path), os.stat(path)))
    return next((owner for owner in owners if owner not in own), None)
