"""Arrivals: what was begun is finished, whatever cut it short, and nothing false stays."""

import errno
import os
import signal

import pytest

import pystore as ps
from pystore import Context, Derivation, Store, match_latest
from pystore.errors import ChecksumMismatch, FetchError, PystoreWarning
from pystore.store import disk
from pystore.store.remote import arrival as arrivals
from pystore.store.remote.arrival import Arrival
from pystore.store.remote.shipment import Shipment

CALLS = ("fchmod", "chmod", "rename", "link")  # by which a tree is sealed, shared and published


def package(b):
    """A tree with an empty file, one that a store shares, and an executable one."""
    (b.outpath / "deep" / "er").mkdir(parents=True)
    (b.outpath / "__init__.py").touch()
    (b.outpath / "deep" / "empty").touch()
    (b.outpath / "deep" / "large.bin").write_bytes(b"z" * 10_000)
    (b.outpath / "run").write_text("#!/bin/sh\n")
    (b.outpath / "run").chmod(0o755)


STAGE = Derivation({"name": "package"}, match_latest(), package)
OTHER = Derivation({"name": "other"}, match_latest(), package)


@pytest.fixture
def lab(store, tmp_path):
    ps.push(ps.realize(STAGE), tmp_path / "lab")
    return tmp_path / "lab"


@pytest.fixture
def other(tmp_path):
    """A colleague's store, which has the large file already."""
    other = Store(tmp_path / "other", durable=False)
    ps.realize(OTHER, store=other)
    return other


def stagings(store):
    """What lies in `tmp/`, but for the notes of living processes."""
    return [name for name in os.listdir(store.parts.tmp) if not name.startswith("live-")]


def killed(act, at):
    """Whether `act` was killed at the `at`-th of its calls; it runs in a child."""
    if child := os.fork():
        return os.waitpid(child, 0)[1] != 0
    left = [at]

    def killing(real):
        def call(*args, **options):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return call

    for name in CALLS:
        setattr(os, name, killing(getattr(os, name)))
    try:
        act()
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.parametrize("how", ["pull", "copy"])
def test_AR3_a_try_that_was_killed_at_any_point_of_sealing_is_finished_by_the_next(
    store, lab, other, how
):
    def act():
        if how == "pull":
            ps.pull(STAGE.dref, lab, store=other)
        else:
            ps.copy(STAGE.dref, store, other)

    for at in range(100):
        if not killed(act, at):
            break
        act()
        assert ps.verify(other).sound
        ps.rmref(STAGE.dref, store=other)
    assert at > 10


def test_AR3_what_a_killed_try_has_shared_stays_sealed_though_the_index_is_lost(
    lab, other, monkeypatch
):
    def kill(*args, **options):
        os.kill(os.getpid(), signal.SIGKILL)

    def killed_in(name):
        if child := os.fork():
            assert os.waitpid(child, 0)[1] == signal.SIGKILL
            return
        setattr(arrivals, name, kill)
        ps.pull(STAGE.dref, lab, store=other)
        os._exit(1)

    killed_in("record_copies")  # sealed and shared
    for entry in other.parts.layout.links.iterdir():
        entry.unlink()
    killed_in("seal_tree")  # taken up again
    (theirs,) = other.realizations(OTHER.dref)
    assert (other.path(theirs) / "deep" / "large.bin").stat().st_mode & 0o777 == 0o444
    ps.pull(STAGE.dref, lab, store=other)
    assert ps.verify(other).sound


def test_AR4_what_there_is_no_room_for_is_refused_before_it_comes(lab, other, monkeypatch):
    monkeypatch.setattr(disk, "free", lambda path: 9_999)
    with pytest.raises(FetchError, match="no room") as told:
        ps.pull(STAGE.dref, lab, store=other)
    assert told.value.needs == "10010 bytes"
    assert stagings(other) == []


def test_AR4_a_build_goes_on_without_a_place_that_offers_more_than_there_is_room_for(
    lab, other, monkeypatch
):
    monkeypatch.setattr(disk, "free", lambda path: 9_999)
    with pytest.warns(PystoreWarning, match="no room"):
        rref = ps.realize(STAGE, substitute=lab, store=other)
    assert ps.attempts(rref, store=other)[0].host == os.uname().nodename


def test_AR4_what_the_disk_refuses_leaves_nothing_behind(store, lab, other, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("_write", "seal_tree"):
        with monkeypatch.context() as patch:
            patch.setattr(arrivals, name, full)
            for move in (
                lambda: ps.pull(STAGE.dref, lab, store=other),
                lambda: ps.copy(STAGE.dref, store, other),
            ):
                with pytest.raises(FetchError, match="cannot be written") as told:
                    move()
                assert told.value.errno == errno.ENOSPC
    assert stagings(other) == []


def test_a_lie_is_told_after_the_first_file(store, other):
    shipment = Shipment(store, ps.realize(STAGE))
    ((_, part, _),) = shipment.parts()
    arrival = Arrival(other, STAGE.config, Context(), shipment.manifest)
    arrival.write(part, shipment.read(part))
    arrival.check(part)
    arrival.write(part, bytes(part.size))
    with pytest.raises(ChecksumMismatch, match=r"deep/large\.bin"):
        arrival.check(part)
    arrival.discard()
