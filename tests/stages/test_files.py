"""mknode, mkfile and external: stages written in the program, and data in place."""

import pytest

from pystore import catref, config_of, lsref, realize, rref2path
from pystore.errors import BadConfig, BadName, BadStage, BuildError
from pystore.stages import external, mkfile, mknode

OWN = ["context.json", "manifest.json"]


def test_a_node_has_its_config_and_its_files(store):
    rref = realize(mknode({"lr": 0.1}, {"a.txt": "ä\n", "b.bin": b"\0"}, name="node"))
    assert lsref(rref) == ["a.txt", "b.bin", *OWN]
    assert catref(rref, "a.txt") == ["ä"]
    assert config_of(rref)["lr"] == 0.1
    assert rref.name == "node"


def test_a_node_may_have_no_files(store):
    assert lsref(realize(mknode())) == OWN


def test_a_file_is_called_as_its_stage_or_as_told(store):
    assert lsref(realize(mkfile("note", "text"))) == [*OWN, "note"]
    assert lsref(realize(mkfile("note", b"text", filename="note.txt"))) == [*OWN, "note.txt"]


def test_contents_are_identity():
    assert mkfile("a", "1").dref != mkfile("a", "2").dref
    assert mkfile("a", "1").dref == mkfile("a", b"1").dref


def test_a_node_can_depend_on_others(store):
    first = mkfile("a", "1")
    rref = realize(mknode({"needs": first}, {"x": "2"}, name="b"))
    assert config_of(rref)["needs"] == first.dref


@pytest.mark.parametrize("file", ["..", ".", "", "a/b", "/etc/passwd", "a\0b", "a\n", "x" * 300, 3])
def test_a_file_that_cannot_be_called_so_is_refused(file):
    with pytest.raises(BadName):
        mknode({}, {file: "x"})


@pytest.mark.parametrize("contents", [5, None, ["a"], "\ud800"])
def test_contents_are_bytes_or_text(contents):
    with pytest.raises(BadStage):
        mkfile("a", contents)


def test_a_node_says_each_thing_once():
    with pytest.raises(BadStage):
        mknode({"artifacts": 1})
    with pytest.raises(BadStage):
        mknode({"name": "a"}, name="b")
    with pytest.raises(BadConfig):
        mknode({"x": (1, 2)})
    with pytest.raises(BadName):
        mkfile("no name", "x")


# --- external --------------------------------------------------------------------------


def test_data_are_used_in_place(store, tmp_path):
    data = tmp_path / "images"
    data.mkdir()
    (data / "1.txt").write_text("one")
    stage = external(data, version="1")
    rref = realize(stage)
    link = rref2path(rref) / "images"
    assert link.is_symlink()
    assert (link / "1.txt").read_text() == "one"
    store.destroy()
    assert (data / "1.txt").read_text() == "one"


def test_path_and_version_are_identity(tmp_path):
    one = external(tmp_path / "a", version="1")
    assert one.dref == external(f"{tmp_path}/b/../a", version="1").dref
    assert one.dref != external(tmp_path / "a", version="2").dref
    assert one.dref != external(tmp_path / "b", version="1", name="a").dref


def test_data_without_a_version_or_a_name_are_refused(tmp_path):
    for version in ("", None, 3):
        with pytest.raises(BadStage):
            external(tmp_path, version=version)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(BadName):
        external("/", version="1")


def test_data_that_are_not_there_are_an_error_when_realized(store, tmp_path):
    with pytest.raises(BuildError, match="no such data"):
        realize(external(tmp_path / "gone", version="1"))
