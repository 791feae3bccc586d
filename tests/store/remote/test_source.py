"""RemoteSource: what is chosen at a remote comes here, and a dead remote stops nothing."""

import shutil
from collections import Counter

import pytest

import pystore as ps
from pystore import Derivation, Need, RRef, Store, match, match_best, match_latest
from pystore.errors import BadName, BadPlace, FetchError
from pystore.store.remote.place import FolderPlace
from pystore.store.remote.source import Choice, Named, RemoteSource


def stage(rate=1, data=1, matcher=None):
    def prepare(b):
        (b.outpath / "x").write_text(str(data))

    def train(b):
        (b.outpath / "weights").write_bytes(b.seed.to_bytes(4, "big") * 100)
        (b.outpath / "accuracy.txt").write_text(f"{b.seed / 2**32}\n")
        (b.outpath / "report.md").write_text(f"{b.seed}\n" + "x" * 100)

    prepared = Derivation({"name": "prepare", "data": data}, match_latest(), prepare)
    return Derivation(
        {"name": "train", "rate": rate, "data": prepared}, matcher or match_latest(), train
    )


BEST = match_best("accuracy.txt")


@pytest.fixture
def theirs(tmp_path):
    """The store of who trains."""
    return Store(tmp_path / "theirs", durable=False)


@pytest.fixture
def lab(tmp_path):
    """The folder of the remote."""
    return tmp_path / "lab"


@pytest.fixture
def trained(theirs, lab):
    """Trains once more, and pushes what the stage has."""

    def more(one=None, **fields) -> RRef:
        one = one or stage(**fields)
        rref = ps.realize(one, store=theirs, force_rebuild=True)
        ps.push(one.dref, lab, store=theirs)
        assert isinstance(rref, RRef)
        return rref

    return more


@pytest.fixture
def source(store, lab):
    return RemoteSource(lab, store=store)


@pytest.fixture
def read(monkeypatch):
    """The kinds of objects that were read, and how often each."""
    asked: Counter[str] = Counter()
    real = FolderPlace.read

    def note(self, name, most):
        asked[name.partition("/")[0]] += 1
        return real(self, name, most)

    monkeypatch.setattr(FolderPlace, "read", note)
    return asked


def here(store, one: Derivation | RRef) -> list[RRef]:
    """The realizations whose bytes are here, of a derivation or of that of a realization."""
    return sorted(c.rref for c in store.all_candidates(one.dref) if not c.gone)


def best(store, *stages) -> RRef:
    tried = [a for one in stages for a in store.attempts(one.dref)]
    return max(tried, key=lambda a: a.metrics["accuracy.txt"]).rref


def wanted(*stages, matcher=BEST) -> Choice:
    return Choice(tuple(one.dref for one in stages), matcher)


# --- a matcher -------------------------------------------------------------------------


def test_SO1_only_what_is_chosen_comes_with_inputs_and_all_attempts(
    store, theirs, trained, source, read
):
    for rate in (1, 1, 1, 2, 2):
        trained(rate=rate)
    both = stage(1), stage(2)
    source.refresh(wanted(*both))
    assert source.reason == ""
    chosen = best(theirs, *both)
    assert [r for one in both for r in here(store, one)] == [chosen]
    assert len(store.attempts(chosen.dref)) == len(theirs.attempts(chosen.dref))
    assert read["parts"] == 2  # its own, and that of its input
    assert ps.verify(store).sound


def test_a_better_one_that_comes_later_is_fetched(store, theirs, trained, source):
    for _ in range(8):
        trained()
        source.refresh(wanted(stage()))
        assert store.path(best(theirs, stage())).is_dir()
    assert len(store.attempts(stage().dref)) == 8
    assert len(here(store, stage())) < 8


def test_what_is_better_here_stays_the_choice(store, theirs, trained, source, read):
    ps.realize(stage(), attempts=6)
    trained()  # it has the seed of the first one here
    source.refresh(wanted(stage()))
    assert (source.reason, read["parts"]) == ("", 0)


def test_a_matcher_that_reads_files_gets_them_once(store, theirs, trained, source, read):
    def shortest(candidates):
        return [min(candidates, key=lambda c: c.metric("report.md"))] if candidates else Need(1)

    for _ in range(3):
        trained()
    choice = wanted(stage(), matcher=match(shortest, reads=["report.md"]))
    source.refresh(choice)
    seeds = {a.rref: a.seed for a in theirs.attempts(stage().dref)}
    (rref,) = here(store, stage())
    assert seeds[rref] == min(seeds.values())
    read.clear()
    source.refresh(choice)
    assert [*read] == []


def test_SO3_nothing_new_reads_nothing(store, trained, source, read):
    trained()
    source.refresh(wanted(stage()))
    read.clear()
    source.refresh(wanted(stage()))
    assert [*read] == []
    trained()
    source.refresh(wanted(stage()))
    assert read["drv"] > 0


def test_what_the_store_lost_comes_again(store, trained, source):
    rref = trained()
    source.refresh(wanted(stage()))
    ps.rmref(rref)
    source.refresh(wanted(stage()))
    assert store.path(rref).is_dir()


