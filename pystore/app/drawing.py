"""Drawing: a digit that was drawn, as MNIST has its digits: 28 x 28, ink 255, centred by mass.

DG1  A drawing is cropped, scaled to 20 x 20 with its aspect kept, and centred by mass, whatever its
    size, its colours, and the side of ink and paper.
DG2  A drawing without ink is None.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .decoding import in_8_bits
from .errors import BadFeatures

SIDE, BOX = 28, 20  # [pixels] of a digit, and of the square that its ink fills
_INK = 64  # of 255: what is fainter is paper
_LEAST = 8  # [pixels] a side: what is smaller is a row of features, and no drawing
_MOST = 256  # a grey value that was scaled to another size may be a little more than 255
_FEWEST = 4  # pixels: fewer are the beginning of a stroke


def digit(picture: Any) -> Any | None:
    """The digit in a picture, uint8 [28, 28] with ink 255; None when there is none.

    `picture` is an array [28, 28] or [784] with ink high, which stays as it is; or one of any other
    size, grey, RGB or RGBA; a picture of PIL; or the dict of Gradio's sketchpad. Raises BadFeatures
    for anything else.
    """
    if isinstance(picture, Mapping):
        picture = picture.get("composite")
    if picture is None:
        return None
    array = _array(picture)
    if array.size == SIDE * SIDE and array.ndim <= 2:
        ready = np.clip(np.rint(array.reshape(SIDE, SIDE)), 0, 255).astype(np.uint8)
        return ready if ready.any() else None
    return _centred(_ink(array))


def _array(picture: Any) -> Any:
    if hasattr(picture, "convert"):  # a palette's numbers are no colours
        picture = in_8_bits(picture)
    try:
        array = np.asarray(picture, dtype=float)
    except (TypeError, ValueError) as error:
        raise BadFeatures("this is no picture", because=str(error)[:200]) from None
    flat = array.ndim == 1 and array.size == SIDE * SIDE
    coloured = array.ndim == 3 and array.shape[2] in (1, 3, 4)
    if not (flat or ((array.ndim == 2 or coloured) and min(array.shape[:2]) >= _LEAST)):
        raise BadFeatures(
            "this is no picture",
            shape=list(array.shape),
            remedy=f"give [height, width], or [height, width, 3 or 4], of {_LEAST} pixels or more "
            "a side, with values from 0 to 255",
        )
    if not np.isfinite(array).all():
        raise BadFeatures("a pixel is no finite number", remedy="give values from 0 to 255")
    low, high = float(array.min()), float(array.max())
    if low <= -1 or high > _MOST or 0 < high <= 1:
        raise BadFeatures(
            "the pixels are no grey values from 0 to 255",
            lowest=low,
            highest=high,
            remedy="scale them, such as by 255 * picture",
        )
    return array


def _ink(array: Any) -> Any:
    """Ink as high values: on white paper, colours are turned round."""
    if array.ndim == 3:
        alpha = array[..., 3:] / 255 if array.shape[2] == 4 else 1.0
        colours = array[..., :3] if array.shape[2] > 1 else array
        array = (colours * alpha + 255 * (1 - alpha)).mean(axis=2)
    edge = np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])
    return 255 - array if np.median(edge) > 127 else array


def _centred(ink: Any) -> Any | None:
    from PIL import Image

    rows, columns = np.nonzero(ink > _INK)
    if len(rows) < _FEWEST:
        return None
    cut = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = BOX / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    filter_ = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR
    grey = Image.fromarray(np.clip(cut, 0, 255).astype(np.uint8))
    small = np.asarray(grey.resize((width, height), filter_), dtype=float)
    y, x = (np.indices(small.shape) * small).sum(axis=(1, 2)) / small.sum()
    page = np.zeros((3 * SIDE, 3 * SIDE))
    top, left = round(1.5 * SIDE - 0.5 - y), round(1.5 * SIDE - 0.5 - x)
    page[top : top + height, left : left + width] = small
    middle = page[SIDE : 2 * SIDE, SIDE : 2 * SIDE]
    return np.rint(middle * (255 / middle.max())).astype(np.uint8)
