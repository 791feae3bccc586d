"""At a remote: what commands look up where they are given a URL."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ...ask.inspection.at_remote import AtRemote


trust = click.option(
    "--trust",
    "trusted",
    metavar="KEY",
    multiple=True,
    help="Use only what this public key has signed; may be given again [PYSTORE_TRUSTED_KEYS].",
)


def is_remote(text: str) -> bool:
    """Whether a text is the URL or the folder of a remote, and no reference."""
    return "://" in text or (Path(text) / "pystore-remote.json").is_file()


def at_remote(url: str, trusted: Sequence[str]) -> "AtRemote":
    """What the remote at a URL holds; with public keys, as far as one of them has signed it."""
    from ...ask.inspection.at_remote import AtRemote  # for weight: the help looks in no remote

    return AtRemote(url, trusted or None)
