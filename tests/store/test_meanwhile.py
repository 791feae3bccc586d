"""What others do to a store meanwhile: forked children, removals, adoption of shared files."""

import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import pystore as ps
from pystore import Config, Context, Derivation, Store, match_latest
from pystore.ask.replay import replay
from pystore.errors import UnkeepableOutput
from pystore.store import tree


def write(b):
    (b.outpath / "file.txt").write_text("same")


def chain(version, realizer, name="train"):
    """A derivation whose input has the same bytes in each version."""
    data = Derivation({"name": "data", "version": version}, match_latest(), write)
    return Derivation({"name": name, "data": data}, match_latest(), realizer)


def in_child(function):
    """Runs a function in a forked child, which then ends."""
    child = os.fork()
    if not child:
        try:
            function()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def test_S9_gc_in_a_forked_child_spares_what_its_parent_uses(store):
    rref = ps.realize(Derivation({}, match_latest(), write))
    in_child(lambda: ps.gc((), dry_run=False))
    assert ps.rref2path(rref).is_dir()


def test_S9_a_child_forked_inside_the_gate_does_not_hold_it(store):
    with store.parts.session.open_gate():
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
    try:
        begun = time.monotonic()
        ps.gc((), dry_run=False)
        assert time.monotonic() - begun < 30
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_S9_threads_share_one_session(store):
    rref = ps.realize(Derivation({}, match_latest(), write))
    again = Store(store.root, durable=False)
    barrier = threading.Barrier(4)

    def hold():
        barrier.wait()
        again.hold((rref,))

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(store.parts.tmp.glob("live-*"))) == 1


