"""Descriptors: closed whatever comes between, and never those of others."""

import errno
import fcntl
import gc
import os
import signal
import socket

import pytest
from interrupting import interrupted
from opened import opened_below

from pystore.store.descriptors import Copy, Irregular, Kept, Opened, open_file
from pystore.store.forked import forgotten_by_children

pytestmark = pytest.mark.timeout(120)


def is_open(number):
    try:
        os.fstat(number)
    except OSError as error:
        assert error.errno == errno.EBADF
        return False
    return True


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


def test_FD1_a_descriptor_is_closed_by_who_loses_it(path):
    held = Opened(path, os.O_RDONLY)
    number = held.number
    assert is_open(number)
    del held
    assert not is_open(number)


def test_FD1_a_closed_descriptor_is_not_closed_again(path):
    held = Opened(path, os.O_RDONLY)
    held.close()
    number = os.open(path, os.O_RDONLY)  # it may have the same number
    held.close()
    del held
    assert is_open(number)
    os.close(number)


def test_FD1_signals_that_raise_leave_no_descriptor_open(path):
    class Late(Exception):
        pass

    def read():
        with Opened(path, os.O_RDONLY) as number:
            os.read(number, 1)

    interrupted(read, 300, 0.0003, Late)
    gc.collect()
    assert opened_below(path.parent) == []


def test_FD2_what_the_user_closed_and_opened_for_something_else_is_left_alone(path, tmp_path):
    kept = Kept(path, os.O_RDONLY)
    number = kept.number
    os.close(number)
    assert kept.status is None
    (tmp_path / "theirs").touch()
    theirs = os.open(tmp_path / "theirs", os.O_RDWR)
    assert theirs == number
    assert kept.status is None
    kept.close()
    del kept
    assert is_open(theirs)
    os.close(theirs)


def test_FD2_a_copy_of_a_descriptor_knows_its_file(path):
    with Opened(path, os.O_RDONLY) as number:
        copy = Copy(number)
    assert os.path.samestat(copy.status, path.stat())
    assert not os.get_inheritable(copy.number)
    copy.close()
    assert copy.status is None


def fifo(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


@pytest.mark.parametrize("make", [fifo, listening, os.mkdir, lambda path: path.symlink_to(path)])
def test_FD3_something_else_in_the_place_of_a_file_keeps_nobody_waiting(tmp_path, make):
    make(tmp_path / "x")
    with pytest.raises(Irregular, match="no regular file, but a"):
        open_file(tmp_path / "x", follow=False)
    assert opened_below(tmp_path) == []


def test_FD3_a_file_under_the_write_lease_of_another_is_read(path):
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        # The kernel tells us to give it up, and waits; what we do with the lease is our affair.
        signal.signal(signal.SIGIO, lambda *_: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK))
        file = os.open(path, os.O_RDWR)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        os.write(ready[1], b"!")
        os.close(done[1])
        os.read(done[0], 1)
        os._exit(0)
    try:
        os.read(ready[0], 1)
        with pytest.raises(BlockingIOError):
            os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open_file(path) as number:
            assert os.read(number, 99) == b"content"
    finally:
        for end in (*ready, *done):
            os.close(end)
        assert os.waitpid(child, 0)[1] == 0


def test_a_forked_child_forgets_what_is_its_parents_alone(path):
    many = [Kept(path, os.O_RDONLY) for _ in range(200)]
    for each in many:
        forgotten_by_children(each)
    del many[::2]
    numbers = [each.number for each in many]
    child = os.fork()
    if child == 0:
        os._exit(sum(map(is_open, numbers)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert all(map(is_open, numbers))
