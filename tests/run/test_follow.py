"""The follower: which realization to use now, whatever is done to the store meanwhile."""

import gc
import os
import shutil
import subprocess
import sys
import threading
import time
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import importing

import pystore as ps
from pystore import (
    Derivation,
    DRef,
    Need,
    RRef,
    Store,
    follow,
    match,
    match_best,
    match_latest,
    match_only,
)
from pystore.errors import BadMatcher, BadName, BadStage
from pystore.run.follow import Follower

pytestmark = pytest.mark.timeout(300)
BEST = match_best("score.txt")


def model(number: int = 0, score: float | str = 0.0, **config) -> Derivation:
    """A derivation whose attempts write this score, which is no part of its config."""

    def build(b):
        (b.outpath / "score.txt").write_text(f"{score}\n")

    return Derivation({"name": "train", "number": number, **config}, match_latest(), build)


def trained(number: int, score: float | str, **config) -> RRef:
    """The realization of one more attempt."""
    return ps.realize(model(number, score, **config), force_rebuild=True)


@pytest.fixture
def three(store) -> list[RRef]:
    return [trained(number, score) for number, score in enumerate((0.5, 0.9, 0.7))]


MODELS = [model(number) for number in range(3)]


# --- whom it follows -------------------------------------------------------------------


def test_FO1_it_is_the_best_among_all_derivations(store, three):
    follower = follow(MODELS, BEST)
    assert follower.look() == three[1]
    assert follower.why_not == ""
    better = trained(2, 0.95)
    assert follower.look() == better
    trained(0, 0.1)
    assert follower.look() == better


def test_one_derivation_or_its_reference_brings_its_matcher_or_is_given_one(store, three):
    assert follow(model(0)).look() == three[0]
    assert follow(three[0].dref, match_latest()).look() == three[0]
    assert follow({"a": model(0), "b": [model(2)]}, BEST).look() == three[2]
    assert follow(ps.instantiate(model(1))).look() == three[1]


def test_a_stage_is_followed_with_derivations_that_come_later(store):
    @ps.stage
    def fit(width: int = 1, score=ps.output("score.txt")):
        score.write_text(f"{width}\n")

    follower = follow(fit, BEST)
    assert follower.look() is None
    for width, widest in ((1, 1), (3, 3), (2, 3)):
        ps.realize(fit(width))
        assert ps.view(follower.look()).width == widest


def test_FO1_results_of_other_code_of_a_stage_are_not_chosen(store):
    def stage(code):
        @ps.stage(name="fit", code=code)
        def fit(width: int = 1, score=ps.output("score.txt")):
            score.write_text(f"{width}\n")

        return fit

    old, new = stage("leak"), stage("mended")
    leaked, right = ps.realize(old(99)), ps.realize(new(2))
    assert follow(new, BEST).look() == right
    assert follow(old, BEST).look() == leaked


class Target:
    """What knows itself which derivations are comparable."""

    matcher = BEST

    def __init__(self) -> None:
        self.drefs: list[DRef] | None = None
        self.asked = 0

    def comparable(self) -> list[DRef]:
        self.asked += 1
        if self.drefs is None:
            raise BadStage("nothing is trained yet", remedy="train")
        return self.drefs


def test_a_target_may_say_itself_what_is_comparable(store):
    target = Target()
    follower = follow(target)
    assert follower.look() is None
    assert follower.why_not == "nothing is trained yet; try: train"
    first = trained(0, 0.5)
    target.drefs = [first.dref]
    assert follower.look() == first
    second = trained(1, 0.9)
    target.drefs = [first.dref, second.dref]
    assert follower.look() == second


def test_it_asks_for_the_derivations_when_some_have_come_and_else_no_more(store):
    target = Target()
    target.drefs = [trained(0, 0.5).dref]
    follower = follow(target)
    wait_until_quiet(follower)
    asked = target.asked
    trained(0, 0.6)
    assert follower.look() is not None
    assert target.asked == asked
    trained(1, 0.6)
    follower.look()
    assert target.asked > asked


