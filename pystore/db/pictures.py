"""Pictures: kept as the bytes of their files; those of strangers are measured before decoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.printable import listed
from .errors import BadContent, BadRow

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MAX_PIXELS = 50e6


def dump_picture(value: Any, settings: Mapping[str, Any]) -> bytes:
    """The bytes of a picture's file: a picture or an array becomes PNG, bytes stay as they are."""
    import io
    from pathlib import Path

    from PIL import Image

    if isinstance(value, Path):
        value = value.read_bytes()
    if isinstance(value, bytes | bytearray | memoryview):
        load_picture(value, settings)
        return bytes(value)
    if type(value).__module__ == "numpy":
        value = Image.fromarray(value)
    if not isinstance(value, Image.Image):
        raise BadRow(
            "this is no picture",
            given=repr(value)[:80],
            remedy="pictures are PIL images, arrays of uint8, paths of files, or the bytes of one",
        )
    file = io.BytesIO()
    try:
        value.save(file, "PNG")
    except (OSError, ValueError) as error:
        raise BadRow(
            "PNG has no such pictures",
            mode=value.mode,
            because=str(error),
            remedy="convert it: picture.convert('RGB')",
        ) from None
    return file.getvalue()


def load_picture(stored: Any, settings: Mapping[str, Any]) -> Any:
    """The picture of Pillow in the bytes of a file. Raises BadContent."""
    import io
    import warnings

    from PIL import Image

    raw, formats = bytes(stored), settings.get("formats", FORMATS)
    most = settings.get("max_pixels", MAX_PIXELS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # `most` is the limit
            with Image.open(io.BytesIO(raw), formats=tuple(formats)) as picture:
                _check_size(picture.width, picture.height, most)
                picture.load()
                return picture.copy()
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


def _check_size(width: int, height: int, most: float) -> None:
    if width * height > most:
        raise BadContent(
            "this picture has too many pixels",
            pixels=f"{width} x {height}",
            allowed=f"{most:g}",
            remedy="image(max_pixels=…), if such pictures are meant",
        )
