"""Rows of small pictures for tests: bars that stand or lie, with labels; as a stage."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pystore import Build, stage
from pystore.app import write_rows
from pystore.app.stored_rows import Stored
from pystore.db.fields import Field, field_of, image

FIELDS: dict[str, Field] = {"img": image(), "class": field_of("class", int)}


def pictures(count: int, seed: int = 0) -> Iterator[tuple[Any, int]]:
    """Pictures [8, 8] with a bar: 0 stands, 1 lies."""
    draw = np.random.RandomState(seed)
    for row in range(count):
        picture = draw.randint(0, 60, (8, 8))
        at = draw.randint(1, 7)
        if row % 2:
            picture[at, :] += 150
        else:
            picture[:, at] += 150
        yield picture.astype(np.uint8), row % 2


def stored(count: int, seed: int = 0) -> Iterator[Stored]:
    """The rows as a database holds them."""
    for row, (picture, kind) in enumerate(pictures(count, seed)):
        values = {"img": FIELDS["img"].stored(picture), "class": kind}
        yield row.to_bytes(16, "big"), values


@stage(name="rows")
def bars(build: Build, count: int = 60, seed: int = 0) -> None:
    write_rows(build.outpath, ["img"], "class", FIELDS, stored(count, seed))
