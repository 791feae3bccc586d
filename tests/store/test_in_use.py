"""What a process uses is noted for gc, whatever happens to its notes. No call waits for itself."""

import fcntl
import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pystore as ps
from pystore import Derivation, match_latest
from pystore.core.refs import RRef
from pystore.errors import StoreBusy
from pystore.store import disk, in_use, locks
from pystore.store.gate import gate
from pystore.store.live_file import LiveFile, used

pytestmark = pytest.mark.timeout(180)


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
    return store.parts.tmp / store.parts.session.name


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
    store.parts.session.end()
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
    session = in_use.session_of("another", store.parts.tmp, store.parts.layout.gate)
    store.parts = replace(store.parts, session=session)
    heard = ring(LiveFile, "add", lambda: ps.rref2path(first))
    assert ps.rref2path(second) == store.path(second)
    assert heard == [store.path(first)]
    assert store.parts.session.holds([first, second])
    assert {first, second} <= set(session_file(store).read_text().split())
    store.parts.session.end()


def test_a_signal_handler_that_would_wait_for_its_own_thread_is_told(store, ring):
    def collect():
        with pytest.raises(StoreBusy, match="in the middle of another call"):
            ps.gc(dry_run=False)
        return True

    heard = ring(disk, "write_once", collect)
    ps.realize(stage(1))
    assert heard == [True]
    assert ps.gc(dry_run=False).removed


def test_a_listener_that_builds_what_its_own_call_builds_is_told(store):
    told: list[object] = []

    def hear(event):
        if isinstance(event, ps.events.Succeeded) and not told:
            told.append(event)
            with pytest.raises(StoreBusy, match="another call of this very thread"):
                ps.realize(stage(1), force_rebuild=True)
            told.append("and goes on")

    ps.realize(stage(1), listener=hear)
    assert told[1:] == ["and goes on"]
    ps.realize(stage(1), force_rebuild=True, lock_timeout=0)


def test_a_child_forked_in_the_middle_of_another_threads_note_can_note(store, monkeypatch):
    rref = ps.realize(stage(1))
    inside, go_on = threading.Event(), threading.Event()
    real = LiveFile._write

    def slow(*args):
        if threading.current_thread() is thread:
            inside.set()
            go_on.wait()
        real(*args)

    monkeypatch.setattr(LiveFile, "_write", slow)
    thread = threading.Thread(target=lambda: store.parts.session.note([rref.replace("1", "2")]))
    thread.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        store.parts.session.note([rref])
        os._exit(0 if store.parts.session.holds([rref]) else 1)
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        go_on.set()
        thread.join()


def test_a_gate_that_was_left_open_by_an_interruption_does_not_bar_the_next_call(store):
    left = gate(store.parts.layout.gate, fcntl.LOCK_SH)
    left.__enter__()
    with pytest.raises(StoreBusy), gate(store.parts.layout.gate, fcntl.LOCK_EX):
        pass
    del left
    with gate(store.parts.layout.gate, fcntl.LOCK_EX) as writable:
        assert writable


def test_a_link_in_tmp_is_in_use_by_nobody_and_is_not_followed(store, tmp_path):
    with locks.claim_folder(tmp_path):
        (store.parts.tmp / "link").symlink_to(tmp_path)
        assert locks.in_use(tmp_path)
        assert not locks.in_use(store.parts.tmp / "link")
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


# --- letting go ------------------------------------------------------------------------


def listed(store):
    """What the live files of this process say."""
    return used(store.parts.tmp)


class User:
    """Somebody who holds something."""


def test_IU1_what_realize_returned_can_be_collected_when_it_is_released(store):
    first, second = ps.realize(stage(1)), ps.realize(stage(2))
    store.release([first])
    assert collected_elsewhere(store) == [first]
    assert store.held == {second}
    store.release([first, second])
    assert sorted(collected_elsewhere(store)) == sorted([first, second])
    assert ps.realize(stage(1)) == first
    assert collected_elsewhere(store) == [second]


def test_IU1_a_view_holds_until_it_is_closed_and_the_last_one_counts(store):
    rref = ps.realize(stage(1))
    store.release([rref])
    one, other = ps.view(rref), ps.view(rref)
    one.close()
    store.release([rref])
    assert collected_elsewhere(store) == []
    one.close()
    other.close()
    assert collected_elsewhere(store) == [rref]


def test_IU1_a_process_that_looks_at_many_holds_what_it_uses(store):
    made = [ps.realize(stage(i)) for i in range(20)]
    store.release(made)
    for _ in range(5):
        for rref in made:
            with ps.view(rref):
                assert store.held == {rref}
    assert store.held == frozenset()
    assert session_file(store).stat().st_size <= 20 * 256


def test_IU1_a_user_that_goes_without_letting_go_holds_for_the_process(store):
    rref = ps.realize(stage(1))
    store.release([rref])
    for _ in range(300):
        path = ps.view(rref).path  # the view is gone, and the path is used still
    assert path.is_dir()
    assert listed(store) == store.held == {rref}
    assert len(store.parts.session._known.users) < 100
    store.release([rref])
    assert listed(store) == store.held == frozenset()


def test_IU2_what_a_running_call_has_chosen_stays_when_somebody_releases_it(store):
    chosen = ps.realize(stage(1))
    store.release([chosen])
    said = []

    def build(b):
        (b.outpath / "x.txt").write_text("1\n")
        store.release([chosen])
        ps.view(chosen).close()
        thread = threading.Thread(target=store.release, args=[[chosen]])
        thread.start()
        thread.join()
        said.extend(collected_elsewhere(store))

    ps.realize(Derivation({"name": "outer", "input": stage(1)}, match_latest(), build))
    assert said == []
    assert chosen in store.held, "it stays when the call has ended"
    store.release([chosen])
    assert chosen not in store.held


