"""Upright: pictures reach everybody as a person sees them."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pystore.db import connect, image

ORIENTATION = 0x0112
WIDE = np.array([[[255, 0, 0]] * 32 + [[0, 0, 255]] * 32] * 32, np.uint8)  # red, then blue


def _file(note: int, kind: str) -> bytes:
    """The bytes of a picture that is 64 wide and 32 high, with a note of how it is turned."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = note
    Image.fromarray(WIDE).save(file, kind, exif=exif, quality=95)
    return file.getvalue()


@pytest.fixture
def pictures(database_url: str) -> Any:
    return connect(database_url).collection("t", img=image())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("note", "size", "red"),
    [(1, (64, 32), (4, 4)), (3, (64, 32), (60, 4)), (6, (32, 64), (4, 4)), (8, (32, 64), (4, 60))],
)
def test_FK4_a_turned_picture_is_upright(pictures, store, tmp_path, kind, note, size, red):
    raw = _file(note, kind)
    path = tmp_path / "phone"
    path.write_bytes(raw)
    with Image.open(path) as opened:
        pictures.insert([{"img": raw}, {"img": path}, {"img": opened}])
    found = [row["img"] for row in pictures.find()]
    found += pictures.snapshot(x="img").run().images()
    for picture in found:
        assert picture.size == size
        assert picture.convert("RGB").getpixel(red)[0] > 200
        assert picture.getexif().get(ORIENTATION, 1) == 1
    assert len(found) >= 5


def test_FK4_a_picture_that_was_made_of_a_turned_one_is_as_it_is(pictures):
    with Image.open(io.BytesIO(_file(6, "JPEG"))) as opened:
        pictures.insert([{"img": opened.crop((0, 0, 64, 16))}])
    assert pictures.find_one()["img"].size == (64, 16)


@pytest.mark.parametrize("note", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif"])
def test_FK4_a_note_that_nobody_can_read_turns_nothing(pictures, note):
    file = io.BytesIO()
    Image.fromarray(WIDE).save(file, "JPEG", exif=note)
    pictures.insert([{"img": file.getvalue()}])
    assert pictures.find_one()["img"].size == (64, 32)