@pytest.mark.parametrize(
    "call",
    [
        lambda: follow(),
        lambda: follow(model(), BEST, pin="serving"),
        lambda: follow(model(), pin="serving"),
        lambda: follow(None, BEST, pin="serving"),
        lambda: follow(model(), "score.txt"),  # type: ignore[arg-type]  # the mistake
        lambda: follow(model().dref),
        lambda: follow([]),
        lambda: follow([model(), model(1).replace(matcher=BEST)]),
        lambda: follow(3, BEST),
        lambda: follow(model()).changes(every=0),
    ],
)
def test_whom_nobody_can_follow_is_said_at_once(store, call):
    with pytest.raises(BadStage):
        call()


def test_a_name_that_no_pin_can_have_is_said_at_once(store):
    with pytest.raises(BadName):
        follow(pin="a/b")


def test_it_says_whom_it_follows(store):
    assert str(follow(model(), match_best("test"))) == "match_best('test')"
    assert str(follow(model(), match_best("loss", mode="min"))) == "match_best('loss', mode='min')"
    assert str(follow(model(), match_latest(2))) == "match_latest(n=2)"
    assert str(follow(pin="serving")) == "pin serving"
    assert follow(pin="serving").pin == "serving"
    assert follow(model(), BEST).matcher == BEST
    assert repr(follow(model(), BEST)) == "<Follower match_best('score.txt')>"


# --- inputs ----------------------------------------------------------------------------


class Pipeline:
    """A model on data that may be read again; its score is that of the day."""

    def __init__(self) -> None:
        self.bytes, self.score = "", 0.0

    def data(self) -> Derivation:
        def read(b):
            (b.outpath / "data.txt").write_text(self.bytes)

        return Derivation({"name": "data"}, match_latest(), read)

    def model(self, number: int = 0) -> Derivation:
        def build(b):
            (b.outpath / "score.txt").write_text(f"{self.score}\n")

        config = {"name": "train", "data": self.data(), "number": number}
        return Derivation(config, match_latest(), build)

    def train(self, text: str, score: float, number: int = 0) -> RRef:
        self.bytes, self.score = text, score
        ps.realize(self.data(), force_rebuild=True)
        return ps.realize(self.model(number))


def test_FO1_scores_on_other_data_are_not_compared(store):
    pipeline = Pipeline()
    leaked = pipeline.train("last week, with a leak", 0.99)
    follower = follow([pipeline.model(0), pipeline.model(1)], BEST)
    assert follower.look() == leaked
    first = pipeline.train("today", 0.8)
    assert follower.look() == first
    second = pipeline.train("today", 0.9, number=1)
    assert follower.look() == second
    assert follow([pipeline.model(0), pipeline.model(1)], BEST).look() == second


def test_FO1_data_that_are_again_as_they_were_bring_the_model_of_then(store):
    pipeline = Pipeline()
    old = pipeline.train("a", 0.5)
    follower = follow(pipeline.model(), BEST)
    assert pipeline.train("b", 0.4) == follower.look() != old
    assert pipeline.train("a", 0.0) == old
    assert follower.look() == old


def test_FO2_a_model_on_new_data_that_is_rejected_gives_way_to_the_old_one(store):
    pipeline = Pipeline()
    old, new = pipeline.train("a", 0.5), pipeline.train("b", 0.4)
    follower = follow(pipeline.model(), BEST)
    assert follower.look() == new
    ps.reject(new, "wrong data")
    assert follower.look() == old


# --- what is passed over ---------------------------------------------------------------


def test_FO1_what_is_rejected_or_removed_is_not_chosen(store, three):
    follower = follow(MODELS, BEST)
    ps.reject(three[1], "label leak")
    assert follower.look() == three[2]
    store.remove(three[2])
    assert follower.look() == three[0]


