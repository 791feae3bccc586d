"""Whose seeds: those that all stores share, or a store's own."""

import json

import pytest

import pystore as ps
from pystore import Derivation, Store, match_latest
from pystore.core.digest import seed_of
from pystore.errors import BadStage, Corrupted, FormatTooNew, NotAStore
from pystore.store.address import Address
from pystore.ui.cli.main import run
from pystore.ui.own_store import store_initialize

FILE = "accuracy.txt"


def build(b):
    (b.outpath / FILE).write_text(f"{b.seed / 2**32}\n")


def noisy(b):
    build(b)
    (b.outpath / "model.bin").write_text(str(id(b)) + str(b.store.root))


def train(realizer=build):
    return Derivation({"name": "train"}, match_latest(), realizer)


def seeds(store):
    return [a.seed for a in store.attempts(train().dref)]


def test_S7_stores_share_their_seeds_unless_one_has_its_own(tmp_path):
    stores = [
        Store(tmp_path / str(i), durable=False, seeds=own)  # type: ignore[arg-type]  # the mistake
        for i, own in enumerate((None, None, "own", "own"))
    ]
    for store in stores:
        ps.realize(train(), attempts=3, store=store)
    first, second, third, fourth = map(seeds, stores)
    assert first == second
    assert not set(first) & {*third, *fourth} and not set(third) & set(fourth)
    context = stores[2].attempts(train().dref)[0].context
    assert third == [seed_of(train().dref, context, i, stores[2].parts.salt) for i in range(3)]


def test_S7_its_own_seeds_stay_its_own(tmp_path):
    store = Store(tmp_path / "store", durable=False, seeds="own")
    again = Store(store.root, durable=False)
    assert again.parts.salt == store.parts.salt != ""
    assert Address.of(store).open().parts.salt == store.own.parts.salt == store.parts.salt
    ps.realize(train(), store=store)
    ps.realize(train(), store=again, attempts=2, workers=1)
    assert len(set(seeds(store))) == 2
    assert set(seeds(store)).isdisjoint(seeds(Store(tmp_path / "other", durable=False)))
    mark = json.loads((store.root / "pystore.json").read_text())
    assert (mark["features"], mark["salt"]) == (["seeds"], store.parts.salt)


def test_a_lost_result_is_built_again_with_its_own_seed(tmp_path):
    store = Store(tmp_path / "store", durable=False, seeds="own")
    rref = ps.realize(train(), store=store)
    ps.rmref(rref, store=store)
    assert ps.realize(train(), store=store) == rref


def test_a_store_that_is_there_keeps_the_seeds_that_it_has(tmp_path):
    Store(tmp_path / "store", durable=False)
    with pytest.raises(NotAStore, match="the seeds that all stores share"):
        Store(tmp_path / "store", seeds="own")
    with pytest.raises(BadStage, match="says nothing"):
        Store(tmp_path / "new", seeds="mine")  # type: ignore[arg-type]  # the mistake
    assert not (tmp_path / "new").exists()


def test_a_feature_that_is_not_known_is_refused_and_a_missing_salt_is_damage(tmp_path):
    store = Store(tmp_path / "store", durable=False, seeds="own")
    mark = json.loads((store.root / "pystore.json").read_text())
    file = store.root / "pystore.json"
    file.chmod(0o644)
    file.write_text(json.dumps(mark | {"features": ["seeds", "shards"]}))
    with pytest.raises(FormatTooNew):
        Store(store.root)
    del mark["salt"]
    file.write_text(json.dumps(mark))
    with pytest.raises(Corrupted):
        Store(store.root)


def test_init_and_store_initialize_make_one(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pystore.store.current.ProcessWide.store", None)
    assert run(["init", str(tmp_path / "store"), "--seeds", "own"]) == 0
    assert run(["doctor", "--store", str(tmp_path / "store")]) == 0
    assert "seeds of its own" in capsys.readouterr().out
    assert store_initialize(tmp_path / "another", seeds="own").parts.salt
    Store(tmp_path / "shared", durable=False)
    assert run(["init", str(tmp_path / "shared"), "--seeds", "own"]) == 2
    assert "pystore init PATH --seeds own" in capsys.readouterr().err


# --- what summaries say ----------------------------------------------------------------


def apart(tmp_path, realizer, own=None):
    """The store of one who has trained, and has what another has trained apart."""
    stores = [Store(tmp_path / str(i), durable=False, seeds=own) for i in range(2)]
    for store in stores:
        ps.realize(train(realizer), attempts=5, store=store)
    ps.copy(stores[0].realizations(train().dref), *stores, progress=False)
    return ps.results("train", metrics=FILE, store=stores[1]).summary()


def test_a_summary_says_that_equal_seeds_are_one_training(tmp_path):
    summary = apart(tmp_path, build)
    assert summary[0].statistics.n == 5
    told = "`pystore init --seeds own` makes a store whose seeds are its own"
    assert str(summary).splitlines()[-1].endswith(told)


def test_a_summary_says_that_equal_seeds_make_other_results_alike(tmp_path):
    summary = apart(tmp_path, noisy)
    assert summary[0].statistics.n == 10
    assert "of n = 10, 5 had the seed of another, and are like it" in str(summary)


def test_with_seeds_of_their_own_all_attempts_count(tmp_path):
    summary = apart(tmp_path, build, "own")
    assert summary[0].statistics.n == 10
    assert "seed" not in str(summary)
