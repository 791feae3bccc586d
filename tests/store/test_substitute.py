"""Substitution: before something is built, other places are asked for it."""

import threading

import fsspec
import pytest
from memory_store import MemoryStore

import pystore as ps
from pystore import (
    Derivation,
    Store,
    events,
    match,
    match_best,
    match_exact,
    match_latest,
    match_some,
)
from pystore.errors import BadPlace, BadStage
from pystore.store.remote import remote as remotes
from pystore.store.remote import substitute as substitution
from pystore.store.remote.place import FolderPlace


def project(matcher=None, version="v1"):
    """`prepare`, in some version of its code, and `train`; and what was built here."""
    runs = []

    def prepare(b):
        runs.append("prepare")
        (b.outpath / "data.txt").write_text("data")

    def train(b):
        runs.append("train")
        (b.outpath / "model.bin").write_bytes(b.seed.to_bytes(4, "big") * 1000)
        (b.outpath / "accuracy.txt").write_text(f"{b.seed / 2**32}\n")
        (b.outpath / "report.md").write_text(f"{b.seed}\n" + "x" * 100)

    prepared = Derivation({"name": "prepare", "code": version}, match_latest(), prepare)
    config = {"name": "train", "data": [prepared, "data.txt"]}
    return Derivation(config, matcher or match_latest(), train), runs


def view_of(rref):
    return (ps.view(rref).path / "accuracy.txt").read_text()


@pytest.fixture
def lab(tmp_path):
    """A remote where a colleague has put five trainings, and the colleague's store."""
    theirs = Store(tmp_path / "theirs", durable=False)
    stage, _ = project(match_some(5))
    ps.realize_many(stage, store=theirs)
    ps.push(stage.dref, tmp_path / "lab", store=theirs)
    return tmp_path / "lab", theirs


@pytest.fixture
def read(monkeypatch):
    """The names of the objects that were read."""
    asked = []
    real = FolderPlace.read

    def note(self, name, most):
        asked.append(name)
        return real(self, name, most)

    monkeypatch.setattr(FolderPlace, "read", note)
    return asked


def test_a_realization_that_is_named_comes_from_where_it_is(store, lab):
    rref = ps.lsref(project()[0].dref, store=lab[1])[0]
    stage, runs = project(match_exact([rref]))
    assert ps.realize(stage, substitute=lab[0], build=False) == rref
    assert runs == []


def test_what_a_colleague_has_is_not_built(store, lab):
    stage, runs = project()
    told = []
    rref = ps.realize(stage, substitute=lab[0], listener=told.append)
    assert runs == []
    assert rref == ps.realize(stage, store=lab[1])
    assert [e.rrefs for e in told if isinstance(e, events.Fetched)][-1] == (rref,)
    assert ps.verify().sound


def test_SB1_a_matcher_decides_without_bytes_and_only_the_chosen_come(store, lab, read):
    stage, runs = project(match_best("accuracy.txt"))
    rref = ps.realize(stage, substitute=[lab[0]])
    assert runs == []
    best = max(lab[1].attempts(stage.dref), key=lambda a: a.metrics["accuracy.txt"])
    assert rref == best.rref
    assert store.realizations(stage.dref) == [rref]
    assert len([name for name in read if name.startswith("parts/")]) == 2  # prepare's, and its own


def test_a_matcher_that_reads_files_gets_them_without_the_rest(store, lab):
    stage, runs = project(match(shortest, reads=["report.md"]))
    rref = ps.realize(stage, substitute=lab[0])
    assert runs == []
    seeds = {a.rref: a.seed for a in lab[1].attempts(stage.dref)}
    assert seeds[rref] == min(seeds.values())


def shortest(candidates):
    return [min(candidates, key=lambda c: c.metric("report.md"))] if candidates else ps.Need(1)


def test_statistics_hold_offline_later(store, lab):
    stage, runs = project(match_best("accuracy.txt", of=5))
    rref = ps.realize(stage, substitute=lab[0])
    assert ps.realize(stage) == rref
    assert len(ps.attempts(stage.dref)) == 5
    assert ps.realize(stage, attempts=5, substitute=()) == rref
    assert runs == []


def test_what_is_missing_to_enough_is_built_here(store, lab):
    stage, runs = project(match_best("accuracy.txt", of=7))
    ps.realize(stage, substitute=lab[0])
    assert runs == ["train", "train"]
    assert len({a.seed for a in ps.attempts(stage.dref)}) == 7