def test_IU2_what_another_thread_holds_for_itself_is_released_beside_a_running_call(store):
    other = ps.realize(stage(2))

    def build(b):
        (b.outpath / "x.txt").write_text("1\n")
        thread = threading.Thread(target=lambda: (store.hold((other,)), store.release([other])))
        thread.start()
        thread.join()
        assert other not in store.held

    ps.realize(stage(1, build))


def test_IU3_a_forked_child_that_closes_a_view_takes_nothing_from_its_parent(store):
    rref = ps.realize(stage(1))
    store.release([rref])
    with ps.view(rref) as view:
        child = os.fork()
        if not child:
            try:
                view.close()
                store.release([rref])
                assert store.held == frozenset()
                assert store.hold((rref,))
                assert store.held == {rref}
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert collected_elsewhere(store) == []
    assert collected_elsewhere(store) == [rref]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 3)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_IU1_the_live_file_says_what_is_held_after_any_order_of_calls(tmp_path_factory, steps):
    """Users 1 to 3 come and go; 0 is the process as a whole."""
    root = tmp_path_factory.mktemp("store")
    tmp, locks = root / "tmp", root / "locks"
    for folder in (tmp, locks):
        folder.mkdir()
    session = in_use.Session("id", tmp, locks / "gate")
    rrefs = [RRef(f"rref:{i:032x}-{'0' * 32}-x") for i in range(4)]
    users: dict[int, User] = {}
    model: set[tuple[int, RRef]] = set()
    for step, who, which in steps:
        user, rref = users.setdefault(who, User()) if who else None, rrefs[which]
        if step < 3:
            session.hold([rref], user)
            model.add((who, rref))
        elif step < 6:
            session.release([rref], user)
            model.discard((who, rref))
        else:
            users.pop(who, None)  # who goes leaves it to the process
            model = {(0 if one == who else one, held) for one, held in model}
        del user
        assert session.held == used(tmp) == {held for _, held in model}
    session.end()


def test_IU1_threads_that_hold_and_let_go_find_what_they_hold_in_the_file(store):
    rrefs = [RRef(f"rref:{i:032x}-{'0' * 32}-x") for i in range(5)]
    end, missed = time.monotonic() + 2.0, []

    def work(number):
        rng, user = random.Random(number), User()
        while time.monotonic() < end:
            rref = rng.choice(rrefs)
            store.parts.session.hold([rref], user if number % 2 else None)
            # Those without a user share one hold, which another of them may end.
            if number % 2 and rref not in listed(store):
                missed.append(rref)
            store.parts.session.release([rref], user if number % 2 else None)

    threads = [threading.Thread(target=work, args=[i]) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missed == []
    assert listed(store) == store.held == frozenset()


def test_IU1_an_interruption_at_any_line_lets_go_of_nothing_that_is_held(store):
    kept, other = (RRef(f"rref:{i:032x}-{'0' * 32}-x") for i in range(2))
    user, second, seen = User(), User(), set()

    def interrupting(frame, event, argument):
        line = frame.f_code.co_filename, frame.f_lineno
        if "pystore" in line[0] and event == "line" and line not in seen:
            seen.add(line)
            sys.settrace(None)
            raise KeyboardInterrupt
        return interrupting

    def work():
        store.parts.session.hold([kept, other], second)
        store.parts.session.release([kept, other], second)
        store.parts.session.release([other])

    def traced():
        sys.settrace(interrupting)
        try:
            work()
        except KeyboardInterrupt:
            return
        finally:
            sys.settrace(None)
        ended.append(True)

    store.parts.session.hold([kept], user)
    ended = []
    while not ended:
        thread = threading.Thread(target=traced)
        thread.start()
        thread.join()
        assert kept in listed(store)
        # What was interrupted may leave a line too many, which goes with the process.
        assert store.held <= {kept, other}
    assert len(seen) > 20


def test_S9_gc_beside_a_process_that_is_killed_as_it_lets_go_spares_what_others_hold(store):
    first, second = ps.realize(stage(1)), ps.realize(stage(2))
    script = (
        "import sys, pystore as ps; store = ps.Store(sys.argv[1]); first, second = sys.argv[2:]"
    )
    script += "; store.hold((second,)); print(flush=True)"
    script += "\nwhile True: ps.view(first, store=store).close()"
    for _ in range(5):
        command = [sys.executable, "-c", script, str(store.root), first, second]
        store.hold((first, second))
        with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
            other.stdout.readline()
            store.release([first, second])
            for _ in range(20):
                assert second not in ps.gc((), dry_run=True, store=store).realizations
            os.kill(other.pid, signal.SIGSTOP)
            assert second not in ps.gc((), dry_run=True, store=store).realizations
            other.kill()
        assert sorted(ps.gc((), dry_run=True, store=store).realizations) == sorted([first, second])


def test_what_a_removed_store_has_ended_is_not_ended_again(tmp_path, monkeypatch):
    """Python would run that at any moment, and lose what Ctrl-C raises in it."""
    ended = []
    end = LiveFile.end
    monkeypatch.setattr(LiveFile, "end", lambda file: ended.append(file.path) or end(file))
    store = ps.Store(tmp_path / "removed", durable=False)
    ps.realize(stage(1), store=store)
    files = [store.parts.tmp / store.parts.session.name]
    store.destroy()
    assert ended == files
    del store
    gc.collect()
    assert ended == files
