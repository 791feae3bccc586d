"""pystore get: an artifact, copied out of the store."""

import json
import os
from pathlib import Path

import pytest

from pystore import Derivation, RRef, Store, match_latest, realize


def _write(b):
    out = b.outpath
    (out / "score.txt").write_text("0.5\n")
    (out / "weights" / "layers").mkdir(parents=True)
    (out / "weights" / "layers" / "0.bin").write_bytes(bytes(range(256)))
    (out / "weights" / "latest").symlink_to("layers/0.bin")
    (out / "weights" / "up").symlink_to("../score.txt")


@pytest.fixture
def made(store: Store) -> RRef:
    return realize(Derivation({"name": "train"}, match_latest(), _write), store=store)


def test_a_file_is_copied_and_may_be_changed(call, made, tmp_path):
    to = tmp_path / "mine.txt"
    code, out, err = call("get", "train", "score.txt", to)
    assert (code, out, err) == (0, f"score.txt of {made} → {to}  (1 file, 4 B)\n", "")
    assert to.read_text() == "0.5\n"
    assert to.stat().st_nlink == 1
    to.write_text("mine")
    assert call("cat", made, "score.txt")[1] == "0.5\n"


def test_a_copy_goes_into_a_folder_that_is_there(call, made, tmp_path):
    (told,) = json.loads(call("get", "train", "weights/layers", tmp_path, "--json")[1])
    to = tmp_path / "layers"
    assert told == {
        "rref": made, "path": "weights/layers", "to": str(to), "files": 1, "size": 256,
    }  # fmt: skip
    assert (to / "0.bin").read_bytes() == bytes(range(256))
    (to / "new").touch()
    assert call("get", "train", ".", tmp_path)[0] == 0
    assert os.readlink(tmp_path / "train" / "weights" / "up") == "../score.txt"


def test_a_link_within_the_realization_gives_what_it_leads_to(call, made, tmp_path):
    assert call("get", "train", "weights/latest", tmp_path)[0] == 0
    assert not (tmp_path / "latest").is_symlink()
    assert (tmp_path / "latest").read_bytes() == bytes(range(256))


def test_a_link_out_of_the_realization_is_not_followed(call, store, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "here").mkdir()

    def write(b):
        (b.outpath / "own").touch()

    out = store.path(realize(Derivation({"name": "hostile"}, match_latest(), write), store=store))
    out.chmod(0o755)  # as others might have left it
    (out / "link").symlink_to(tmp_path / "secret")
    code, printed, err = call("get", "hostile", "link", tmp_path / "here")
    assert (code, printed) == (2, "")
    assert "this link leads out of the realization" in err
    code, _, err = call("get", "hostile", ".", tmp_path / "here")
    assert (code, "links in this folder lead out of it" in err) == (2, True)
    assert list((tmp_path / "here").iterdir()) == []


def test_a_file_is_replaced_only_by_force(call, made, tmp_path):
    to, other = tmp_path / "mine.txt", tmp_path / "other.txt"
    other.write_text("other")
    to.symlink_to(other)
    code, _, err = call("get", "train", "score.txt", to)
    assert (code, "something is there already" in err) == (2, True)
    assert to.read_text() == "other"
    assert call("get", "train", "score.txt", to, "--force")[0] == 0
    assert (to.read_text(), to.is_symlink(), other.read_text()) == ("0.5\n", False, "other")


@pytest.mark.parametrize(
    ("path", "to", "says"),
    [
        ("zork", "new", "no such artifact"),
        ("../context.json", "new", "not a part of a path"),
        ("", "new", "not a part of a path"),
        ("/etc/passwd", "new", "no such artifact"),
        ("score.txt", "lacking/new", "no such folder"),
        ("weights", ".", "links in this folder lead out of it"),
        ("score.txt", "STORE", "this place is in the store"),
        ("score.txt", "STORE/drv/new", "this place is in the store"),
    ],
    ids=lambda value: value or "empty",
)
def test_mistakes_are_told_and_nothing_is_written(call, made, store, tmp_path, path, to, says):
    folder = tmp_path / "here"
    folder.mkdir()
    before = sorted(Path(store.root).rglob("*"))
    place = to.replace("STORE", str(store.root)) if "STORE" in to else folder / to
    code, out, err = call("get", "train", path, place)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
    assert list(folder.iterdir()) == []
    assert sorted(Path(store.root).rglob("*")) == before