def test_FO1_what_is_refused_is_not_chosen_and_is_not_held(store, three):
    follower = follow(MODELS, BEST)
    assert follower.look() == three[1]
    follower.refuse(three[1], "it predicts otherwise")
    assert follower.refused == {three[1]: "it predicts otherwise"}
    assert follower.look() == three[2]
    for rref in three:
        follower.refuse(rref, "no")
    assert follower.look() is None
    assert follower.why_not == "there is no realization"
    assert follow(MODELS, BEST).look() == three[1]


def test_what_was_refused_is_chosen_again_when_it_was_made_again(store, three):
    follower = follow(MODELS, BEST)
    follower.refuse(three[1], "half of it is missing")
    store.remove(three[1])
    assert follower.look() == three[2]
    assert follower.refused
    assert ps.realize(model(1, 0.9)) == three[1]
    assert follower.look() == three[1]
    assert follower.refused == {}


def test_FO2_where_a_matcher_cannot_choose_the_last_choice_stays(store):
    first = trained(0, 0.5)
    follower = follow(model(0), match_only())
    assert follower.look() == first
    trained(0, 0.6)
    assert follower.look() == first
    assert follower.why_not == "match_only wants one realization, and there are 2"
    assert follow(model(0), match_only()).look() is None
    ps.reject(first, "it is too old")
    assert follower.look() != first


def test_FO2_a_rule_that_asks_for_more_keeps_the_last_choice(store):
    def two_good(candidates):
        good = [c for c in candidates if not c.gone and c.metric("score.txt") > 0.5]
        return good[-1] if len(good) > 1 else Need(2 - len(good))

    rule = match(two_good, reads=["score.txt"])
    trained(0, 0.6)
    follower = follow(model(0), rule)
    assert follower.look() is None
    assert "asks for 1 realization more" in follower.why_not
    trained(0, 0.7)
    chosen, other = follower.look(), {*store.realizations(model(0).dref)}
    assert chosen in other
    ps.reject((other - {chosen}).pop(), "no")
    assert follower.look() == chosen
    assert "asks for 1 realization more" in follower.why_not


def test_a_matcher_that_asks_for_more_has_the_best_so_far(store, three):
    assert follow(MODELS, match_best("score.txt", of=9)).look() == three[1]


def test_a_mistake_in_a_rule_is_raised_each_time(store, three):
    def raises(candidates):
        return 1 / 0

    def chooses_a_stranger(candidates):
        return RRef.of("0" * 32, candidates[0].rref.dref)

    for rule, error in ((chooses_a_stranger, BadMatcher), (raises, ZeroDivisionError)):
        follower = follow(MODELS, match(rule))
        for _ in range(2):
            with pytest.raises(error):
                follower.look()


# --- pins ------------------------------------------------------------------------------


def test_a_pin_is_followed_where_it_moves(store, three):
    follower = follow(pin="serving")
    assert follower.look() is None
    assert follower.why_not == "there is no pin serving"
    for rref in three:
        ps.pin(rref, "serving")
        assert follower.look() == rref
        assert follower.why_not == ""


def test_FO2_without_the_pin_or_what_it_names_the_last_choice_stays(store, three):
    follower = follow(pin="serving")
    ps.pin(three[0], "serving")
    assert follower.look() == three[0]
    ps.unpin("serving")
    assert follower.look() == three[0]
    ps.pin(three[1], "serving")
    ps.reject(three[1], "label leak")
    assert follower.look() == three[0]
    assert follower.why_not == "the pin serving names a realization that is gone or rejected"
    follower.refuse(three[2], "it hangs")
    ps.pin(three[2], "serving")
    assert follower.look() == three[0]
    assert follower.why_not == "the pin serving names a realization that is refused here"
    store.remove(three[0])
    assert follower.look() is None
    ps.pin(trained(0, 0.5), "serving")
    assert follower.look() == three[0]


def follow_two(three):
    """A follower of a pin that has named the first, and names the second."""
    follower = follow(pin="serving")
    for rref in three[:2]:
        ps.pin(rref, "serving")
        assert follower.look() == rref
    return follower