def test_results_of_other_code_versions_count_when_the_bytes_are_equal(store, lab):
    stage, runs = project(match_best("accuracy.txt"), version="v2")
    rref = ps.realize(stage, substitute=lab[0])
    assert runs == ["prepare"]
    assert ps.rref2dref(rref) == stage.dref
    original = ps.attempts(rref)[0].notes["adopted"]
    assert ps.catref(rref, "report.md") == ps.catref(original, "report.md", store=lab[1])
    assert len(ps.attempts(stage.dref)) == 5
    assert ps.verify().sound
    ps.rmref(rref)
    ps.realize(stage, substitute=lab[0])
    assert len(ps.attempts(stage.dref)) == 5


def test_a_forced_build_looks_nowhere(store, lab, read):
    stage, runs = project()
    ps.realize(stage, substitute=lab[0])
    read.clear()
    ps.realize(stage, substitute=lab[0], force_rebuild=True)
    assert (runs, read) == (["train"], [])


def test_what_is_here_asks_nobody(store, lab, read):
    stage, _ = project()
    ps.realize(stage)
    ps.realize(stage, substitute=lab[0])
    assert read == []


def test_without_building_other_places_still_serve(store, lab):
    stage, runs = project()
    assert ps.realize(stage, substitute=lab[0], build=False)
    assert runs == []


def test_what_was_rejected_here_is_not_taken_from_elsewhere(store, lab):
    stage, _ = project(match_best("accuracy.txt"))
    first = ps.realize(stage, substitute=lab[0])
    ps.reject(first, "label leak")
    ps.rmref(first)
    second = ps.realize(stage, substitute=lab[0])
    assert second != first


def test_a_context_of_any_length_can_be_asked_for(store, lab, monkeypatch):
    monkeypatch.setattr(remotes, "_HEAD", 100)
    stage, runs = project(match_best("accuracy.txt"), version="v2")
    assert ps.realize(stage, substitute=lab[0])
    assert runs == ["prepare"]


# --- SB2: places that fail --------------------------------------------------------------


def failing(stage, url, **options):
    told = []
    with pytest.warns(ps.PystoreWarning, match="left out for the rest of this call"):
        rref = ps.realize(stage, substitute=url, listener=told.append, **options)
    failed = [event for event in told if isinstance(event, events.SourceFailed)]
    assert len(failed) == 1
    return rref, failed[0]


@pytest.mark.parametrize("url", ["{}/nowhere", "http://127.0.0.1:1/lab", "memory://nothing/here"])
def test_SB2_a_dead_place_is_told_and_left(store, tmp_path, url):
    stage, runs = project()
    rref, failed = failing(stage, url.format(tmp_path))
    assert rref
    assert runs == ["prepare", "train"]
    assert failed.source == url.format(tmp_path)


def test_SB2_a_password_is_not_told(store):
    stage, _ = project()
    _, failed = failing(stage, "sftp://me:secret@127.0.0.1:1/lab")
    assert failed.source == "sftp://me:…@127.0.0.1:1/lab"


def test_SB2_a_slow_place_is_told_and_left(store, lab, monkeypatch):
    never = threading.Event()
    monkeypatch.setattr(substitution, "LOOK", 0.05)
    monkeypatch.setattr(FolderPlace, "names", lambda self, folder: never.wait(60) and [])
    stage, runs = project()
    _, failed = failing(stage, lab[0])
    assert runs == ["prepare", "train"]
    assert "in time" in failed.error
    never.set()


def test_SB2_SB3_a_lying_place_is_told_and_left_and_nothing_of_it_stays(store, lab):
    for part in (p for p in (lab[0] / "parts").rglob("*") if p.is_file()):
        part.chmod(0o644)
        part.write_bytes(part.read_bytes()[:-1] + b"?")
    stage, runs = project()
    _, failed = failing(stage, lab[0])
    assert runs == ["prepare", "train"]
    assert "not what its name says" in failed.error
    assert len(ps.attempts(stage.dref)) == 1
    assert ps.verify().sound


def test_SB2_RM3_a_miss_is_no_fault(store, lab):
    for part in (p for p in (lab[0] / "parts").rglob("*") if p.is_file()):
        part.unlink()
    stage, runs = project()
    told = []
    assert ps.realize(stage, substitute=lab[0], listener=told.append)
    assert "train" in runs
    assert not [event for event in told if isinstance(event, events.SourceFailed)]


def test_the_next_place_serves_where_one_fails(store, lab, tmp_path):
    stage, runs = project()
    rref, _ = failing(stage, [str(tmp_path / "nowhere"), lab[0]])
    assert runs == []
    assert rref


