"""pystore get: artifacts are copied out, whole, and nothing is replaced."""

import json
import os

import pytest


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Commands run in an empty folder."""
    (tmp_path / "to").mkdir()
    monkeypatch.chdir(tmp_path / "to")


def test_TX1_a_file_is_copied_and_may_be_changed(pystore, tmp_path):
    assert pystore("get", "train@latest", "report.md", "mine.md") == (0, "mine.md\n", "")
    copy = tmp_path / "to" / "mine.md"
    assert copy.read_text().startswith("# Report\nrate 1.0\n")
    copy.write_text("changed")
    assert pystore("verify")[0] == 0
    assert os.listdir(tmp_path / "to") == ["mine.md"]


def test_where_there_is_a_folder_the_copy_lies_in_it(pystore):
    assert pystore("get", "train@latest", "weights/layers/0.bin", ".")[1] == "0.bin\n"
    (told,) = json.loads(pystore("get", "train@latest", "report.md", ".", "--json")[1])
    assert (told["path"], told["to"]) == ("report.md", "report.md")


def test_TX1_a_folder_is_copied_with_its_links_and_empty_folders(pystore, tmp_path):
    assert pystore("get", "train@latest", "weights", "w")[0] == 0
    copy = tmp_path / "to" / "w"
    assert (copy / "latest").readlink() == (copy / "layers" / "0.bin").relative_to(copy)
    assert (copy / "latest").read_bytes() == bytes(range(256)) * 10
    assert (copy / "empty").is_dir()
    (copy / "layers" / "0.bin").write_text("changed")
    assert pystore("verify")[0] == 0


def test_all_of_it_is_copied_with_odd_names_and_modes(pystore, tmp_path):
    assert pystore("get", "odd@latest", ".", "all")[0] == 0
    copy = os.fsencode(tmp_path / "to" / "all")
    assert sorted(os.listdir(copy)) == sorted(
        [b"not-\xff-utf8", b"escape-\x1b[31m-red", b"two\nlines", "größe 大小".encode(), b"-n",
         b"run.sh"]
    )  # fmt: skip
    assert os.access(copy + b"/run.sh", os.X_OK)
    assert not os.access(copy + b"/two\nlines", os.X_OK)


def test_TX2_nothing_is_replaced_unless_one_file_is_asked_for(pystore, tmp_path):
    there = tmp_path / "to" / "mine.md"
    there.write_text("mine")
    code, _, err = pystore("get", "train@latest", "report.md", "mine.md")
    assert (code, err.splitlines()[0]) == (2, "pystore: something is there already")
    assert there.read_text() == "mine"
    assert pystore("get", "train@latest", "report.md", "mine.md", "--force")[0] == 0
    assert there.read_text().startswith("# Report")
    assert pystore("get", "train@latest", "weights", "mine.md", "--force")[0] == 2
    (tmp_path / "to" / "weights").mkdir()
    assert pystore("get", "train@latest", "weights", ".", "--force")[0] == 2
    assert sorted(os.listdir(tmp_path / "to")) == ["mine.md", "weights"]


@pytest.mark.parametrize("place", ["", "drv", "tmp/mine.md"])
def test_TX3_nothing_is_copied_into_a_store(pystore, tmp_path, place):
    root = tmp_path / "store"
    before = sorted(root.rglob("*"))
    code, _, err = pystore("get", "train@latest", "report.md", str(root / place))
    assert (code, err.splitlines()[0]) == (
        2, "pystore: a copy inside of a store would be in the way there"
    )  # fmt: skip
    assert sorted(root.rglob("*")) == before


def test_TX1_damage_is_noticed_and_leaves_nothing(pystore, tmp_path):
    (path,) = ((tmp_path / "store" / "drv").glob("*-train/*/out/report.md"),)
    file = sorted(path)[0]
    rref = f"{file.parent.parent.name}-{file.parent.parent.parent.name}"
    file.chmod(0o644)
    file.write_text("other bytes")
    code, _, err = pystore("get", rref, "report.md", "mine.md")
    assert (code, err.splitlines()[0]) == (
        3, "pystore: an artifact has other bytes than its manifest says"
    )  # fmt: skip
    assert os.listdir(tmp_path / "to") == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("train@latest", "nothing.md", "x"), "no such artifact"),
        (("train@latest", "../context.json", "x"), "not a part of a path"),
        (("train@latest", "report.md", "no/such/x"), "no such folder"),
        (("train@latest", "report.md", "new/"), "no such folder"),
        (("train@latest", "report.md/x", "x"), "no such artifact"),
        (("nothing", "report.md", "x"), "nothing here is called so"),
        (("train@latest", "weights/latest", "x"), "a link leads out"),
    ],
)
def test_mistakes_are_told(pystore, tmp_path, arguments, says):
    code, out, err = pystore("get", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"pystore: {says}")
    assert os.listdir(tmp_path / "to") == []
