"""Signatures over records with Ed25519 keys, which are written as 32 bytes in hexadecimal digits.

A signature is over the text of a record, which stays the same when it is imported. The record names
its realization by a digest of tree and inputs, so that the signature covers these, too.
"""

import os
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import BadPlace, PystoreWarning
from .. import disk
from ..defaults import defaults
from ..home import expanded

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_LONGEST = 1000  # [bytes] that are read of the file of a key
_HEX = re.compile(r"[0-9a-f]{64}\Z")


class Key:
    """The private key in a file that `make_key` has written. Raises BadPlace."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            content, mode = _read(expanded(path))
            text = content.decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _no_key(path, str(error)) from None
        if not _HEX.match(text):
            raise _no_key(path, "it does not hold 64 hexadecimal digits")
        if mode & 0o077:
            warnings.warn(
                f"others may use the private key in {path}: chmod 600 it, or make a new one",
                PystoreWarning,
                stacklevel=3,
            )
        self._private, self.public = _pair(bytes.fromhex(text))

    def sign(self, text: bytes) -> bytes:
        """The signature of a text, as the content of an object."""
        return self._private.sign(text).hex().encode() + b"\n"


def _read(path: Path) -> tuple[bytes, int]:
    """The beginning of a file, and its mode. Raises OSError where it is no regular file."""
    with disk.open_regular(path) as file:
        return file.read(_LONGEST), os.fstat(file.fileno()).st_mode


def make_key(path: str | os.PathLike[str]) -> str:
    """Writes a private key into a new file; returns the public key.

    Push with the file, `push(…, key=path)`; give the public key to those who pull:
    `trusted_keys=[…]`, or PYSTORE_TRUSTED_KEYS. Raises BadPlace.
    """
    seed = os.urandom(32)
    _, public = _pair(seed)
    try:
        disk.write_new(expanded(path), seed.hex().encode() + b"\n", durable=True, mode=0o600)
    except OSError as error:
        raise BadPlace(
            "no key can be written here",
            path=path,
            because=error.strerror,
            remedy="name a new file in a folder of yours",
        ) from None
    return public


def is_signed(public: str, text: bytes, signature: bytes) -> bool:
    """Whether the holder of this key has signed this text."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature.decode("ascii").strip()), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def trusting(keys: str | Iterable[str] | None) -> frozenset[str] | None:
    """The trusted public keys, by default those of the settings; None trusts everybody.

    Raises BadPlace where one is no public key.
    """
    keys = defaults().trusted_keys() if keys is None else keys
    if keys is None:
        return None
    trusted = frozenset([keys] if isinstance(keys, str) else keys)
    for key in trusted:
        if not isinstance(key, str) or not _HEX.match(key):
            raise BadPlace(
                "not a public key",
                given=ascii(key)[:200],
                expected="64 hexadecimal digits",
                remedy="make_key(path) returned it",
            )
    _require()
    return trusted


def _pair(seed: bytes) -> tuple["Ed25519PrivateKey", str]:
    """A private key and its public key."""
    _require()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(seed)
    return key, key.public_key().public_bytes_raw().hex()


def _require() -> None:
    try:
        import cryptography  # noqa: F401  # whether it is installed
    except ImportError:
        raise BadPlace(
            "signatures need the package cryptography", remedy="pip install cryptography"
        ) from None


def _no_key(path: object, because: str) -> BadPlace:
    return BadPlace(
        "no private key in this file", path=path, because=because, remedy="make_key(path) makes one"
    )
