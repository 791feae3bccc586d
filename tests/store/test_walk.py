"""Walking trees: every entry once, however deep, and no link followed."""

import os

import pytest
from opened import opened_below

from pystore.store import tree
from pystore.store.walk import walk

DEPTH = 2100  # of names of one letter: a path may have 4,096 bytes


@pytest.fixture
def deep(tmp_path):
    """A tree much deeper than a path may be long, with a file at its end."""
    root = tmp_path / "deep"
    root.mkdir()
    here = os.open(root, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("end", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    yield root
    tree.remove(root)
    assert not root.exists()


def test_WA1_every_entry_is_visited_however_deep(deep):
    steps = list(walk(deep))
    assert len(steps) == 2 * DEPTH + 1
    assert [len(step.path) for step in steps[:DEPTH]] == [2 * n + 1 for n in range(DEPTH)]
    assert steps[DEPTH].name == b"end"
    assert all(step.leaving for step in steps[DEPTH + 1 :])


def test_WA1_no_more_than_a_few_descriptors_are_open(deep):
    assert 1 <= max(len(opened_below(deep)) for _ in walk(deep)) <= 3
    assert opened_below(deep) == []


def test_WA2_links_are_never_followed(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "d").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").touch()
    (root / "out").symlink_to(outside)
    (root / "d" / "up").symlink_to("..")
    (root / "d" / "self").symlink_to("self")
    (root / "nowhere").symlink_to("nothing")
    met = [(step.path, step.is_directory, step.leaving) for step in walk(root)]
    assert met == [
        (b"d", True, False),
        (b"d/self", False, False),
        (b"d/up", False, False),
        (b"d", True, True),
        (b"nowhere", False, False),
        (b"out", False, False),
    ]


def test_WA2_a_folder_that_becomes_a_link_meanwhile_is_not_entered(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "d").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").touch()
    met = []
    with pytest.raises(OSError, match="d"):
        for step in walk(root):
            met.append(step.path)
            (root / "d").rmdir()
            (root / "d").symlink_to(outside)
    assert met == [b"d"]


def test_entries_come_in_the_order_of_their_names_and_folders_may_be_passed_over(tmp_path):
    for name in ("b", "a", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    met = [step.path for step in walk(tmp_path, lambda step: step.name != b"b")]
    assert met == [b"a", b"a/x", b"a", b"b", b"c", b"c/x", b"c"]


def test_a_folder_without_entries_says_so_when_it_is_left(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full" / "x").mkdir(parents=True)
    left = {step.path: step.empty for step in walk(tmp_path) if step.leaving}
    assert left == {b"empty": True, b"full": False, b"full/x": True}
