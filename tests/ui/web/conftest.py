"""Loaders that hang in a test go on when it has ended."""

from collections.abc import Iterator

import pytest
from small_model import HANGING


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    HANGING.clear()
    yield
    HANGING.set()