def test_what_was_rejected_here_is_not_chosen(store, theirs, trained, source):
    for _ in range(3):
        trained()
    source.refresh(wanted(stage()))
    first = best(theirs, stage())
    ps.reject(first, "label leak")
    source.refresh(wanted(stage()))
    assert first not in here(store, stage())
    assert len(here(store, stage())) == 1


def test_of_several_inputs_those_that_were_used_last_count(store, theirs, trained, source):
    one, other = stage(data=1), stage(data=2)
    best_of_old = trained(one)
    trained(one)
    newest = trained(other)
    source.refresh(wanted(one, other))
    assert here(store, other) == [newest]
    assert here(store, one) == []
    assert best_of_old.dref == one.dref


def test_while_a_matcher_asks_for_more_the_best_so_far_comes(store, trained, source):
    source.refresh(wanted(stage()))
    assert source.reason == "no remote is here"
    rref = trained()
    source.refresh(wanted(stage(), matcher=match_best("accuracy.txt", of=5)))
    assert (source.reason, here(store, stage())) == ("", [rref])


def test_a_rule_of_the_users_that_asks_for_more_is_told(store, trained, source):
    def never(candidates):
        return Need(4, of="attempts")

    trained()
    source.refresh(wanted(stage(), matcher=match(never)))
    assert source.reason.endswith("asks for 4 attempts more")
    assert here(store, stage()) == []


def test_a_follower_of_the_store_sees_what_came(store, theirs, trained, source):
    with ps.follow(stage(), BEST) as follower:
        for _ in range(4):
            trained()
            source.refresh(wanted(stage()))
            assert follower.look() == best(theirs, stage())


def test_a_mistake_in_a_rule_is_no_fault_of_the_remote(trained, source):
    def wrong(candidates):
        raise ZeroDivisionError

    trained()
    with pytest.raises(ZeroDivisionError):
        source.refresh(wanted(stage(), matcher=match(wrong)))


# --- a pin -----------------------------------------------------------------------------


def test_a_pin_is_followed_to_where_it_goes(store, theirs, trained, source, lab, read):
    made = [trained() for _ in range(3)]
    for rref in (*made, made[0]):
        ps.pin(rref, "serving", store=theirs)
        ps.push(lab, pins="serving", store=theirs)
        source.refresh("serving")
        assert (source.reason, ps.pins()) == ("", {"serving": rref})
        read.clear()
        source.refresh("serving")
        assert [*read] == []
    ps.unpin("serving")
    source.refresh("serving")
    assert ps.pins() == {"serving": made[0]}


def test_a_pin_that_is_not_there_is_told(store, trained, source):
    trained()
    source.refresh("serving")
    assert source.reason == "the remote has no such pin"
    with pytest.raises(BadName):
        source.refresh("../serving")


# --- dead, slow and lying remotes ------------------------------------------------------


def test_SO2_a_remote_that_dies_and_lives_again(store, theirs, trained, source, lab, tmp_path):
    first = trained()
    ps.pin(first, "serving", store=theirs)
    ps.push(lab, pins="serving", store=theirs)
    source.refresh("serving")
    lab.rename(tmp_path / "away")
    for target in ("serving", wanted(stage())):
        source.refresh(target)
        assert source.reason == "no remote is here"
        assert ps.pins() == {"serving": first}
    (tmp_path / "away").rename(lab)
    second = trained()
    ps.pin(second, "serving", store=theirs)
    ps.push(lab, pins="serving", store=theirs)
    source.refresh("serving")
    assert (source.reason, ps.pins()) == ("", {"serving": second})


@pytest.mark.parametrize("target", ["serving", wanted(stage())], ids=["pin", "matcher"])
def test_SO2_whatever_fails_nothing_is_raised_and_a_later_refresh_succeeds(
    store, theirs, trained, lab, tmp_path, monkeypatch, target
):
    rref = trained()
    ps.pin(rref, "serving", store=theirs)
    ps.push(lab, pins="serving", store=theirs)
    left = [0]

    def failing(real):
        def call(self, *given):
            left[0] -= 1
            if left[0] == 0:
                raise FetchError("the line was cut", url=self.url, because="of a test")
            return real(self, *given)

        return call

    for name in ("read", "names"):
        monkeypatch.setattr(FolderPlace, name, failing(getattr(FolderPlace, name)))
    number = 0
    while left[0] <= 0:
        number += 1
        fresh = Store(tmp_path / str(number), durable=False)
        source = RemoteSource(lab, store=fresh)
        left[0] = number
        source.refresh(target)
        if left[0] <= 0:
            assert source.reason == "the line was cut: of a test"
            assert not ps.pins(store=fresh)
            source.refresh(target)
        assert source.reason == ""
        assert fresh.path(rref).is_dir()
    assert number > 8


def test_SO2_a_lying_remote_brings_nothing(store, trained, source, lab):
    rref = trained()
    for part in (p for p in (lab / "parts").rglob("*") if p.is_file()):
        part.unlink()
        part.write_bytes(b"?")
    source.refresh(wanted(stage()))
    assert "not what its name says" in source.reason
    assert here(store, rref) == []


