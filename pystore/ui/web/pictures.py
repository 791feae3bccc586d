"""Pictures: posted ones, decoded when their size is known.

PX1  A picture is a PNG or a JPEG by its first bytes, and is refused by the size in its header
     before a decoder sees it: a small file may tell of very many pixels.
PX2  A picture comes upright and in 8 bits, whatever a camera or a scanner has made of it.
"""

import struct
from typing import TYPE_CHECKING

from ...app.decoding import decoded
from .problems import Problem

if TYPE_CHECKING:
    from PIL.Image import Image

MOST = 16_000_000  # pixels
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xDA)}  # markers of a JPEG that stand alone
_NO_FRAMES = {0xC4, 0xC8, 0xCC}  # among the markers of frames, C0 to CF


def picture(data: bytes) -> "Image":
    """The picture in a body, upright, in the mode L, RGB or RGBA. Raises Problem."""
    kind = "PNG" if data.startswith(_PNG) else "JPEG" if data.startswith(_JPEG) else ""
    read = {"PNG": _png_size, "JPEG": _jpeg_size, "": None}[kind]
    size = read(data) if read else None
    if size is None:
        remedy = "send a PNG or a JPEG, as image/png or image/jpeg"
        raise Problem(422, "the body is no picture", remedy=remedy)
    width, height = size
    if width * height > MOST:
        told = f"{width} x {height}"
        remedy = "send a smaller one"
        title = "the picture has too many pixels"
        raise Problem(413, title, size=told, most=MOST, remedy=remedy)
    return _decoded(data)


def _decoded(data: bytes) -> "Image":
    try:
        return decoded(data)
    except Exception as error:  # decoders raise errors of many kinds
        because = f"{type(error).__name__}: {error}"
        remedy = "send it whole"
        raise Problem(422, "no picture can be read", because=because, remedy=remedy) from None


def _png_size(data: bytes) -> tuple[int, int] | None:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """The size that the header of the first frame tells.

    Source: ITU-T T.81, annex B.
    """
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None
