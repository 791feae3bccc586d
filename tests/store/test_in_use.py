"""What a process uses is noted for gc, whatever happens to its notes. No call waits for itself."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

import pystore as ps
from pystore import Derivation, match_latest
from pystore.errors import StoreBusy
from pystore.store import in_use, locks

pytestmark = pytest.mark.timeout(60)


def stage(number, build=lambda b: (b.outpath / "x.txt").write_text("1\n")):
    return Derivation({"name": "x", "number": number}, match_latest(), build)


def collected_elsewhere(store):
    """What another process would remove."""
    script = "import sys, pystore as ps; store = ps.Store(sys.argv[1])"
    script += "; print(*ps.gc(keep=[], store=store).realizations)"
    command = [sys.executable, "-c", script, str(store.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


def session_file(store):
    return store.layout.tmp / store.session.name


def test_S9_notes_survive_that_their_file_is_deleted(store):
    first = ps.realize(stage(1))
    session_file(store).unlink()
    assert collected_elsewhere(store) == [first]
    second = ps.realize(stage(2))
    assert collected_elsewhere(store) == []
    session_file(store).unlink()
    assert ps.rref2path(second).is_dir()  # which is known to be noted
    assert collected_elsewhere(store) == []


def descriptor_of(path: Path) -> int:
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.path.samestat(os.fstat(int(number)), path.stat()):
                return int(number)
        except OSError:
            continue  # the descriptor of the listing
    raise AssertionError(f"{path} is not open")


def test_S9_notes_survive_that_their_descriptor_is_used_by_the_user(store, tmp_path):
    first = ps.realize(stage(1))
    number = descriptor_of(session_file(store))
    file = os.open(tmp_path / "mine.csv", os.O_RDWR | os.O_CREAT)
    mine = os.dup2(file, number)
    os.close(file)
    second = ps.realize(stage(2))
    assert collected_elsewhere(store) == []
    assert {first, second} == set(session_file(store).read_text().split())
    store.session.end()
    assert os.pread(mine, 10, 0) == b""
    os.close(mine)


def test_S9_a_realizer_that_closes_all_descriptors_is_committed_and_nobody_elses_are(
    store, tmp_path
):
    def close_all(b):
        (b.outpath / "x.txt").write_text("1\n")
        numbers = {int(n) for n in os.listdir("/proc/self/fd")} - {0, 1, 2} - keep
        for number in numbers:
            try:
                os.close(number)
            except OSError:
                pass  # the descriptor of the listing
        theirs.extend(os.open(tmp_path / f"{i}.csv", os.O_RDWR | os.O_CREAT) for i in range(8))

    # Those of pytest are not to be closed.
    keep = {int(n) for n in os.listdir("/proc/self/fd")} - {descriptor_of_session(store)}
    theirs: list[int] = []
    here = Path.cwd()
    rref = ps.realize(stage(1, close_all))
    ps.realize(stage(2))
    assert ps.rref2path(rref).is_dir()
    assert [os.pread(file, 10, 0) for file in theirs] == [b""] * 8
    assert Path.cwd() == here
    assert collected_elsewhere(store) == []
    for file in theirs:
        os.close(file)


def descriptor_of_session(store):
    ps.realize(stage(0))
    return descriptor_of(session_file(store))


@pytest.fixture
def ring(monkeypatch):
    """Sends a signal when a function is called for the first time; what its handler returned."""

    def ring(place, name, handler):
        heard = []
        signal.signal(signal.SIGUSR1, lambda *_: heard.append(handler()))
        real, rung = getattr(place, name), []

        def ringing(*args, **kwargs):
            if not rung:
                rung.append(True)
                signal.raise_signal(signal.SIGUSR1)
            return real(*args, **kwargs)

        monkeypatch.setattr(place, name, ringing)
        return heard

    old = signal.getsignal(signal.SIGUSR1)
    yield ring
    signal.signal(signal.SIGUSR1, old)


def test_a_signal_handler_may_use_the_store_in_the_middle_of_a_note(store, ring):
    first, second = ps.realize(stage(1)), ps.realize(stage(2))
    session = in_use.session_of("another", store.layout.tmp, store.layout.gate)
    store.parts = replace(store.parts, session=session)
    heard = ring(in_use._Notes, "add", lambda: ps.rref2path(first))
    assert ps.rref2path(second) == store.path(second)
    assert heard == [store.path(first)]
    assert store.session.holds([first, second])
    assert {first, second} <= set(session_file(store).read_text().split())
    store.session.end()


def test_a_signal_handler_that_would_wait_for_its_own_thread_is_told(store, ring):
    def collect():
        with pytest.raises(StoreBusy, match="in the middle of another call"):
            ps.gc(dry_run=False)
        return True

    heard = ring(in_use.disk, "write_once", collect)
    ps.realize(stage(1))
    assert heard == [True]
    assert ps.gc(dry_run=False).removed


def test_a_listener_that_builds_what_its_own_call_builds_is_told(store):
    told = []

    def hear(event):
        if isinstance(event, ps.events.Succeeded) and not told:
            told.append(event)
            with pytest.raises(StoreBusy, match="another call of this very thread"):
                ps.realize(stage(1), force_rebuild=True)
            told.append("and goes on")

    ps.realize(stage(1), listener=hear)
    assert told[1:] == ["and goes on"]
    ps.realize(stage(1), force_rebuild=True, timeout=0)


def test_a_child_forked_in_the_middle_of_another_threads_note_can_note(store, monkeypatch):
    rref = ps.realize(stage(1))
    inside, go_on = threading.Event(), threading.Event()
    real = in_use.disk.write_all

    def slow(*args):
        if threading.current_thread() is thread:
            inside.set()
            go_on.wait()
        real(*args)

    monkeypatch.setattr(in_use.disk, "write_all", slow)
    thread = threading.Thread(target=lambda: store.session.note([rref.replace("1", "2")]))
    thread.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        store.session.note([rref])
        os._exit(0 if store.session.holds([rref]) else 1)
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        go_on.set()
        thread.join()


def test_a_gate_that_was_left_open_by_an_interruption_does_not_bar_the_next_call(store):
    left = in_use.gate(store.layout.gate, fcntl.LOCK_SH)
    left.__enter__()
    with pytest.raises(StoreBusy), in_use.gate(store.layout.gate, fcntl.LOCK_EX):
        pass
    del left
    with in_use.gate(store.layout.gate, fcntl.LOCK_EX) as writable:
        assert writable


def test_a_link_in_tmp_is_in_use_by_nobody_and_is_not_followed(store, tmp_path):
    with locks.claim_folder(tmp_path):
        (store.layout.tmp / "link").symlink_to(tmp_path)
        assert locks.in_use(tmp_path)
        assert not locks.in_use(store.layout.tmp / "link")
        assert ps.gc(dry_run=False).litter == ("link",)
    assert tmp_path.is_dir()


@pytest.mark.parametrize("how", ["ends its use", "drops the store", "uses it and ends"])
def test_S9_a_forked_child_takes_no_protection_from_its_parent(store, how):
    first = ps.realize(stage(1))
    file = session_file(store)
    child = os.fork()
    if not child:
        try:
            if how == "uses it and ends":
                ps.view(first, store=store)
            if how != "drops the store":
                for session in in_use.sessions():
                    session.end()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert file.exists()
    assert collected_elsewhere(store) == []
    file.unlink()
    assert collected_elsewhere(store) == [first], "it is the file that protects it"
