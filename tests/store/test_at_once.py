"""Many small files that are read with a few calls."""

import os
import socket
from pathlib import Path

import pytest
from interrupting import interrupted
from opened import opened_below

from pystore.store import at_once

MANY = 2 * at_once.MOST + 1


@pytest.fixture
def paths(tmp_path):
    """Files of several sizes."""
    found = [f"{tmp_path}/{number}" for number in range(MANY)]
    for number, path in enumerate(found):
        Path(path).write_bytes(os.urandom(number * 61))
    return found


def contents(paths):
    return [Path(path).read_bytes() for path in paths]


def test_AE1_files_come_whole_and_in_their_order(paths):
    os.chmod(paths[1], 0o755)
    found = list(at_once.read(paths))
    assert [content for _, content in found] == contents(paths)
    assert [mode for mode, _ in found] == [os.stat(path).st_mode for path in paths]
    assert list(at_once.texts(paths)) == contents(paths)
    assert list(at_once.read([])) == list(at_once.texts([])) == []


def replace(path, kind):
    os.unlink(path)
    if kind == "folder":
        os.mkdir(path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path)
    elif kind == "link":
        os.symlink("0", path)
    elif kind == "large":
        Path(path).write_bytes(bytes(1 << 16))


@pytest.mark.parametrize("kind", ["folder", "fifo", "large"])
def test_AE1_none_comes_for_what_is_no_plain_small_file(paths, kind, tmp_path):
    whole = contents(paths)
    replace(paths[3], kind)
    found = [content for _, content in at_once.read(paths, follow=False)]
    assert found == [*whole[:3], None, *whole[4:]]
    assert opened_below(tmp_path) == []


@pytest.mark.parametrize("kind", ["missing", "socket", "link"])
def test_AE1_nothing_comes_after_what_cannot_be_opened(paths, kind, tmp_path):
    whole = contents(paths)
    replace(paths[-1], kind)
    found = []
    with pytest.raises(at_once.NotAtOnceError):
        for _, content in at_once.read(paths, follow=False):
            found.append(content)
    assert found == whole[:-1]
    assert opened_below(tmp_path) == []


def test_AE1_a_text_that_is_not_short_does_not_come(paths):
    whole = contents(paths)
    Path(paths[1]).write_bytes(bytes(1 << 13))
    assert list(at_once.texts(paths)) == [whole[0], None, *whole[2:]]


@pytest.mark.parametrize("read", [at_once.read, at_once.texts])
def test_AE2_signals_that_raise_leave_no_descriptor_open(paths, read, tmp_path):
    interrupted(lambda: [*read(paths)], 200, 0.0005, KeyboardInterrupt)
    assert opened_below(tmp_path) == []
