"""Used by: the realizations that were built from one."""

from pystore import (
    Build,
    Derivation,
    RRef,
    Store,
    build_outpath,
    build_seed,
    match_latest,
    match_some,
    realize,
    rmref,
)
from pystore.ask.inspection.used_by import used_by


def _write(b: Build) -> None:
    (build_outpath(b) / "out.txt").write_text(str(build_seed(b)))


def stage(name: str, **inputs: object) -> Derivation:
    return Derivation({"name": name, **inputs}, match_latest(), _write)


def by_reading_all(rref: RRef, store: Store) -> list[RRef]:
    found = (each for dref in store.drefs() for each in store.realizations(dref))
    return sorted(f for f in found if any(rref in some for some in store.context(f).values()))


def test_UB1_those_whose_contexts_name_it_are_found(store: Store):
    data = stage("data")
    first = realize(data)
    for name in ("left", "right"):
        realize(stage(name, data=data))
        realize(stage(name, data=data), force_rebuild=True)
    second = realize(data, force_rebuild=True)
    realize(stage("left", data=data))
    realize(stage("top", left=stage("left", data=data)))  # it was not built from data itself
    for rref in (first, second):
        assert used_by(rref, store) == by_reading_all(rref, store)
    assert len(used_by(first, store)) == 4
    assert len(used_by(second, store)) == 1


def test_UB1_one_whose_records_are_lost_is_found_too(store: Store):
    data = stage("data")
    made = realize(stage("user", data=data))
    for record in (store.home(made.dref) / "attempts").iterdir():
        record.unlink()
    (rref,) = store.realizations(data.dref)
    assert used_by(rref, store) == [made]


def test_what_is_gone_is_not_found(store: Store):
    data = stage("data")
    made = realize(stage("user", data=data))
    (rref,) = store.realizations(data.dref)
    rmref(made)
    assert used_by(rref, store) == []


def test_UB1_an_input_of_which_several_were_chosen_is_found(store: Store):
    data = Derivation({"name": "data"}, match_some(n=2), _write)
    made = realize(stage("user", data=data))
    for rref in store.realizations(data.dref):
        assert used_by(rref, store) == [made]