def test_S9_what_a_store_object_gave_out_is_in_use_when_the_object_is_gone(tmp_path):
    rref = ps.realize(Derivation({}, match_latest(), write), store=Store(tmp_path / "store"))
    gc.collect()
    command = [sys.executable, "-c", COLLECT, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
    store = Store(tmp_path / "store")
    assert store.path(rref).is_dir()
    store.destroy()


COLLECT = """
import sys, pystore as ps
with ps.Store(sys.argv[1]).use():
    print(len(ps.gc((), dry_run=False).realizations))
"""


def test_S6_a_custom_tmp_inside_the_store_is_the_stores_own(tmp_path):
    store = Store(tmp_path / "store", durable=False, custom_tmp=tmp_path / "store" / "tmp")

    def build(b):
        write(b)
        ps.gc((), dry_run=False, store=Store(tmp_path / "store"))

    assert ps.realize(Derivation({}, match_latest(), build), store=store)
    assert store.parts.staging_area == store.parts.tmp


def test_S6_a_derivation_that_is_removed_while_it_is_built_is_recorded_again(store):
    def build(b):
        write(b)
        ps.rmref(b.config.dref)

    rref = ps.realize(Derivation({}, match_latest(), build))
    assert [attempt.rref for attempt in ps.attempts(rref.dref)] == [rref]


def test_an_input_that_is_removed_while_it_is_used_does_not_fail_the_commit(store):
    def build(b):
        write(b)
        ((rref,),) = b.context.values()
        ps.rmref(rref, force=True)

    assert ps.realize(chain(1, build))


def test_S4_a_link_that_leaves_the_tree_and_comes_back_is_refused(store):
    staged = store.begin(Config({}), Context())
    (staged.out / "file").touch()
    (staged.out / "link").symlink_to(f"../../{staged.path.name}/out/file")
    with pytest.raises(UnkeepableOutput):
        store.commit(staged)


def test_S7_starts_increase_among_threads(store, clock):
    store.parts = replace(store.parts, clock=clock)
    config, barrier = Config({}), threading.Barrier(8)
    store.record([config])

    def begin():
        barrier.wait()
        store.begin(config, Context()).close()

    for _ in range(5):
        threads = [threading.Thread(target=begin) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    tries = sorted(store.attempts(config.dref), key=lambda attempt: attempt.number)
    starts = [attempt.start for attempt in tries]
    assert len(starts) == 40
    assert starts == sorted(set(starts))


def test_S7_what_is_built_after_an_adoption_from_the_future_is_later(store, clock):
    def train(b):
        (b.outpath / "model").write_text(str(b.seed))

    store.parts = replace(store.parts, clock=clock)
    clock.now += 10 * 86_400 * 10**9
    ps.realize(chain(1, train))
    clock.now -= 10 * 86_400 * 10**9
    adopted = ps.realize(chain(2, train))
    assert ps.realize(chain(2, train), force_rebuild=True) != adopted


def test_S1_adoption_does_not_touch_the_modes_of_what_it_shares(store, monkeypatch):
    def train(b):
        (b.outpath / "run.sh").write_text("#!/bin/sh")
        (b.outpath / "run.sh").chmod(0o755)

    file = ps.rref2path(ps.realize(chain(1, train))) / "run.sh"
    seen = set()
    for name in ("chmod", "fchmod"):

        def spy(*args, real=getattr(os, name), **kwargs):
            real(*args, **kwargs)
            seen.add(file.stat().st_mode & 0o7777)

        monkeypatch.setattr(os, name, spy)
    second = ps.realize(chain(2, train))
    assert file.samefile(ps.rref2path(second) / "run.sh")
    assert seen == {0o555}


def test_AO1_a_damaged_result_is_mended_by_adoption_and_served_again(store):
    runs = []

    def train(b):
        runs.append(1)
        write(b)

    ps.realize(chain(1, train))
    out = ps.rref2path(ps.realize(chain(2, train)))
    out.chmod(0o755)
    (out / "file.txt").unlink()
    assert not ps.verify().sound
    assert ps.rref2path(ps.realize(chain(2, train))) == out
    assert len(runs) == 1
    assert ps.verify().sound


def test_AO1_what_was_not_adopted_left_no_attempt(store):
    first = ps.realize(chain(1, write))
    file = ps.rref2path(first) / "file.txt"
    file.chmod(0o644)
    file.write_text("else")
    second = ps.realize(chain(2, write))
    assert [attempt.outcome for attempt in ps.attempts(second.dref)] == ["succeeded"]


def test_equal_configs_of_other_code_are_not_adopted(store):
    def other(b):
        (b.outpath / "file.txt").write_text("other")

    ps.realize(chain(1, write))
    assert ps.catref(ps.realize(chain(2, other)), "file.txt") == ["other"]


def test_a_replay_leaves_what_lies_beside_the_attempt_alone(store):
    def train(b):
        (ps.build_scratch(b) / "checkpoint").touch()
        with (ps.build_logdir(b) / "events").open("a") as log:
            log.write("ran\n")
        write(b)

    train_once = Derivation({}, match_latest(), train)
    rref = ps.realize(train_once)
    folder = Path(store.parts.layout.attempts(rref.dref))
    beside = sorted(folder.iterdir())
    assert replay(train_once, rref).agrees
    assert sorted(folder.iterdir()) == beside
    (logs,) = folder.glob("*.logs")
    assert (logs / "events").read_text() == "ran\n"


@pytest.mark.parametrize(
    "text", ["[]", '{"number": 0}', '{"start": "x", "seed": null}', "[" * 99_999, '{"staging": 5}']
)
def test_a_claim_that_says_nothing_hinders_nobody(store, text):
    derivation = Derivation({}, match_latest(), write)
    ps.instantiate(derivation)
    folder = Path(store.parts.layout.attempts(derivation.dref))
    (folder / f"{Context().digest}.0.begin").write_text(text)
    (folder / f"._{Context().digest}.0.begin").write_text("a file that a Mac left")
    assert ps.realize(derivation)
    assert [attempt.outcome for attempt in ps.attempts(derivation.dref)] == ["died", "succeeded"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_S9_the_users_of_a_shared_store_share_its_gate():
    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o777)
        store = Store(root / "store", durable=False)
        rref = ps.realize(Derivation({}, match_latest(), write), store=store)
        store.parts.tmp.chmod(0o777)

        def elsewhere():
            os.setuid(65534)
            mine = Store(store.root)
            assert mine.hold((rref,))
            noted = [p.read_text() for p in store.parts.tmp.glob("live-*") if p.stat().st_uid]
            (store.parts.tmp / "noted").write_text("".join(noted))

        in_child(elsewhere)
        assert rref in (store.parts.tmp / "noted").read_text()
    finally:
        tree.remove(root)