def test_FO2_where_the_pin_names_what_is_refused_the_one_before_stays(store, three):
    follower = follow_two(three)
    follower.refuse(three[1], "it hangs")
    assert follower.look() == three[0]
    assert follower.why_not == "the pin serving names a realization that is refused here"
    assert three[0] in store.held
    ps.reject(three[0], "label leak")
    assert follower.look() is None


def test_FO2_what_was_released_does_not_come_back(store, three):
    follower = follow_two(three)
    follower.release(three[0])
    follower.refuse(three[1], "it hangs")
    assert follower.look() is None


def test_FO2_where_the_choice_is_rejected_the_one_before_does_not_come_back(store, three):
    follower = follow_two(three)
    ps.reject(three[1], "label leak")
    assert follower.look() is None


# --- what it holds ---------------------------------------------------------------------


def collect_elsewhere(store: Store) -> None:
    """Another process collects all that nothing holds."""
    program = "import sys, pystore; pystore.gc((), dry_run=False, store=pystore.Store(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, store.root], check=True, env=importing())


def only_held_by(store: Store, follower: Follower) -> None:
    """Lets go of what the calls of a test have held."""
    store.release(store.held)
    assert store.held == frozenset(follower._held)


def test_FO3_gc_leaves_the_choice_alone_and_former_ones_until_they_are_released(store, three):
    follower = follow(MODELS, BEST)
    old = follower.look()
    new = trained(0, 0.95)
    assert follower.look() == new
    only_held_by(store, follower)
    assert store.held == {old, new}
    collect_elsewhere(store)
    here = [rref for one in MODELS for rref in store.realizations(one.dref)]
    assert sorted(here) == sorted([old, new])
    follower.release(new)
    follower.release(old)
    assert store.held == {new}
    collect_elsewhere(store)
    assert store.realizations(old.dref) == []
    assert follower.look() == new
    follower.close()
    assert store.held == frozenset()
    assert follower.look() is None
    assert follower.why_not == "this follower is closed"


def test_FO3_two_followers_hold_each_for_itself(store, three):
    with follow(MODELS, BEST) as one, follow(MODELS, BEST) as two:
        assert one.look() == two.look() == three[1]
        only_held_by(store, two)
        one.close()
        assert store.held == {three[1]}
    assert store.held == frozenset()


def test_FO3_a_choice_that_another_thread_releases_all_the_time_is_held(store, three):
    follower, stop = follow(pin="serving"), threading.Event()

    def release():
        while not stop.is_set():
            for rref in three:
                follower.release(rref)

    thread = threading.Thread(target=release)
    only_held_by(store, follower)
    thread.start()
    try:
        for rref in 60 * three:
            ps.pin(rref, "serving")
            assert follower.look() == rref
            assert rref in store.held
    finally:
        stop.set()
        thread.join()


def test_FO2_where_nothing_can_be_held_the_last_choice_stays(store, three, monkeypatch):
    follower = follow(MODELS, BEST)
    assert follower.look() == three[1]
    better = trained(0, 0.95)
    with monkeypatch.context() as patched:
        patched.setattr(store, "hold", full_disk)
        assert follower.look() == three[1]
        assert "No space left" in follower.why_not
        assert follower.look() == three[1]
    assert follower.look() == better
    assert follower.why_not == ""


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_FO3_what_is_removed_before_it_is_held_gives_way_to_the_next(store, three, monkeypatch):
    hold = store.hold

    def removed_just_now(rrefs, user):
        if three[1] in rrefs:
            store.remove(three[1])
        return hold(rrefs, user)

    monkeypatch.setattr(store, "hold", removed_just_now)
    follower = follow(MODELS, BEST)
    assert follower.look() == three[2]
    only_held_by(store, follower)
    assert store.held == {three[2]}


# --- changes ---------------------------------------------------------------------------


