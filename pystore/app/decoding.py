"""Decoding: a PNG or a JPEG as the picture that a feature_loader gets."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from ..core.errors import BadStage

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS = ("PNG", "JPEG")


def decoded(data: bytes) -> Image:
    """The picture upright, in the mode L, RGB or RGBA. Raises what the decoder raises."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data), formats=KINDS) as image:
        image.load()
        return in_8_bits(ImageOps.exif_transpose(image))  # phones turn pictures by a note


def from_log(text: Any) -> Image:
    """The picture that a service has logged in base64. Raises BadStage."""
    try:
        return decoded(base64.b64decode(text, validate=True))
    except Exception as error:  # decoders raise errors of many kinds
        raise BadStage(
            "the picture of this line cannot be read",
            because=f"{type(error).__name__}: {error}"[:200],
            remedy="pass the picture: model.replay(line, raw)",
        ) from None


def in_8_bits(image: Image) -> Image:
    """The picture in the mode L, RGB or RGBA; RGBA where some of it is transparent."""
    if image.mode.startswith("I"):  # 16 bits of grey, which a conversion would cut, not scale
        grey = image.point(lambda grey: grey * (1 / 256)).convert("L")
        return _without(grey, image) if "transparency" in image.info else grey
    transparent = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
    if image.mode in ("L", "RGB", "RGBA") and not transparent:
        return image
    if image.mode == "1" and not transparent:
        return image.convert("L")
    return image.convert("RGBA" if transparent else "RGB")


def _without(grey: Image, deep: Image) -> Image:
    """A grey picture whose pixels are transparent where the deep one has a certain grey."""
    import numpy as np
    from PIL import Image

    opaque = np.asarray(deep) != deep.info["transparency"]
    found = grey.convert("RGBA")
    found.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255))
    return found
