"""Pictures: kept as the bytes of their files; those of strangers are measured before decoding."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.printable import listed
from .errors import BadContent, BadRow

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MAX_PIXELS = 50e6


def dump_picture(value: Any, settings: Mapping[str, Any]) -> bytes:
    """The bytes of a picture's file: a picture or an array becomes PNG, bytes stay as they are."""
    from PIL import Image

    if isinstance(value, Path):
        value = _read(value)
    if isinstance(value, bytes | bytearray | memoryview):
        load_picture(value, settings)
        return bytes(value)
    if type(value).__module__ == "numpy":
        value = _of_array(value)
    if not isinstance(value, Image.Image):
        raise BadRow(
            "this is no picture",
            given=repr(value)[:80],
            remedy="pictures are PIL images, arrays of uint8, paths of files, or the bytes of one",
        )
    _check_size(value.width, value.height, settings.get("max_pixels", MAX_PIXELS))
    # What was opened from a file is as it lies there; what was made of it is as it is meant.
    return _png(value if value.format is None else _upright(value))


def _read(path: Any) -> bytes:
    try:
        found: bytes = path.read_bytes()
    except OSError as error:
        raise BadRow(
            "there is no such file", path=path, because=error.strerror, remedy="name a file"
        ) from None
    return found


def _of_array(array: Any) -> Any:
    from PIL import Image

    try:
        return Image.fromarray(array)
    except (TypeError, ValueError, KeyError) as error:
        raise BadRow(
            "no picture has such an array",
            shape=str(array.shape),
            type=str(array.dtype),
            because=str(error),
            remedy="give an array of uint8, [height, width] or [height, width, 3]; or declare the "
            "field as array()",
        ) from None


# Keys are digests of these bytes: they depend on pixels, palette and colours, and on no defaults of
# Pillow, nor on what it happens to know of the file that a picture comes from.
_HOW: Mapping[str, Any] = {
    "optimize": False, "compress_level": 6, "compress_type": 1, "dictionary": b"", "exif": b"",
}  # fmt: skip
_AS_THEY_ARE = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that PNG gives again


def _png(picture: Any) -> bytes:
    """The bytes of a picture as PNG. Raises BadRow where PNG would have another picture."""
    import numpy as np
    from PIL import Image

    file = io.BytesIO()
    try:
        picture.save(file, "PNG", **_HOW, icc_profile=picture.info.get("icc_profile"))
    except (OSError, ValueError) as error:
        raise _no_png(picture.mode, str(error)) from None
    if picture.mode not in _AS_THEY_ARE:
        file.seek(0)
        with Image.open(file) as again:
            if not np.array_equal(np.asarray(again), np.asarray(picture)):
                raise _no_png(picture.mode, "its values would be others")
    return file.getvalue()


def _no_png(mode: str, because: str) -> BadRow:
    return BadRow(
        "PNG has no such pictures",
        mode=mode,
        because=because,
        remedy="convert it: picture.convert('RGB'); or declare the field as array()",
    )


def load_picture(stored: Any, settings: Mapping[str, Any]) -> Any:
    """The picture of Pillow in the bytes of a file. Raises BadContent."""
    from PIL import Image

    if not isinstance(stored, bytes | bytearray | memoryview):
        raise BadContent(
            "this is no picture: these are no bytes",
            stored=repr(stored)[:80],
            remedy="declare the field by the type that is stored there",
        )
    raw, formats = bytes(stored), settings.get("formats", FORMATS)
    most = settings.get("max_pixels", MAX_PIXELS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `most` is the limit
            with Image.open(io.BytesIO(raw), formats=tuple(formats)) as picture:
                _check_size(picture.width, picture.height, most)
                picture.load()
                return _upright(picture)
    except BadContent:
        raise
    except Exception as error:  # Pillow raises many kinds for bytes that are no picture
        raise BadContent(
            "this is no picture that can be decoded",
            because=type(error).__name__,
            formats=listed(formats),
            begins_with=repr(raw[:16]),
            remedy="store the bytes of a picture; image(formats=[…]) names formats",
        ) from None


def _upright(picture: Any) -> Any:
    """A copy of the picture as a person sees it: phones turn pictures by a note in EXIF."""
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that a note is broken is no news
            return ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, struct.error):
        return picture.copy()  # nobody can read the note, so that no viewer turns the picture


def _check_size(width: int, height: int, most: float) -> None:
    if width * height > most:
        raise BadContent(
            "this picture has too many pixels",
            pixels=f"{width} x {height}",
            allowed=f"{most:g}",
            remedy="image(max_pixels=…), if such pictures are meant",
        )
