"""The same model for Pixeltable, which wants it in a module."""

import numpy as np
import PIL.Image
import pixeltable as pxt


@pxt.udf
def digit_of_picture(img: PIL.Image.Image) -> int:
    """A digit for a picture."""
    return int(np.asarray(img).sum()) % 10


@pxt.udf
def digit_of_number(n: int) -> int:
    """A digit for a number."""
    return n % 10
