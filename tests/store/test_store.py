"""The local store: what is on the disk, in which order, and what damage does."""

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pystore import Config, Context, DRef, PystoreWarning, RRef, Store, verify
from pystore.core.attempt import AttemptReport, parse_attempt
from pystore.errors import (
    BuildError,
    Corrupted,
    FormatTooNew,
    MissingOutput,
    NotAStore,
    UnkeepableOutput,
)
from pystore.store import mounts
from pystore.store.commit import is_sound

CONFIG = Config({"name": "a"})
NOWHERE = Context()


def commit(store: Store, fill, config=CONFIG):
    staging = store.begin(config, NOWHERE)
    fill(staging.out)
    return store.commit(staging, AttemptReport("f", "s" * 32))


def one_file(out: Path) -> None:
    (out / "m.txt").write_text("0.5\n")


# --- the store itself ------------------------------------------------------------------


def test_a_new_store_is_made_where_there_is_nothing(tmp_path):
    store = Store(tmp_path / "a" / "b")
    mark = json.loads((store.root / "pystore.json").read_text())
    assert mark == {"digest": "blake3", "features": [], "format": 1, "id": store.id}
    assert Store(store.root).id == store.id


def test_an_interrupted_making_is_finished(tmp_path):
    (tmp_path / "s" / "drv").mkdir(parents=True)
    (tmp_path / "s" / "tmp").mkdir()
    assert Store(tmp_path / "s").drefs() == []