def test_changes_tells_each_choice_once_and_ends_when_it_is_asked_to(store, three):
    stop, told = threading.Event(), []
    for rref in follow(MODELS, BEST).changes(every=0.001, stop=stop):
        told.append(rref)
        if len(told) == 3:
            stop.set()
        elif rref == three[1]:
            ps.reject(rref, "label leak")
        else:
            ps.reject(rref, "label leak")
            trained(1, 0.91)
    assert [told[0], told[1]] == [three[1], three[2]]
    assert len(set(told)) == 3


def test_changes_ends_when_the_follower_is_closed(store, three):
    follower = follow(MODELS, BEST)
    told = []
    for rref in follower.changes(every=0.001):
        told.append(rref)
        follower.close()
    assert told == [three[1]]


# --- the store under it ----------------------------------------------------------------


def test_FO4_a_store_that_is_deleted_and_made_anew_is_followed_on(store, three):
    by_matcher, by_pin = follow(MODELS, BEST), follow(pin="serving")
    by_stage = follow([*MODELS, Everything(store)], BEST)
    ps.pin(three[0], "serving")
    followers = [by_matcher, by_pin, by_stage]
    assert [one.look() for one in followers] == [three[1], three[0], three[1]]
    for destroy in (store.destroy, lambda: shutil.rmtree(store.root, onerror=unsealed)):
        destroy()
        assert [one.look() for one in followers] == [None, None, None]
        assert all(one.why_not for one in followers)
        for one in followers:
            one.release(three[1])
        anew = Store(store.root, durable=False)
        with anew.use():
            again = trained(1, 0.9)
            ps.pin(again, "serving")
        assert [one.look() for one in followers] == [again] * 3
    for one in followers:
        one.close()


def unsealed(function, path, _):
    os.chmod(os.path.dirname(path), 0o700)
    os.chmod(path, 0o700)
    function(path)


class Everything:
    """All derivations of a store."""

    matcher = BEST

    def __init__(self, store: Store) -> None:
        self.store = store

    def comparable(self) -> list[DRef]:
        return self.store.drefs()


STEPS = st.tuples(
    st.sampled_from(["train", "reject", "accept", "pin", "unpin", "gc", "remove", "forget",
                     "refuse", "release", "look", "damage"]),
    st.integers(0, 2),
)  # fmt: skip


@given(st.lists(STEPS, max_size=25))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_FO1_FO2_FO4_whatever_is_done_a_choice_can_be_used(tmp_path_factory, steps):
    store = Store(tmp_path_factory.mktemp("any") / "store", durable=False)
    with store.use(), follow(MODELS, BEST) as best, follow(pin="serving") as pinned:
        for number, (what, which) in enumerate(steps):
            do(store, (best, pinned), what, which, number)
            for follower in (best, pinned):
                rref = follower.look()
                if rref is not None:
                    assert store.states(rref.dref)[rref] == "here"
                    assert rref in store.held
                    assert rref not in follower.refused
                    assert (store.path(rref) / "score.txt").exists()
            assert best.look() == expected(store, best)
    store.destroy()


def expected(store: Store, follower: Follower) -> RRef | None:
    offered = [
        c
        for one in MODELS
        for c in store.all_candidates(one.dref, BEST.reads)
        if not c.gone and c.rref not in follower.refused
    ]
    chosen = BEST.select(offered)
    return None if isinstance(chosen, Need) else chosen[0]


