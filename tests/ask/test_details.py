"""Details: all about a derivation or a realization, as a value and as JSON."""

import json

import pytest

import pystore as ps
from pystore import Derivation, Store, build_outpath, match_latest, pin, realize, reject, rmref
from pystore.ask.inspection.details import details
from pystore.errors import NotInStore


def write(b):
    (build_outpath(b) / "out.txt").write_text("12345")


data = Derivation({"name": "data"}, match_latest(), write)
model = Derivation({"name": "model", "data": data}, match_latest(), write)


def test_a_realization_has_its_place_its_inputs_and_its_attempts(store: Store):
    rref = realize(model)
    pin(rref, "kept")
    reject(rref, "a leak")
    found = json.loads(json.dumps(details(rref, store).to_dict()))
    (attempt,) = store.attempts(rref.dref)
    assert found == {
        "ref": rref,
        "dref": rref.dref,
        "name": "model",
        "path": str(store.path(rref)),
        "config": store.config(rref.dref).value,
        "inputs": {data.dref: store.realizations(data.dref)},
        "pins": ["kept"],
        "verdicts": {"rejected": "a leak"},
        "sizes": [{"rref": rref, "files": 1, "size": 5}],
        "attempts": [attempt.to_dict()],
        "tags": [],
        "noted": [],
        "logdirs": {},
    }


def test_a_derivation_has_its_folder_and_the_sizes_of_all_realizations(store: Store):
    rref = realize(model)
    found = details(model.dref, store)
    assert found.path == store.home(model.dref)
    assert found.inputs == {data.dref: ()}
    assert found.sizes == {rref: (1, 5)}


def test_of_a_realization_that_is_gone_what_was_recorded_is_known(store: Store):
    rref = realize(model)
    rmref(rref)
    found = details(rref, store).to_dict()
    assert (found["path"], found["sizes"]) == (None, [{"rref": rref, "files": None, "size": None}])
    assert len(found["attempts"]) == 1


def test_of_what_was_never_there_nothing_is_known(store: Store):
    realize(model)
    other = store.realizations(data.dref)[0].replace("rref:", "rref:0")[:37]
    with pytest.raises(NotInStore):
        details(type(realize(data))(f"{other}-{data.dref[5:]}"), store)


def test_the_directories_of_logs_have_labels_that_say_which_attempt_logged(store: Store):
    def logs(b):
        (ps.build_logdir(b) / "events").write_text("x")
        (b.outpath / "x").write_text(str(b.seed))

    derivation = Derivation({"name": "train"}, match_latest(), logs)
    ps.realize(derivation, attempts=2)
    found = details(derivation.dref, store)
    assert list(found.logdirs) == ["train-0", "train-1"]
    assert all((path / "events").exists() for path in found.logdirs.values())
    assert found.to_dict()["logdirs"]["train-1"] == str(found.logdirs["train-1"])
