"""Inputs that a stage changes, as root can: noticed when it ends, and not used again."""

import os
import shutil
import stat

import pytest

import pystore as ps
from pystore import Derivation, Store, match_latest
from pystore.errors import BuildError
from pystore.store import touched_inputs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sealed files stop everybody but root")


def data(b):
    (b.outpath / "deep").mkdir()
    (b.outpath / "deep" / "numbers").write_text("1 2 3")
    (b.outpath / "empty").mkdir()
    (b.outpath / "weights.bin").write_bytes(b"w" * 8192)


DATA = Derivation({"name": "data"}, match_latest(), data)


def using(does, number=0):
    """A derivation that does something with the folder of its input."""

    def realizer(b):
        does(ps.build_path(b, DATA.dref))
        (b.outpath / "done").write_text(str(number))

    return Derivation({"name": "use", "data": DATA, "n": number}, match_latest(), realizer)


def append(folder):
    with (folder / "deep" / "numbers").open("a") as file:
        file.write(" 4")


def overwrite_in_old_time(folder):
    path = folder / "deep" / "numbers"
    times = path.stat()
    path.write_text("3 2 1")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


CHANGES = {
    "a file was appended to": (append, "deep/numbers"),
    "a file was written in its old size and time": (overwrite_in_old_time, "deep/numbers"),
    "a file was added": (lambda f: (f / "deep" / "cache").write_text(""), "deep/cache"),
    "a file was removed": (lambda f: (f / "weights.bin").unlink(), "weights.bin"),
    "a folder was removed": (lambda f: (f / "empty").rmdir(), "empty"),
    "a file can be written": (lambda f: (f / "weights.bin").chmod(0o644), "weights.bin"),
}


@pytest.mark.parametrize(("change", "name"), CHANGES.values(), ids=list(CHANGES))
def test_an_input_that_a_stage_changed_is_named_and_built_anew(store: Store, change, name):
    rref = ps.realize(DATA)
    with pytest.raises(BuildError, match="an input was changed") as caught:
        ps.realize(using(change))
    assert (caught.value.input, caught.value.changed) == (rref, name)
    assert store.realizations(using(change).dref) == []
    assert ps.realize(using(lambda folder: None, 1))
    assert (store.path(rref) / "deep" / "numbers").read_text() == "1 2 3"
    assert ps.verify(store).sound


def test_a_stage_that_fails_after_it_has_changed_an_input_is_heard_of_too(store: Store):
    rref = ps.realize(DATA)

    def change_and_fail(folder):
        append(folder)
        raise ValueError("no")

    with (
        pytest.warns(ps.PystoreWarning, match="deep/numbers"),
        pytest.raises(BuildError, match="raised ValueError"),
    ):
        ps.realize(using(change_and_fail))
    with pytest.raises(ps.errors.Corrupted):
        store.path(rref)


def test_what_only_reads_copies_and_shares_its_input_is_fine(store: Store, tmp_path):
    ps.realize(DATA)

    def read(folder):
        shutil.copytree(folder, tmp_path / "copy")
        os.link(folder / "weights.bin", tmp_path / "link")  # which changes a time of the inode
        os.unlink(tmp_path / "link")

    assert ps.realize(using(read))
    assert ps.verify(store).sound


def test_a_tree_that_is_as_old_as_before_is_not_read_again(store: Store, monkeypatch):
    ps.realize(DATA)
    seen = []
    monkeypatch.setattr(touched_inputs, "_compared", lambda *args: seen.append(args) or iter(()))
    began = [0]

    def wait(folder):
        while os.stat(folder).st_ctime_ns >= began[0]:
            probe = store.root / "tmp" / "probe"
            probe.write_text("")
            began[0] = probe.stat().st_ctime_ns
            probe.unlink()

    wait(store.path(ps.realize(DATA)))
    assert ps.realize(using(lambda folder: None))
    assert seen == []


def test_an_input_below_is_named_and_nothing_is_written_there(tmp_path):
    lab = Store(tmp_path / "lab", durable=False)
    rref = ps.realize(DATA, store=lab)
    mine = Store(tmp_path / "mine", below=lab.root, durable=False)
    with pytest.raises(BuildError, match="an input was changed"):
        ps.realize(using(append), store=mine)
    assert [p.suffix for p in lab.root.glob("drv/*/attempts/*")].count(".damaged") == 0
    assert stat.S_IMODE((lab.path(rref)).stat().st_mode) == 0o555