# --- how it is asked for ---------------------------------------------------------------


def test_the_settings_name_places(store, lab, monkeypatch):
    monkeypatch.setenv("PYSTORE_SUBSTITUTERS", f"{lab[0]}")
    stage, runs = project()
    ps.realize(stage)
    assert runs == []
    other, runs = project(match_some(6))
    ps.realize_many(other, substitute=())
    assert len(runs) == 5


def test_mistakes_are_said_before_any_work(store, lab):
    stage, runs = project()
    with pytest.raises(BadPlace, match="no place that pystore can use"):
        ps.realize(stage, substitute="nonsense://x")
    with pytest.raises(BadPlace, match="not a public key"):
        ps.realize(stage, substitute=lab[0], trusted_keys=["x"])
    with pytest.raises(BadStage, match="store on a disk"):
        ps.realize(stage, substitute=lab[0], store=MemoryStore())
    assert runs == []


def test_a_memory_place_serves_as_well(store, lab):
    fsspec.filesystem("memory").store.clear()
    stage, runs = project()
    ps.push(stage.dref, "memory://lab", store=lab[1])
    assert ps.realize(stage, substitute="memory://lab")
    assert runs == []


# --- SB4: what was rejected ---------------------------------------------------------------


def test_SB4_what_was_rejected_after_it_was_sent_is_not_chosen(store, lab):
    remote, theirs = lab
    stage, runs = project(match_best("accuracy.txt"))
    best = ps.realize(stage, store=theirs)
    ps.reject(best, "it has seen the test set", store=theirs)
    ps.push(stage.dref, remote, store=theirs)
    second = ps.realize(stage, store=theirs)
    assert ps.realize(stage, substitute=remote, build=False) == second != best
    assert runs == []
    assert [n.because for n in ps.notes(stage)] == ["it has seen the test set"]
    assert ps.realize(stage, build=False) == second
    assert len(ps.attempts(stage.dref)) == 5


def test_SB4_where_all_was_rejected_it_is_built_and_they_stay_rejected(store, lab):
    remote, theirs = lab
    stage, runs = project(match_best("accuracy.txt"))
    for rref in theirs.realizations(stage.dref):
        ps.reject(rref, "bad", store=theirs)
    ps.push(stage.dref, remote, store=theirs)
    rref = ps.realize(stage, substitute=remote)
    assert "train" in runs
    assert rref not in theirs.realizations(stage.dref)
    assert [c.rref for c in store.all_candidates(stage.dref)] == [rref]


def test_SB4_a_rejection_counts_for_an_equal_config_of_other_code(store, lab):
    remote, theirs = lab
    best = ps.realize(project(match_best("accuracy.txt"))[0], store=theirs)
    ps.reject(best, "bad", store=theirs)
    ps.push(best.dref, remote, store=theirs)
    other, runs = project(match_best("accuracy.txt"), version="v2")
    rref = ps.realize(other, substitute=remote)
    assert runs == ["prepare"]
    assert rref.digest != best.digest


def test_SB4_what_was_rejected_here_under_another_name_is_not_taken_from_there(store, lab):
    remote = lab[0]
    stage, _ = project(match_best("accuracy.txt"))
    best = ps.realize(stage, substitute=remote)
    ps.reject(best, "bad")
    other, runs = project(match_best("accuracy.txt"), version="v2")
    assert view_of(ps.realize(other, substitute=remote)) != view_of(best)
    assert "train" not in runs


def test_SB3_notes_and_tags_come_with_what_is_chosen(store, lab):
    remote, theirs = lab
    stage, _ = project(match_best("accuracy.txt"))
    best = ps.realize(stage, store=theirs)
    ps.tag(best, "good", store=theirs)
    ps.note(stage.config.inputs[0], "raw", store=theirs)
    ps.push(stage.dref, remote, store=theirs)
    assert ps.realize(stage, substitute=remote, build=False) == best
    assert [n.tag for n in ps.notes(best)] == ["good"]
    assert [n.text for n in ps.notes(stage.config.inputs[0])] == ["raw"]


def test_SB3_notes_stay_away_where_nothing_is_chosen(store, lab):
    remote, theirs = lab
    stage, _ = project(match_some(9))
    ps.tag(stage, "good", store=theirs)
    ps.push(stage.dref, remote, store=theirs)
    with pytest.raises(ps.errors.MatcherUnsatisfied):
        ps.realize_many(stage, substitute=remote, build=False)
    assert stage.dref not in store.drefs()
