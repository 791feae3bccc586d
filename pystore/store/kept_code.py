"""Kept code: the texts behind the digests of code, each once in a store.

`code/<digest>` is one text, compressed. The folder may be lost: no identity depends on it.

KC1  A text is shown only if it has the digest that an attempt has noted.
"""

import os
from collections.abc import Mapping
from contextlib import suppress

from ..core.errors import Corrupted
from ..core.kept_code import LARGEST, CodeText, content_of, parse_code
from . import disk
from .layout import Layout
from .parts import Parts


def keep(parts: Parts, texts: Mapping[str, CodeText]) -> None:
    """Makes sure that these texts are kept, by their digests; not where no file can be written."""
    import zlib  # late for weight: only what builds keeps code

    folder = parts.layout.code
    new = {d: one for d, one in texts.items() if not os.path.exists(f"{folder}/{d}")}
    if not new:
        return
    with suppress(OSError), parts.session.open_gate():  # nothing depends on it
        for digest, one in new.items():
            content = content_of(one)
            if len(content) <= LARGEST:
                path = f"{folder}/{digest}"
                disk.put(path, zlib.compress(content), tmp=parts.tmp, durable=False)


def read(layout: Layout, digest: str) -> CodeText | None:
    """The text behind a digest; None where it was not kept. Raises Corrupted (KC1)."""
    import zlib  # as above

    for one in layout.readable:
        try:
            return parse_code(digest, zlib.decompress(disk.read(one.code / digest)))
        except FileNotFoundError:
            continue
        except zlib.error as error:
            raise Corrupted("the text of code cannot be unpacked", because=str(error)) from None
    return None


def damage(layout: Layout, digest: str) -> str:
    """What is wrong with a kept text; "" if nothing is."""
    try:
        read(layout, digest)
    except Corrupted as error:
        return error.what
    return ""
