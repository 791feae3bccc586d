"""Digests: BLAKE3, tagged by purpose, so that a config can never be mistaken for a tree."""

from blake3 import blake3


def digest(purpose: str, data: bytes) -> str:
    """The 64 hex digits of the BLAKE3 of `data`, in the domain that `purpose` names.

    Source: BLAKE3's key derivation mode, whose context string is made for this.
    """
    return blake3(data, derive_key_context=purpose).hexdigest()


def short(purpose: str, data: bytes) -> str:
    """The first 32 hex digits of `digest`, as names have them."""
    return blake3(data, derive_key_context=purpose).hexdigest(16)


def seed_of(dref: str, context: str, number: int, salt: str = "") -> int:
    """The seed of one attempt, below 2³² (S7): different every attempt, the same on replay.

    The same in every store, unless it has a salt of its own.
    """
    text = f"{dref}\n{context}\n{number}"
    if salt:
        return int(digest("pystore seed 2", f"{salt}\n{text}".encode())[:8], 16)
    return int(digest("pystore seed 1", text.encode())[:8], 16)
