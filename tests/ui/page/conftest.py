"""Fixtures: pages of stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_page import Page
from small_store import make

from pystore import Store


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The small store, which no test changes."""
    store = make(tmp_path_factory.mktemp("page") / "store")
    yield store
    store.destroy()


@pytest.fixture(scope="module")
def page(small: Store) -> Page:
    """The page of the small store."""
    return Page(small)


@pytest.fixture
def own_page(tmp_path: Path) -> Iterator[Page]:
    """A page of a store that a test fills."""
    store = Store(tmp_path / "store", durable=False)
    with store.use():
        yield Page(store)
    store.destroy()
