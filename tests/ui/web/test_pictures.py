"""Pictures: what is decoded, what is refused, and as what it comes."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pystore.ui.web.pictures import MOST, picture
from pystore.ui.web.problems import Problem


def written(image: Image.Image, kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


GREY = Image.fromarray(np.arange(80 * 60, dtype=np.uint8).reshape(60, 80))
PNG, JPEG = written(GREY, "PNG"), written(GREY, "JPEG")


def bomb(width: int, height: int) -> bytes:
    """A PNG that tells of so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    return start + struct.pack(">I", zlib.crc32(chunk))


def status(data: bytes) -> int:
    with pytest.raises(Problem) as refused:
        picture(data)
    assert len(refused.value.body()) <= 1024
    return refused.value.status


@pytest.mark.parametrize("data", [PNG, JPEG])
def test_a_picture_is_decoded(data: bytes):
    assert picture(data).size == (80, 60)
    assert picture(data).mode == "L"


def test_PX1_a_picture_of_too_many_pixels_is_not_decoded():
    assert status(bomb(10_000, 10_000)) == 413
    assert status(bomb(2**32 - 1, 2**32 - 1)) == 413
    side = int(MOST**0.5) + 1
    large = JPEG.replace(struct.pack(">HH", 60, 80), struct.pack(">HH", side, side))
    assert large != JPEG
    assert status(large) == 413


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", written(GREY, "GIF"), PNG[:20], PNG[: len(PNG) // 2], JPEG[:40], bomb(9, 9)],
    ids=["empty", "GIF head", "GIF", "PNG head", "half PNG", "JPEG head", "no pixels"],
)
def test_PX1_what_is_no_whole_png_or_jpeg_is_refused(data: bytes):
    assert status(data) == 422


def test_PX1_any_cut_of_a_picture_is_refused_or_decoded():
    for data in (PNG, JPEG):
        for at in range(0, len(data), 7):
            try:
                picture(data[:at])
            except Problem as problem:
                assert problem.status in (413, 422)


def test_PX2_a_picture_that_a_phone_has_turned_comes_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees to see it
    assert picture(written(GREY, "JPEG", exif=exif)).size == (60, 80)


def test_PX2_16_bits_of_grey_are_scaled_and_not_cut():
    deep = Image.fromarray(np.full((8, 8), 0x8000, np.uint16))
    assert np.asarray(picture(written(deep, "PNG")))[0, 0] == 0x80


@pytest.mark.parametrize(
    ("mode", "comes"),
    [("1", "L"), ("L", "L"), ("LA", "RGBA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA")],
)
def test_PX2_other_modes_come_in_8_bits(mode: str, comes: str):
    assert picture(written(GREY.convert(mode), "PNG")).mode == comes


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_PX2_a_colour_that_is_transparent_stays_so(mode: str):
    black_and_white = Image.fromarray(np.array([[0, 255]], np.uint8))
    if mode == "I;16":
        image = Image.fromarray(np.array([[0, 65535]], np.uint16))
    else:
        image = black_and_white.convert(mode)
    found = picture(written(image, "PNG", transparency=(0, 0, 0) if mode == "RGB" else 0))
    assert found.mode == "RGBA"
    assert np.asarray(found).tolist() == [[[0, 0, 0, 0], [255, 255, 255, 255]]]
