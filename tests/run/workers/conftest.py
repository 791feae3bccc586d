"""Fixtures: fifos."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fifos import Fifo


@pytest.fixture
def fifo(tmp_path: Path) -> Callable[[str], Fifo]:
    """Makes a fifo."""
    return lambda name: Fifo(tmp_path / name)
