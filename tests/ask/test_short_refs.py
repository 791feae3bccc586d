"""Short references: what a text means, and what is said when it means nothing or too much."""

import random
from pathlib import Path

import pytest

from pystore import (
    Derivation,
    DRef,
    Store,
    accept,
    attempts,
    build_cattrs,
    build_outpath,
    build_seed,
    find_ref,
    lsref,
    match_some,
    pin,
    realize_many,
    reject,
    rmref,
)
from pystore.ask.inspection.short_refs import find_refs, find_rref
from pystore.errors import BadMetric, BadRef, NotInStore


def build(b):
    noise = random.Random(build_seed(b)).random()
    (build_outpath(b) / "accuracy.txt").write_text(f"{build_cattrs(b).width + noise}\n")


def train(width=1, name="train", n=2):
    return Derivation({"name": name, "width": width}, match_some(n), build)


@pytest.fixture
def one(store: Store) -> DRef:
    """A store with one derivation, built twice."""
    realize_many(train())
    return train().dref


@pytest.fixture
def several(store: Store) -> list[DRef]:
    """A store with three derivations of one name, the last one built last."""
    for width in (3, 2, 1):
        realize_many(train(width))
    return [train(width).dref for width in (3, 2, 1)]


def latest(dref):
    return attempts(dref)[-1].rref


def test_a_full_reference_and_the_name_of_its_directory_mean_it(one):
    rref = lsref(one)[0]
    for ref in (one, rref):
        assert find_ref(ref) == find_ref(str(ref)) == find_ref(ref[5:]) == ref


def test_a_path_means_the_realization_or_the_derivation_in_which_it_lies(one, store, monkeypatch):
    rref = lsref(one)[0]
    out = Path(store.parts.layout.out(rref))
    for path in (out, out / "accuracy.txt", out.parent):
        assert find_ref(str(path)) == rref
    assert find_ref(str(out.parent.parent)) == find_ref(str(out.parent.parent / "attempts")) == one
    monkeypatch.chdir(out)
    assert find_ref(".") == find_ref("./accuracy.txt") == rref
    assert find_ref("../..") == one


def test_a_path_elsewhere_and_a_file_of_stages_mean_nothing(one, tmp_path):
    for path in (tmp_path, tmp_path / "train", one.name + "/"):
        with pytest.raises(NotInStore, match="nothing here is called so"):
            find_ref(str(path))
    with pytest.raises(NotInStore, match="`pystore run`"):
        find_ref("train.py:train")


def test_first_digits_mean_what_begins_with_them(one):
    rref = lsref(one)[0]
    for ref in (one, rref):
        for digits in (8, 20, 32):
            assert find_ref(ref[: 5 + digits]) == find_ref(ref[5 : 5 + digits]) == ref
    assert isinstance(find_ref(one[:6]), DRef)


def test_first_digits_mean_a_realization_that_is_gone(one):
    rref = lsref(one)[0]
    rmref(rref)
    assert find_ref(rref[:13]) == rref


def test_a_name_means_the_one_derivation_that_has_it(one):
    assert find_ref("train") == one


def test_a_name_of_several_derivations_lists_what_tells_them_apart(several):
    with pytest.raises(BadRef) as told:
        find_ref("train")
    lines = str(told.value).splitlines()
    assert "3 things" in lines[0]
    for width, dref in zip((3, 2, 1), several, strict=True):
        line = next(line for line in lines if dref[:13] in line)
        assert f"width={width}" in line and "2 realizations" in line and "built 20" in line
    assert "train@latest" in lines[-1]


def twins(one):
    """Digits with which several realizations begin; made when there are none."""
    while True:
        seen: dict[str, str] = {}
        for rref in lsref(one):
            if seen.setdefault(rref[:6], rref) != rref:
                return rref[:6]
        realize_many(train(), force_rebuild=True)


def test_too_few_digits_list_the_candidates(one):
    digits = twins(one)
    with pytest.raises(BadRef, match="more digits") as told:
        find_ref(digits)
    meant = [rref for rref in lsref(one) if rref.startswith(digits)]
    assert all(rref[:13] in str(told.value) for rref in meant)
    assert "a realization  built 20" in str(told.value)


@pytest.mark.parametrize("text", ["trian", "trai", "tra1n@latest"])
def test_what_is_not_there_names_what_is_similar(one, text):
    with pytest.raises(NotInStore) as told:
        find_ref(text)
    assert told.value.similar == "train"


