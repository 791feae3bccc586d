"""Drawings become digits as MNIST has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pystore.app import BadFeatures, digit


def drawn(side: int = 280, at: int = 60, brush: int = 20, paper: int = 255) -> Image.Image:
    """A seven, as somebody draws it."""
    picture = Image.new("L", (side, side), paper)
    line = [(at, at), (at + 100, at), (at + 50, at + 150)]
    ImageDraw.Draw(picture).line(line, fill=255 - paper, width=brush, joint="curve")
    return picture


def centre(page: np.ndarray) -> tuple[float, float]:
    y, x = (np.indices(page.shape) * page).sum(axis=(1, 2)) / page.sum()
    return y, x


@given(at=st.integers(10, 120), brush=st.integers(10, 28), paper=st.sampled_from([0, 255]))
def test_DG1_a_drawing_is_centred_by_its_mass(at, brush, paper):
    found = digit(drawn(at=at, brush=brush, paper=paper))
    assert found is not None
    assert found.shape == (28, 28)
    assert found.dtype == np.uint8
    assert found.max() == 255
    assert all(abs(one - 13.5) <= 1.0 for one in centre(found))
    rows, columns = np.nonzero(found > 64)
    assert max(np.ptp(rows), np.ptp(columns)) <= 20


def test_DG1_the_place_and_the_sides_of_ink_and_paper_make_no_difference():
    one = digit(drawn())
    assert np.array_equal(one, digit(drawn(at=90)))
    assert np.array_equal(one, digit(drawn(paper=0)))
    assert np.array_equal(one, digit(np.asarray(drawn().convert("RGB"))))
    assert np.array_equal(one, digit({"composite": np.asarray(drawn().convert("RGBA"))}))


def test_a_digit_stays_as_it_is():
    ready = np.arange(784, dtype=np.uint16).reshape(28, 28) % 256
    assert np.array_equal(digit(ready), ready)
    assert np.array_equal(digit(ready.ravel().astype(float)), ready)


@pytest.mark.parametrize(
    "blank",
    [
        None,
        {"composite": None},
        np.zeros((28, 28)),
        np.zeros(784),
        np.full((100, 80), 255),
        np.zeros((100, 80, 4)),
        np.eye(9) * 60,
    ],
)
def test_DG2_a_drawing_without_ink_is_none(blank):
    assert digit(blank) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "text",
        np.zeros(783),
        np.zeros((2, 3, 4, 5)),
        np.full((9, 9), np.nan),
        [[1], [1, 2]],
        [[1, 2, 3]],
    ],
)
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(BadFeatures):
        digit(wrong)


@pytest.mark.parametrize(
    "picture",
    [np.full((28, 28), 0.5), np.eye(28, dtype=bool), np.eye(28) * 65535, np.eye(40) * -255],
    ids=["from 0 to 1", "truth values", "16 bits", "negative"],
)
def test_pixels_of_another_scale_are_told(picture):
    with pytest.raises(BadFeatures, match="no grey values from 0 to 255") as caught:
        digit(picture)
    assert caught.value.remedy


def test_a_picture_of_a_palette_is_its_colours():
    drawn = Image.new("L", (60, 60), 255)
    drawn.paste(0, (25, 10, 35, 50))
    want = digit(drawn)
    assert want is not None
    for mode in ("P", "1", "RGB", "LA"):
        assert np.array_equal(digit(drawn.convert(mode)), want)