def test_a_directory_with_other_things_is_refused_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(NotAStore, match=r"thesis\.tex"):
        Store(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_file_is_refused(tmp_path):
    (tmp_path / "f").write_text("x")
    with pytest.raises(NotAStore):
        Store(tmp_path / "f")


@pytest.mark.parametrize("change", [{"format": 2}, {"features": ["shards"]}])
def test_a_later_format_is_refused(store, change):
    mark = store.root / "pystore.json"
    mark.chmod(0o644)
    mark.write_text(json.dumps(json.loads(mark.read_text()) | change))
    with pytest.raises(FormatTooNew, match="upgrade"):
        Store(store.root)


def test_a_damaged_mark_is_named(store):
    (store.root / "pystore.json").chmod(0o644)
    (store.root / "pystore.json").write_text("{")
    with pytest.raises(Corrupted, match=r"pystore\.json"):
        Store(store.root)


def test_destroy_removes_a_sealed_store(store):
    commit(store, one_file)
    store.destroy()
    assert not store.root.exists()
    with pytest.raises(NotAStore):
        store.destroy()


def test_custom_tmp_is_where_realizers_write(tmp_path):
    store = Store(tmp_path / "s", custom_tmp=tmp_path / "t")
    staging = store.begin(CONFIG, NOWHERE)
    assert (tmp_path / "t") in staging.out.parents
    one_file(staging.out)
    assert store.path(store.commit(staging).rref).is_dir()
    store.destroy()


def test_custom_tmp_on_another_device_is_explained_and_not_used(tmp_path):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second device")
    with pytest.warns(PystoreWarning, match="another device"):
        store = Store(tmp_path / "s", custom_tmp=other)
    assert store.begin(CONFIG, NOWHERE).out.is_relative_to(store.root)


# --- the format on disk ----------------------------------------------------------------


def test_S1_golden_tree(store):
    """These paths and bytes never change: docs/format.md promises them."""
    rref = commit(store, one_file).rref
    home = store.root / "drv" / CONFIG.dref[5:]
    assert (home / "config.json").read_text() == '{"name":"a"}'
    assert rref == ("rref:bb7143d7a469f69c7474ae9192d4cdcc-310a1a25d583f3278453d1bae040c606-a")
    realization = home / rref.digest
    provenance = json.loads((realization / "context.json").read_text())
    tree = "3a15cb822d73778e3f20a1673ef725fc6509f7b0b5e516e16594aedf886e6786"
    assert provenance == {"dref": CONFIG.dref, "inputs": {}, "manifest": tree}
    assert (realization / "manifest.json").read_text() == (
        '{"entries":[\n'
        '{"digest":"beca0b628574f20956b18358024039600bc37cf11aaf900d721c1261331b2820",'
        '"executable":false,"kind":"file","path":"m.txt","size":4}\n'
        "]}\n"
    )
    assert (realization / "out" / "m.txt").read_text() == "0.5\n"
    context = "651b476f3835ce775cfe8654e31d659c"
    assert sorted(os.listdir(home / "attempts")) == [f"{context}.0.begin", f"{context}.0.json"]
    attempt = parse_attempt((home / "attempts" / f"{context}.0.json").read_bytes())
    assert (attempt.rref, attempt.number, attempt.metrics) == (rref, 0, {"m.txt": 0.5})
    assert attempt.seed == 2875685862


def test_S1_a_realization_is_sealed(store):
    def fill(out):
        (out / "d").mkdir()
        (out / "d" / "run.sh").write_text("#!")
        (out / "d" / "run.sh").chmod(0o4755)
        (out / "x").write_text("x")
        (out / "x").chmod(0o000)
        (out / "closed").mkdir()
        (out / "closed").chmod(0o000)

    path = store.path(commit(store, fill).rref)
    modes = {p.relative_to(path): stat.S_IMODE(p.stat().st_mode) for p in path.rglob("*")}
    assert modes == {
        Path("d"): 0o555,
        Path("d/run.sh"): 0o555,
        Path("x"): 0o444,
        Path("closed"): 0o555,
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o555
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o555


def test_S1_what_counts_is_path_kind_exec_bit_and_bytes(store):
    def variant(change):
        def fill(out):
            (out / "x").write_text("x")
            change(out)

        return commit(store, fill).rref

    plain = variant(lambda out: None)
    assert variant(lambda out: os.utime(out / "x", (1, 1))) == plain
    assert variant(lambda out: (out / "x").chmod(0o600)) == plain
    others = [
        variant(lambda out: (out / "x").chmod(0o755)),
        variant(lambda out: (out / "empty").mkdir()),
        variant(lambda out: (out / "y").write_text("")),
        variant(lambda out: (out / "x").rename(out / "z")),
        variant(lambda out: (out / "l").symlink_to("x")),
        variant(lambda out: (out / "context.json").write_text("{}")),
        variant(lambda out: os.mkdir(os.fsencode(out) + b"/\xff")),
    ]
    assert len({plain, *others}) == 8


def test_S1_deep_trees_long_names_and_strange_bytes_are_kept(store):
    def fill(out):
        here = os.getcwd()
        try:
            os.chdir(out)
            for _ in range(3000):
                os.mkdir("d")
                os.chdir("d")
            Path("leaf").write_text("x")
            os.chdir(out)
            Path("n" * 255).write_text("long")
            Path(os.fsdecode(b"\xff\n.bin")).write_bytes(b"\x00")
        finally:
            os.chdir(here)

    rref = commit(store, fill).rref
    manifest = (store.path(rref).parent / "manifest.json").read_text()
    assert "/d/leaf" in manifest
    assert "%FF\\n.bin" in manifest
    assert is_sound(
        store.path(rref).parent, (store.path(rref).parent / "context.json").read_bytes()
    )
    store.remove(rref)
    assert os.listdir(store.parts.layout.trash) == []


# --- S4: the order of a commit ---------------------------------------------------------


def test_S4_at_most_8_fsyncs_and_the_rename_is_last_but_one(tmp_path, monkeypatch):
    store = Store(tmp_path / "s")
    store.record([CONFIG])
    calls = []
    really = {name: getattr(os, name) for name in ("fsync", "rename")}

    def spy(name):
        def call(*args):
            where = os.readlink(f"/proc/self/fd/{args[0]}") if name == "fsync" else args[1]
            if str(where).startswith(str(tmp_path)):  # not what a finalizer does elsewhere
                calls.append((name, Path(where).name))
            return really[name](*args)

        return call

    for name in really:
        monkeypatch.setattr(os, name, spy(name))
    monkeypatch.setattr(mounts, "kind_of", lambda descriptor: "nfs4")  # no syncfs there
    rref = commit(store, one_file).rref
    context = NOWHERE.digest
    together = {name for what, name in calls[:6] if what == "fsync"}  # threads wait for them
    assert len(together) == 6
    assert together > {"m.txt", "out", "manifest.json", "context.json"}  # the staging, the record
    assert sum(name == "fsync" for name, _ in calls) == 8
    assert calls[-4:] == [
        ("rename", f"{context}.0.json"),
        ("fsync", "attempts"),
        ("rename", rref.digest),
        ("fsync", CONFIG.dref[5:]),
    ]


def test_without_durable_nothing_is_synced(store, monkeypatch):
    def never(*args):
        raise AssertionError("fsync")

    monkeypatch.setattr(os, "fsync", never)
    assert commit(store, one_file).fresh


def test_S4_promises_are_checked_before_anything_is_changed(store):
    staging = store.begin(Config({"p": [__import__("pystore").selfref, "d", "x"]}), NOWHERE)
    one_file(staging.out)
    (staging.out / "m.txt").chmod(0o600)
    with pytest.raises(MissingOutput, match="d/x"):
        store.commit(staging)
    assert stat.S_IMODE((staging.out / "m.txt").stat().st_mode) == 0o600


def special(kind):
    def fill(out):
        if kind == "fifo":
            os.mkfifo(out / "bad")
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as server:
                os.chdir(out)
                server.bind("bad")
        elif kind == "absolute link":
            (out / "bad").symlink_to("/etc/passwd")
        elif kind == "link that leaves":
            (out / "bad").symlink_to("../../x")
        elif kind == "link that leaves through a link":
            (out / "d").mkdir()
            (out / "d" / "up").symlink_to("..")
            (out / "d" / "bad").symlink_to("up/../x")
        elif kind == "hard link":
            outside = out.parent.parent / "outside"
            outside.write_text("x")
            os.link(outside, out / "bad")

    return fill


@pytest.mark.parametrize(
    "kind",
    [
        "fifo",
        "socket",
        "absolute link",
        "link that leaves",
        "link that leaves through a link",
        "hard link",
    ],
)
def test_S4_what_cannot_be_kept_is_refused_by_name(store, kind, monkeypatch):
    monkeypatch.chdir(store.root)
    with pytest.raises(UnkeepableOutput) as caught:
        commit(store, special(kind))
    assert "bad" in str(caught.value)
    assert store.realizations(CONFIG.dref) == []


def test_links_inside_the_tree_are_kept_as_they_are(store):
    def fill(out):
        (out / "d").mkdir()
        (out / "d" / "x").write_text("x")
        (out / "d" / "up").symlink_to("../d/x")
        (out / "dangling").symlink_to("nowhere")
        (out / "loop").symlink_to("loop")
        os.link(out / "d" / "x", out / "d" / "twin")

    path = store.path(commit(store, fill).rref)
    assert os.readlink(path / "d" / "up") == "../d/x"
    assert (path / "d" / "twin").read_text() == "x"


ABSOLUTE = {
    "to a file beside it": ("last", "{out}/d/x", "d/x"),
    "from a folder": ("d/last", "{out}/d/x", "x"),
    "to the top": ("d/top", "{out}", ".."),
    "to nothing yet": ("last", "{out}/d/y", "d/y"),
    "through a link of the tree": ("last", "{out}/latest/x", "d/x"),
    "by another way to the store": ("last", "{alias}/d/x", "d/x"),
    "with steps back": ("last", "{out}/d/../d/x", "d/x"),
}


@pytest.mark.parametrize(("link", "target", "wanted"), ABSOLUTE.values(), ids=list(ABSOLUTE))
def test_an_absolute_link_into_the_output_becomes_relative(store, tmp_path, link, target, wanted):
    def fill(out):
        (out / "d").mkdir()
        (out / "d" / "x").write_text("x")
        (out / "latest").symlink_to("d")
        (tmp_path / "alias").symlink_to(out)
        (out / link).symlink_to(target.format(out=out, alias=tmp_path / "alias"))

    path = store.path(commit(store, fill).rref)
    assert os.readlink(path / link) == wanted
    assert sorted(p.name for p in path.iterdir()) == sorted({"d", "latest", link.split("/")[0]})
    assert verify(store).sound


def test_an_absolute_link_out_of_the_output_is_refused_though_it_begins_as_it(store):
    def fill(out):
        (out / "bad").symlink_to(f"{out}/../{out.name}-elsewhere")

    with pytest.raises(UnkeepableOutput, match="bad"):
        commit(store, fill)


def test_S4_an_open_file_is_refused_and_a_living_thread_is_not(store):
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        staging = store.begin(CONFIG, NOWHERE)
        with (
            (staging.out / "late.txt").open("w"),
            pytest.raises(UnkeepableOutput, match=r"late\.txt"),
        ):
            store.commit(staging)
        assert store.commit(staging).fresh
    finally:
        done.set()
        thread.join()


def test_S4_a_file_held_open_by_a_child_is_refused(store):
    staging = store.begin(CONFIG, NOWHERE)
    script = "import sys; f = open(sys.argv[1], 'w'); print(flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(staging.out / "late.txt")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    child.stdout.readline()
    try:
        with pytest.raises(UnkeepableOutput, match=f"process {child.pid}"):
            store.commit(staging)
    finally:
        child.communicate()
    assert store.commit(staging).fresh


DAEMON = """
import os, sys
if not os.fork():
    os.setsid()
    if not os.fork():
        with open(sys.argv[1], "w"):
            print(os.getpid(), flush=True)
            sys.stdin.read()
"""


def test_S4_a_file_held_open_by_a_daemon_is_refused(store):
    staging = store.begin(CONFIG, NOWHERE)
    command = [sys.executable, "-c", DAEMON, str(staging.out / "late.txt")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        daemon = int(starter.stdout.readline())
        starter.wait()
        with pytest.raises(UnkeepableOutput, match=f"process {daemon}"):
            store.commit(staging)
        starter.stdin.close()
        starter.stdout.read()  # until it has ended
    assert store.commit(staging).fresh


def test_S4_a_writable_mapping_is_refused(store):
    import mmap

    staging = store.begin(CONFIG, NOWHERE)
    with (staging.out / "late.bin").open("wb+") as file:
        file.write(b"x" * 4096)
        file.flush()
        mapping = mmap.mmap(file.fileno(), 4096)
    with pytest.raises(UnkeepableOutput, match=r"late\.bin"):
        store.commit(staging)
    mapping.close()
    assert store.commit(staging).fresh


def test_S4_names_that_collide_elsewhere_are_a_warning(store):
    def fill(out):
        (out / "Model.h5").write_text("1")
        (out / "model.h5").write_text("2")

    with pytest.warns(PystoreWarning, match=r"Model\.h5, model\.h5"):
        commit(store, fill)


def test_S4_a_damaged_realization_is_replaced_by_equal_bytes(store):
    rref = commit(store, one_file).rref
    artifact = store.path(rref) / "m.txt"
    artifact.chmod(0o644)
    artifact.write_text("0.6\n")
    again = commit(store, one_file)
    assert (again.rref, again.fresh) == (rref, True)
    assert artifact.read_text() == "0.5\n"
    assert len(os.listdir(store.parts.layout.trash)) == 1


def test_S6_a_refused_commit_can_be_tried_again(store):
    staging = store.begin(CONFIG, NOWHERE)
    one_file(staging.out)
    (staging.out / "stray").symlink_to("/etc")
    with pytest.raises(UnkeepableOutput) as caught:
        store.commit(staging)
    assert store.fail(staging, AttemptReport(), caught.value)
    (staging.out / "stray").unlink()
    committed = store.commit(store.reopen(staging.path))
    assert (store.path(committed.rref) / "m.txt").read_text() == "0.5\n"
    outcomes = [a.outcome for a in store.attempts(CONFIG.dref)]
    assert outcomes == ["failed", "succeeded"]
    seeds = {a.seed for a in store.attempts(CONFIG.dref)}
    assert len(seeds) == 1
    assert not staging.path.exists()


def test_only_the_staging_of_a_failed_attempt_can_be_reopened(store, tmp_path):
    with pytest.raises(BuildError, match="not the staging"):
        store.reopen(tmp_path)


# --- damage ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(12))
def test_a_truncated_config_is_named_and_mended(store, size):
    commit(store, one_file)
    config = store.root / "drv" / CONFIG.dref[5:] / "config.json"
    config.chmod(0o644)
    config.write_bytes(config.read_bytes()[:size])
    with pytest.raises(Corrupted, match=CONFIG.dref):
        store.config(CONFIG.dref)
    store.record([CONFIG])
    assert store.config(CONFIG.dref) == CONFIG


def test_a_config_of_another_derivation_is_damage(store):
    commit(store, one_file)
    config = store.root / "drv" / CONFIG.dref[5:] / "config.json"
    config.chmod(0o644)
    config.write_text('{"name":"b"}')
    with pytest.raises(Corrupted, match="its text is that of"):
        store.config(CONFIG.dref)


def test_a_torn_record_of_an_attempt_is_left_out_with_a_warning(store):
    commit(store, one_file)
    folder = Path(store.parts.layout.attempts(CONFIG.dref))
    (record,) = folder.glob("*.json")
    record.chmod(0o644)
    record.write_bytes(record.read_bytes()[:-10])
    with pytest.warns(PystoreWarning, match="left out"):
        assert store.candidates(CONFIG.dref, NOWHERE) == []


def test_a_realization_needs_record_and_directory(store):
    rref = commit(store, one_file).rref
    for record in Path(store.parts.layout.attempts(CONFIG.dref)).glob("*.json"):
        record.unlink()
    assert store.candidates(CONFIG.dref, NOWHERE) == []
    assert store.realizations(CONFIG.dref) == [rref]


def test_an_attempt_without_end_is_running_while_its_staging_is_held_and_then_died(store):
    staging = store.begin(CONFIG, NOWHERE)
    assert [a.outcome for a in store.attempts(CONFIG.dref)] == ["running"]
    staging.close()
    assert [a.outcome for a in store.attempts(CONFIG.dref)] == ["died"]


def test_a_torn_claim_does_not_hinder_the_next(store):
    staging = store.begin(CONFIG, NOWHERE)
    (claim,) = Path(store.parts.layout.attempts(CONFIG.dref)).glob("*.begin")
    claim.chmod(0o644)
    claim.write_text("")
    staging.close()
    assert commit(store, one_file).fresh
    assert [a.number for a in store.attempts(CONFIG.dref)] == [0, 1]


def test_S8_references_are_checked_at_the_door(store):
    from pystore.errors import BadRef

    for look in (store.config, store.realizations, store.context, store.path, store.remove):
        with pytest.raises(BadRef):
            look("dref:../../etc/passwd")


def test_S8_what_lies_under_drv_and_is_no_derivation_is_left_alone(store):
    commit(store, one_file)
    (store.root / "drv" / "lost+found").mkdir()
    assert store.drefs() == [CONFIG.dref]


def test_types_of_references(store):
    rref = commit(store, one_file).rref
    assert type(rref) is RRef
    assert type(rref.dref) is DRef
