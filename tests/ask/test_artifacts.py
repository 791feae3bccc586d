"""Artifacts: those of a realization, a search among them, and their JSON."""

import json

import pytest

from pystore import Derivation, Store, build_outpath, match_latest, realize
from pystore.ask.inspection.artifacts import Content, artifact_path, artifacts_of, place_of, search
from pystore.errors import BadRef, NotInStore


def write(b):
    out = build_outpath(b)
    (out / "deep").mkdir()
    (out / "deep" / "a.bin").write_bytes(b"\xff\0")
    (out / "link").symlink_to("deep/a.bin")
    (out / "run.sh").write_text("true\n")
    (out / "run.sh").chmod(0o755)


@pytest.fixture
def rref(store: Store):
    return realize(Derivation({"name": "odd"}, match_latest(), write))


def test_each_kind_of_artifact_has_its_own_keys(rref, store: Store):
    found = {one["path"]: one for one in (a.to_dict() for a in artifacts_of(rref, store))}
    assert json.loads(json.dumps(found)) == found
    file = {"kind": "file", "size": 5, "executable": True}
    assert {**found["run.sh"], **file} == found["run.sh"]
    assert set(found["run.sh"]) == {"rref", "path", "kind", "size", "executable", "digest"}
    assert found["link"] == {"rref": rref, "path": "link", "kind": "link", "target": "deep/a.bin"}


def test_a_search_goes_by_name_and_by_age(rref, store: Store):
    (found,) = search([rref.dref], store, name="*.bin")
    assert found.to_dict()["built"] == store.attempts(rref.dref)[-1].stop
    assert [f.entry.path for f in search([rref], store, name="deep/*")] == [b"deep/a.bin"]
    assert list(search([rref], store, newer=found.built)) == []


def test_content_is_text_or_base64(rref, store: Store):
    file = artifact_path(rref, "run.sh", store)
    text = Content(rref, "run.sh", file.read_bytes()).to_dict()
    assert text == {"rref": rref, "path": "run.sh", "size": 5, "text": "true\n"}
    assert Content(rref, "a", b"\xff\0").to_dict()["base64"] == "/wA="


def test_a_place_is_where_the_artifacts_are(rref, store: Store):
    assert place_of(rref, store).to_dict() == {"rref": rref, "path": str(store.path(rref))}


def test_what_is_no_file_is_refused(rref, store: Store):
    with pytest.raises(BadRef, match="directory"):
        artifact_path(rref, "deep", store)
    with pytest.raises(NotInStore, match="no such artifact"):
        artifact_path(rref, "none", store)