def test_SO2_an_older_history_moves_no_pin(store, theirs, trained, source, lab, tmp_path):
    first, second = trained(), trained()
    ps.pin(first, "serving", store=theirs)
    ps.push(lab, pins="serving", store=theirs)
    shutil.copytree(lab, tmp_path / "backup")
    ps.pin(second, "serving", store=theirs)
    ps.push(lab, pins="serving", store=theirs)
    source.refresh("serving")
    shutil.rmtree(lab)
    (tmp_path / "backup").rename(lab)
    source.refresh("serving")
    assert source.reason.startswith("the remote shows an older history of a pin than before")
    assert ps.pins() == {"serving": second}


def test_only_what_a_trusted_key_has_signed_is_chosen(store, theirs, trained, lab, tmp_path):
    public = ps.make_key(tmp_path / "lab.key")
    signed = trained()
    ps.push(signed, lab, key=tmp_path / "lab.key", store=theirs)
    while best(theirs, stage()) == signed:
        trained()
    source = RemoteSource(lab, public, store=store)
    source.refresh(wanted(stage()))
    assert here(store, stage()) == [signed]
    ps.push(stage().dref, lab, key=tmp_path / "lab.key", store=theirs)
    source.refresh(wanted(stage()))
    assert store.path(best(theirs, stage())).is_dir()


def test_mistakes_are_told_when_it_is_made(store):
    with pytest.raises(BadPlace):
        RemoteSource("", store=store)
    with pytest.raises(BadPlace, match="not a public key"):
        RemoteSource("lab", "no key", store=store)


def of_data(data) -> Named:
    prepared = str(stage(data=data).config.value["data"])
    return Named("train", lambda config: config.value["data"] == prepared, BEST)


def at_theirs(theirs, rref) -> str:
    return (theirs.path(rref) / "accuracy.txt").read_text()


def test_SO4_a_store_that_knows_nothing_finds_the_wanted_derivations(
    source, store, theirs, trained
):
    made = [trained(rate=rate) for rate in (1, 2, 3)]
    trained(rate=4, data=2)
    assert store.drefs() == []
    source.refresh(of_data(1))
    assert source.reason == ""
    best = max(made, key=lambda rref: float(at_theirs(theirs, rref)))
    assert (store.path(best) / "accuracy.txt").read_text() == at_theirs(theirs, best)
    assert [dref for dref in store.drefs() if dref.name == "train"] == [best.dref]


def test_SO4_nothing_wanted_is_a_reason_and_fetches_nothing(source, store, trained):
    trained()
    source.refresh(of_data(2))
    assert "nothing is there of train" in source.reason
    assert store.drefs() == []


def test_SO3_a_second_look_by_name_reads_no_object(source, trained, read):
    trained()
    source.refresh(of_data(1))
    assert source.reason == ""
    read.clear()
    source.refresh(of_data(1))
    assert (source.reason, read) == ("", {})
    trained(rate=2)
    source.refresh(of_data(1))
    assert read["drv"] > 0


def test_SO2_a_remote_that_went_away_is_a_reason_by_name_too(source, trained, lab):
    trained()
    shutil.rmtree(lab)
    source.refresh(of_data(1))
    assert "no remote is here" in source.reason


# --- SO5: what was rejected --------------------------------------------------------------


def test_SO5_what_is_rejected_there_is_given_up_here(store, theirs, lab, trained, source):
    rrefs = [trained() for _ in range(3)]
    choice = Choice((rrefs[0].dref,), BEST)
    source.refresh(choice)
    (best,) = here(store, rrefs[0])
    ps.reject(best, "it is wrong", store=theirs)
    ps.push(best.dref, lab, store=theirs)
    source.refresh(choice)
    (second,) = here(store, rrefs[0])
    assert source.reason == ""
    assert second == ps.realize(stage(matcher=BEST), store=theirs) != best
    assert ps.realize(stage(matcher=BEST), build=False) == second


def test_SO5_where_all_are_rejected_none_is_left(store, theirs, lab, trained, source):
    rref = trained()
    choice = Choice((rref.dref,), BEST)
    source.refresh(choice)
    ps.reject(rref, "it is wrong", store=theirs)
    ps.push(rref.dref, lab, store=theirs)
    source.refresh(choice)
    assert source.reason
    assert here(store, rref) == []


def test_SO5_it_is_not_fetched_in_the_first_place(store, theirs, lab, trained, source):
    rref = trained()
    ps.reject(rref, "it is wrong", store=theirs)
    ps.push(rref.dref, lab, store=theirs)
    source.refresh(Choice((rref.dref,), BEST))
    assert source.reason
    assert rref.dref not in store.drefs()


def test_SO3_notes_are_read_once(theirs, lab, trained, source, read):
    rref = trained()
    ps.tag(rref, "good", store=theirs)
    ps.push(rref.dref, lab, store=theirs)
    choice = Choice((rref.dref,), BEST)
    source.refresh(choice)
    source.refresh(choice)
    read.clear()
    source.refresh(choice)
    assert not read