def do(store: Store, followers: tuple[Follower, ...], what: str, which: int, number: int) -> None:
    one = MODELS[which]
    damaged = store.holdings([one.dref])[one.dref].damaged
    known = store.realizations(one.dref) if one.dref in store.drefs() else []
    here = [rref for rref in known if rref.digest not in damaged]
    if what == "train":
        trained(which, number * 7 % 10 / 10)
    elif what == "gc":
        ps.gc((), dry_run=False)  # of this process, which spares nothing that it holds
    elif what == "unpin" and "serving" in ps.pins():
        ps.unpin("serving")
    elif what == "forget" and one.dref in store.drefs():
        for name in ps.pins():
            ps.unpin(name)
        store.remove_derivation(one.dref)
    elif here and what == "reject":
        ps.reject(here[0], "no")
    elif here and what == "pin":
        ps.pin(here[0], "serving")
    elif here and what == "remove":
        store.remove(here[0])
    elif here and what == "refuse":
        followers[number % 2].refuse(here[0], "no")
    elif here and what == "release":
        followers[number % 2].release(here[0])
    elif here and what == "damage":
        path = store.path(here[0]) / "score.txt"
        os.chmod(path.parent, 0o700)
        path.unlink()
        ps.verify(quarantine=False)


# --- what it costs ---------------------------------------------------------------------

_OPENED: list[object] | None = None
_STRANGERS: set[int] = set()  # threads of other tests, which open files of their own


def _hook(event: str, args: tuple[object, ...]) -> None:
    if _OPENED is None or event not in ("open", "os.listdir", "os.scandir"):
        return
    if threading.get_ident() not in _STRANGERS:
        _OPENED.append((event, *args))


@pytest.fixture(scope="module")
def audited() -> None:
    sys.addaudithook(_hook)


def opened_in(follower: Follower) -> list[object]:
    global _OPENED, _STRANGERS
    _STRANGERS = {*sys._current_frames()} - {threading.get_ident()}
    _OPENED = []
    gc.disable()  # a finalizer of something else may open files
    try:
        follower.look()
        return _OPENED
    finally:
        gc.enable()
        _OPENED = None


def wait_until_quiet(follower: Follower) -> None:
    """Until the tick of the last change is over."""
    end = time.monotonic() + 60
    follower.look()
    while follower._offers._feed.drefs or follower._offers._feed.anew:
        assert time.monotonic() < end
        time.sleep(0.05)
        follower.look()


def test_OF1_a_look_where_nothing_has_changed_opens_no_file(store, three, audited):
    ps.pin(three[1], "serving")
    pipeline = Pipeline()
    pipeline.train("a", 0.5)
    for follower in (
        follow(MODELS, BEST),
        follow(pin="serving"),
        follow(pipeline.model(), BEST),
        follow([*MODELS, Everything(store)], BEST),
    ):
        assert opened_in(follower)
        wait_until_quiet(follower)
        for _ in range(3):
            assert opened_in(follower) == []
        assert follower.look() is not None


def test_OF2_of_two_commits_within_one_tick_none_is_missed(store, monkeypatch):
    """A look comes between the two, and has seen the stamp that both leave behind."""
    tick = 200_000_000  # [ns], less than the longest tick that is expected of a disk

    def coarse(status: os.stat_result) -> tuple[int, int]:
        return status.st_ctime_ns // tick * tick + 1, status.st_ino

    def committed(number: float) -> RRef:
        staged = store.begin(model(0).config, ps.Context())
        (staged.out / "score.txt").write_text(f"{number}\n")
        return store.commit(staged).rref

    monkeypatch.setattr("pystore.store.changes._parts_of", coarse)
    store.record([model(0).config])
    follower, shared = follow(model(0), match_latest()), 0
    for number in count():
        stamps = []
        for half in (0.0, 0.5):
            last = committed(number + half)
            assert follower.look() == last
            stamps.append(coarse(os.stat(store.home(model(0).dref))))
        shared += stamps[0] == stamps[1]
        if number >= 100 and shared > 10:  # on a busy machine, few are within one tick
            break


def test_a_store_below_is_followed_as_well(store, three, tmp_path):
    upper = Store(tmp_path / "upper", below=store.root, durable=False)
    follower = follow(MODELS, BEST, store=upper)
    assert follower.look() == three[1]
    better = ps.realize(model(0, 0.95), store=upper, force_rebuild=True)
    assert follower.look() == better
    best = trained(2, 0.99)
    assert follower.look() == best
    upper.destroy()
    assert follower.look() in (None, best)
