"""The wire: messages arrive whole, and who sends or receives never waits."""

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.run.workers import wire


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("rb") as file:
        yield wire.Wire(ours), theirs, file


@given(st.lists(st.binary(max_size=300)))
def test_messages_arrive_whole_and_in_their_order(messages):
    ours, theirs = socket.socketpair()
    with ours, theirs, theirs.makefile("rb") as file:
        one = wire.Wire(ours)
        for message in messages:
            one.send(message)
            wire.send(theirs, message)
        assert [wire.receive(file) for _ in messages] == messages
        arrived = []
        while len(arrived) < len(messages):
            arrived += one.receive()
        assert arrived == messages


def test_a_large_message_is_sent_as_the_other_end_takes_it(ends):
    one, _, file = ends
    large, taken = bytes(range(256)) * 40_000, []
    one.send(large)
    assert one.is_full
    reader = threading.Thread(target=lambda: taken.append(wire.receive(file)))
    reader.start()
    while one.is_full:
        one.flush()
    reader.join()
    assert taken == [large]


def test_what_has_not_arrived_is_not_waited_for(ends):
    one, theirs, _ = ends
    with pytest.raises(BlockingIOError):
        next(one.receive())
    theirs.sendall(b"\0\0\0\0")  # the half of a length
    assert list(one.receive()) == []


def test_an_end_that_has_closed_is_told_to_who_receives_and_not_to_who_sends(ends):
    one, theirs, file = ends
    file.close()
    theirs.close()
    one.send(bytes(10_000_000))
    assert not one.is_full
    with pytest.raises(EOFError):
        next(one.receive())