@pytest.mark.parametrize("text", ["", "zzz", "0000", "dref:", "../x", "a b", "\x1b[31m", "ü", "@"])
def test_any_other_text_is_an_error_that_teaches(one, text):
    with pytest.raises(NotInStore, match="pystore ls"):
        find_ref(text)


def test_an_empty_store_says_so(store: Store):
    with pytest.raises(NotInStore, match="no derivations at all"):
        find_ref("train")


@pytest.mark.parametrize("value", [None, 3, b"train"])
def test_what_is_no_text_is_no_reference(one, value):
    with pytest.raises(BadRef):
        find_ref(value)


def test_latest_is_the_last_attempt_over_all_derivations_of_a_name(several):
    assert find_ref("train@latest") == find_rref("train") == latest(several[-1])
    realize_many(train(3), force_rebuild=True)
    assert find_ref("train@latest") == latest(several[0])


def test_latest_of_a_derivation_is_its_own(several):
    for dref in several:
        assert find_ref(f"{dref}@latest") == find_ref(f"{dref[5:13]}@latest") == latest(dref)
        assert find_rref(dref[:13]) == find_rref(dref) == latest(dref)


def test_latest_passes_over_what_is_gone_or_rejected(one):
    first, second = (attempt.rref for attempt in attempts(one))
    reject(second, "label leak")
    assert find_ref("train@latest") == first
    rmref(first)
    with pytest.raises(NotInStore, match="no realization"):
        find_ref("train@latest")


def test_best_is_the_best_over_all_derivations_of_a_name(several):
    assert find_ref("train@best:accuracy.txt").dref == several[0]
    assert find_ref("train@best:accuracy.txt:max").dref == several[0]
    assert find_ref("train@best:accuracy.txt:min").dref == several[-1]
    assert find_ref(f"{several[1][:13]}@best:accuracy.txt").dref == several[1]
    with pytest.raises(BadMetric, match="loss"):
        find_ref("train@best:loss")


@pytest.mark.parametrize("which", ["", "newest", "best", "best:"])
def test_another_way_to_choose_is_an_error(one, which):
    with pytest.raises(BadRef, match="train@latest"):
        find_ref(f"train@{which}")


def test_a_derivation_may_be_written_as_tables_show_it(several):
    for dref in several:
        assert find_ref(f"train@{dref.digest[:6]}") == dref


def test_a_pin_means_its_realization_and_hides_a_name(several):
    rref = lsref(several[1])[0]
    pin(rref, "good")
    pin(rref, "train")
    assert find_ref("good") == find_rref("good") == find_ref("train") == find_rref("train") == rref
    assert find_refs("train") == [rref]


def test_that_few_digits_mean_nothing_is_said_of_few_digits_only(one):
    for text, few in (("f", True), ("fff", True), ("ffff", False), ("f" * 8, False)):
        with pytest.raises(NotInStore) as error:
            find_ref(text)
        assert ("4 or more" in error.value.remedy) == few


def test_a_name_or_a_pattern_means_all_its_derivations(several):
    realize_many(train(1, "test"))
    assert set(find_refs("train")) == set(find_refs("tr*n")) == set(several)
    assert len(find_refs("*")) == 4
    rref = lsref(train(1, "test").dref)[0]
    assert find_refs(rref[:13]) == find_refs("test@latest") == [rref]
    assert find_refs("test") == [rref.dref]
    with pytest.raises(NotInStore):
        find_refs("x*")


def test_latest_goes_by_starts_where_attempts_were_adopted(store: Store):
    old, new = train(1), train(2)
    realize_many(old)
    realize_many(new)
    accept(lsref(old.dref)[0], new)
    own = [a for a in attempts(new.dref) if "adopted" not in a.notes]
    assert max(a.number for a in attempts(new.dref)) > own[-1].number
    assert find_ref("train@latest") == own[-1].rref


def spoil(store: Store, dref: DRef, numbers):
    """Makes the records of these attempts unreadable: reading one would warn."""
    for attempt in store.attempts(dref):
        if attempt.number in numbers:
            file = store.home(dref) / "attempts" / f"{attempt.context}.{attempt.number}.json"
            file.unlink()
            file.write_text("damaged")


def test_names_and_digits_are_found_without_opening_a_record(one, store: Store):
    rref = lsref(one)[0]
    spoil(store, one, range(10))
    assert find_ref("train") == find_ref(one[:13]) == one
    assert find_ref(rref[:20]) == rref


def test_latest_opens_the_last_record_of_each_context_only(one, store: Store):
    spoil(store, one, [0])
    assert len(lsref(one)) == 2
    assert find_ref("train@latest") in lsref(one)
