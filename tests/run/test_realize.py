"""Realizing: what is built when, and what each mistake says."""

import os
import subprocess
import sys
import textwrap
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from own_warnings import ours

import pystore as ps
from pystore import events, match, match_all, match_best, match_latest, match_some, selfref, two_way
from pystore.core.context import Context
from pystore.errors import (
    BadConfig,
    BadRef,
    BadStage,
    BuildError,
    MatcherUnsatisfied,
    MissingOutput,
    NotInStore,
    PystoreWarning,
    StoreBusy,
)
from pystore.store import tree


class Work:
    """Realizers that count their runs, and write what the test says."""

    def __init__(self):
        self.runs: list[str] = []
        self.text = None

    def __call__(self, b):
        self.runs.append(b.config.name)
        text = str(b.seed) if self.text is None else self.text
        (b.outpath / "out.txt").write_text(text)


@pytest.fixture
def work():
    return Work()


def chain(work, matcher=None):
    """Three stages in a row: a, b, c."""
    a = ps.Derivation({"name": "a"}, match_latest(), work)
    b = ps.Derivation({"name": "b", "a": a}, match_latest(), work)
    return a, b, ps.Derivation({"name": "c", "b": [b, "out.txt"]}, matcher or match_latest(), work)


def heard(target, **options):
    """The events of a call, and its result."""
    seen = []
    return seen, ps.realize(target, listener=seen.append, **options)


def test_LO1_only_what_is_needed_is_built_inputs_first(store, work):
    _a, b, c = chain(work)
    ps.realize(b)
    assert work.runs == ["a", "b"]
    rref = ps.realize(c)
    assert work.runs == ["a", "b", "c"]
    assert ps.realize(c) == rref
    assert work.runs == ["a", "b", "c"]
    assert ps.deps_of(rref) == [ps.realize(b)]
    assert ps.deps_of(c.dref) == [b.dref]
    assert dict(ps.context_of(rref)) == {b.dref: (ps.realize(b),)}


def test_JU4_what_was_removed_is_built_again_with_its_seed_and_reconnects(store, work):
    _, b, c = chain(work)
    rref = ps.realize(c)
    ps.rmref(ps.realize(b), force=True)
    assert ps.realize(c) == rref
    assert work.runs == ["a", "b", "c", "b"]
    assert len({attempt.seed for attempt in ps.attempts(b.dref)}) == 1
    ps.realize(b, force_rebuild=True)
    assert len({attempt.seed for attempt in ps.attempts(b.dref)}) == 2


def test_a_forced_input_rebuilds_its_dependents_only_when_its_bytes_change(store, work):
    a, _b, c = chain(work)
    work.text = "same"
    rref = ps.realize(c)
    assert ps.realize(c, force_rebuild=[a]) == rref
    assert work.runs == ["a", "b", "c", "a"]
    work.text = "other"
    assert ps.realize(c, force_rebuild=[a.dref]) != rref
    assert work.runs[4:] == ["a", "b", "c"]


def test_rebuilding_to_identical_bytes_is_one_more_attempt_of_one_realization(store, work):
    a, _, _ = chain(work)
    work.text = "same"
    assert ps.realize(a) == ps.realize(a, force_rebuild=True)
    assert [t.number for t in ps.attempts(a.dref)] == [0, 1]
    assert len(ps.lsref(a.dref)) == 1


def test_force_true_means_the_targets(store, work):
    _, _, c = chain(work)
    ps.realize(c)
    ps.realize(c, force_rebuild=True)
    assert work.runs == ["a", "b", "c", "c"]


def test_forcing_what_is_not_there_is_an_error(store, work):
    _a, b, c = chain(work)
    with pytest.raises(BadStage, match="not part of this closure"):
        ps.realize(b, force_rebuild=[c.dref])
    with pytest.raises(BadRef):
        ps.realize(b, force_rebuild=["dref:x"])
    assert work.runs == []


def test_an_event_says_when_a_forced_build_is_not_chosen(store, work):
    best = ps.Derivation({"name": "a"}, match_best("out.txt"), work)
    work.text = "0.9"
    first = ps.realize(best)
    work.text = "0.1"
    seen, rref = heard(best, force_rebuild=True)
    assert rref == first
    (said,) = [e for e in seen if isinstance(e, events.NotChosen)]
    assert said.chosen == (first,)
    assert said.rref != first


def test_events_tell_the_story(store, work):
    a, b, _ = chain(work)
    ps.realize(a)
    seen, rref = heard(b)
    assert [type(e).__name__ for e in seen] == ["Reused", "Started", "Succeeded"]
    assert seen[2].rref == rref
    assert seen[1].seed == ps.attempts(b.dref)[0].seed


def test_the_best_is_chosen_without_building(store, work):
    for text in ("0.3", "0.8", "0.5"):
        work.text = text
        ps.realize(ps.Derivation({}, match_latest(), work), force_rebuild=True)
    best = ps.realize(ps.Derivation({}, match_best("out.txt"), work))
    worst = ps.realize(ps.Derivation({}, match_best("out.txt", mode="min"), work))
    assert (ps.catref(best, "out.txt"), ps.catref(worst, ["out.txt"])) == (["0.8"], ["0.3"])
    assert len(work.runs) == 3


def test_several_chosen_realizations_are_an_error_that_points_to_realize_many(store, work):
    some = ps.Derivation({}, match_some(3), work)
    with pytest.raises(BadStage, match="realize_many"):
        ps.realize(some)
    assert len(ps.realize_many(some)) == 3
    assert len(work.runs) == 3


def test_several_realizations_of_an_input_arrive_as_a_list_in_one_run(store, work):
    some = ps.Derivation({"name": "some"}, match_some(3), work)

    def total(b):
        assert ps.build_context(b)[some.dref] == tuple(sorted(ps.lsref(some.dref)))
        texts = [p.read_text() for p in ps.build_paths(b, [some.dref, "out.txt"])]
        with pytest.raises(BadStage, match="build_paths"):
            ps.build_path(b, [some.dref, "out.txt"])
        with pytest.raises(BadStage, match="build_context"):
            ps.build_deref(b, some.dref)
        (ps.build_outpath(b) / "n").write_text(str(len(texts)))

    rref = ps.realize(ps.Derivation({"some": some}, match_latest(), total))
    assert ps.catref(rref, "n") == ["3"]


def test_what_a_build_sees(store, work):
    a, _, _ = chain(work)

    def look(b):
        c = ps.build_cattrs(b)
        assert (c.x, c.name, ps.build_name(b)) == (1, "look", "look")
        assert ps.build_config(b) == ps.Config(
            {"name": "look", "x": 1, "a": a, "p": [selfref, "o"]}
        )
        assert ps.build_path(b, c.p) == ps.build_outpath(b) / "o"
        assert ps.build_path(b, [c.a, "out.txt"]).read_text()
        assert 0 <= ps.build_seed(b) < 2**32
        with pytest.raises(AttributeError, match="it has: a, name, p, x"):
            _ = c.y
        with pytest.raises(BadRef, match="not an input"):
            ps.build_path(b, [ps.Config({"z": 1}).dref, "f"])
        ps.build_note(b, "device", "cpu")
        ps.build_progress(b, 1, 2, "steps")
        ps.build_path(b, c.p).write_text("")

    config = ps.mkconfig({"name": "look", "x": 1, "a": a, "p": [selfref, "o"]})
    seen, rref = heard(ps.Derivation(config, match_latest(), look))
    assert events.Progress(rref.dref, 1, 2, "steps") in seen
    assert ps.attempts(rref)[0].notes == {"device": "cpu"}


# --- shapes and declaring --------------------------------------------------------------


def test_nested_targets_keep_their_shape(store, work):
    a, b, c = chain(work)
    closure = ps.instantiate({"x": [a, {"y": c}], "z": b})
    assert closure.targets == {"x": [a.dref, {"y": c.dref}], "z": b.dref}
    result = ps.realize(closure)
    assert result == {"x": [ps.realize(a), {"y": ps.realize(c)}], "z": ps.realize(b)}
    assert ps.realize_many([a]) == [[ps.realize(a)]]


def test_stages_by_hand_take_arguments(store, work):
    def stage(m, n, *, name="n"):
        return [ps.mkdrv(m, {"name": name, "i": i}, match_latest(), work) for i in range(n)]

    closure = ps.instantiate(stage, 3, name="many")
    assert [d.name for d in closure.targets] == ["many"] * 3
    assert len(ps.realize(closure)) == 3


def test_instantiate_records_and_builds_nothing(store, work):
    _, _, c = chain(work)
    closure = ps.instantiate(c)
    assert work.runs == []
    assert store.drefs() == sorted(d.dref for d in closure.derivations)
    assert ps.config_of(c.dref)["name"] == "c"


def test_a_stage_that_returns_something_else_is_an_error(store):
    for wrong in (lambda m: None, lambda m: 3, lambda m: [b"x"]):
        with pytest.raises(BadStage, match="returns DRefs or Derivations"):
            ps.instantiate(wrong)
    with pytest.raises(BadRef):
        ps.instantiate(lambda m: "mnist")


def test_an_input_of_another_registry_is_an_error(store, work):
    a, _, _ = chain(work)
    with pytest.raises(BadStage, match="not declared here"):
        ps.instantiate(lambda m: ps.mkdrv(m, {"a": a.dref}, match_latest(), work))
    with pytest.raises(BadStage, match="not declared here"):
        ps.realize_inplace(a.dref)


def test_a_dref_declared_in_place_in_another_store_is_an_error(store, work, tmp_path):
    a, _, _ = chain(work)
    dref = ps.instantiate_inplace(a)
    with ps.Store(tmp_path / "other").use(), pytest.raises(BadStage, match="not declared here"):
        ps.realize_inplace(dref)
    assert ps.realize_inplace(dref)


def test_DE3_two_stages_with_one_config_are_refused(store, work):
    def other(b):
        pass

    def both(m):
        return [ps.mkdrv(m, {"x": 1}, match_latest(), r) for r in (work, other)]

    with pytest.raises(BadStage, match="two different stages have one config"):
        ps.instantiate(both)
    with pytest.raises(BadStage, match="two different stages have one config"):
        ps.instantiate(
            [
                ps.Derivation({"x": 1}, match_latest(), work),
                ps.Derivation({"x": 1}, match_all(), work),
            ]
        )


def test_the_same_stage_twice_is_one_derivation(store, work):
    def shared(m):
        return ps.mkdrv(m, {"x": 1}, match_latest(), work)

    closure = ps.instantiate(lambda m: [shared(m), shared(m)])
    assert len(closure.derivations) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ps.mkdrv({}, {}, match_latest(), print),  # type: ignore[arg-type]  # the mistake
        lambda: ps.mkdrv(ps.Registry(), {}, match_latest, print),  # type: ignore[arg-type]  # the mistake
        lambda: ps.mkdrv(ps.Registry(), {}, match_latest(), "train"),  # type: ignore[arg-type]  # the mistake
        lambda: ps.instantiate(ps.Derivation({}, match_latest(), print), 3),
    ],
)
def test_wrong_arguments_are_clear_errors(store, wrong):
    with pytest.raises(BadStage) as caught:
        wrong()
    assert "try:" in str(caught.value)


def test_in_place_a_new_matcher_overwrites_with_a_warning_for_dependents_too(store, work):
    a, b, _ = chain(work)
    work.text = "0.9"
    dref = ps.instantiate_inplace(b)
    ps.realize_inplace(dref)
    work.text = "0.1"
    last = ps.realize_inplace(a.dref, force_rebuild=[a.dref])
    assert ps.deps_of(ps.realize_inplace(dref)) == [last]
    with pytest.warns(PystoreWarning, match=f"Overwriting .* {a.dref}, configured as: "):
        ps.instantiate_inplace(ps.Derivation({"name": "a"}, match_best("out.txt"), work))
    assert ps.deps_of(ps.realize_inplace(dref)) != [last]


def test_in_place_the_same_declaration_again_is_silent(store, work):
    for _ in range(2):
        ps.instantiate_inplace(chain(work)[2])


# --- nesting ---------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["instantiate", "realize", "realize_many", "instantiate_inplace"])
def test_a_build_inside_a_build_is_an_error(store, work, verb):
    a, _, _ = chain(work)
    inner = ps.Derivation({"name": "inner"}, match_latest(), lambda b: getattr(ps, verb)(a))
    with pytest.raises(BadStage, match=f"{verb} was called inside the realizer"):
        ps.realize(inner)
    with pytest.raises(BadStage, match=f"{verb} was called inside the stage function"):
        ps.instantiate(lambda m: getattr(ps, verb)(a))
    with ThreadPoolExecutor(1) as pool, pytest.raises(BadStage, match="inside the realizer"):
        ps.realize(inner, executor=pool)


# --- needs -----------------------------------------------------------------------------


def test_a_deterministic_stage_cannot_give_two_realizations(store, work):
    work.text = "same"
    two = ps.Derivation({}, match_latest(2), work)
    with pytest.raises(MatcherUnsatisfied, match="nothing new"):
        ps.realize_many(two)
    assert len(work.runs) == 3
    with pytest.raises(MatcherUnsatisfied):
        ps.realize_many(two)
    assert len(work.runs) == 3


def test_a_matcher_that_always_wants_more_is_stopped(store, work):
    greedy = ps.Derivation({}, match(lambda c: ps.Need(1)), work)
    with pytest.raises(MatcherUnsatisfied, match="max_attempts"):
        ps.realize(greedy, max_attempts=7)
    assert len(work.runs) == 7


def test_a_matcher_of_ones_own_trains_until_it_is_content(store, work):
    def even(candidates):
        good = [c for c in candidates if int(c.metric("out.txt")) % 2 == 0]
        return good[:1] or ps.Need(1)

    rref = ps.realize(ps.Derivation({}, match(even, reads=["out.txt"]), work))
    assert int(ps.catref(rref, "out.txt")[0]) % 2 == 0


def test_realizations_for_other_inputs_are_mentioned(store, work):
    a, b, _ = chain(work)
    ps.realize(b)
    ps.realize(a, force_rebuild=True)
    seen, _ = heard(b)
    assert events.OtherInputs(b.dref, 1) in seen
    ps.realize(a, force_rebuild=True)
    exact = ps.Derivation(b.config, ps.match_exact([ps.lsref(b.dref)[0]]), work)
    with pytest.raises(MatcherUnsatisfied, match=r"for other inputs: +2 realizations"):
        ps.realize(exact)


# --- failures --------------------------------------------------------------------------


def test_a_missing_promise_commits_nothing_and_says_where_the_files_are(store):
    def forgets(b):
        (b.outpath / "other.txt").write_text("x")

    promising = ps.Derivation({"file": [selfref, "accuracy.txt"]}, match_latest(), forgets)
    with pytest.raises(MissingOutput) as caught:
        ps.realize(promising)
    assert (caught.value.staging / "out" / "other.txt").exists()
    assert caught.value.dref == promising.dref
    assert ps.lsref(promising.dref) == []
    assert ps.attempts(promising.dref)[0].outcome == "failed"


@pytest.mark.parametrize("how", ["raise ValueError('x')", "sys.exit(0)", "sys.exit(1)", "1/0"])
def test_S6_a_failing_realizer_commits_nothing_and_keeps_its_files(store, how):
    def fails(b):
        (b.outpath / "half").write_text("x")
        exec(how, {"sys": sys})

    derivation = ps.Derivation({}, match_latest(), fails)
    with pytest.raises(BuildError) as caught:
        ps.realize(derivation)
    assert caught.value.__cause__ is not None
    assert (caught.value.staging / "out" / "half").exists()
    assert ps.lsref(derivation.dref) == []


def test_JU4_what_is_gone_and_counted_is_not_trained_again(store, work):
    derivation = ps.Derivation({}, match_latest(), work)
    rref = ps.realize(derivation, attempts=3)
    for other in set(ps.lsref(derivation.dref)) - {rref}:
        ps.rmref(other)
    assert [step.attempts for step in ps.plan(derivation, attempts=4).builds] == [1]
    ps.realize(derivation, attempts=4)
    assert len(work.runs) == 4
    assert len({attempt.seed for attempt in ps.attempts(derivation.dref)}) == 4


@pytest.mark.parametrize("of", [None, 4])
def test_JU4_of_what_is_gone_the_best_comes_back(store, of):
    def train(b):
        (b.outpath / "score.txt").write_text(f"{abs(b.seed % 1009 - 500)}")

    derivation = ps.Derivation({}, match_best("score.txt", of=of), train)
    best = ps.realize(derivation, attempts=4)
    for rref in ps.lsref(derivation.dref):
        ps.rmref(rref)
    assert ps.plan(derivation).builds[0].kind == "gone"
    assert ps.realize(derivation) == best
    assert len(ps.attempts(derivation.dref)) == 5


def test_JU4_what_a_hand_removed_of_many_is_built_again(store, work):
    """With four and more, one listing says what is there: not whether it is whole."""
    derivation = ps.Derivation({}, match_some(4), work)
    rrefs = ps.realize_many(derivation)
    home = store.path(rrefs[0]).parent
    home.chmod(0o755)
    tree.remove(home / "out")
    home.chmod(0o555)
    assert set(ps.realize_many(derivation)) == set(rrefs)
    assert ps.lsref(rrefs[0]) != []
    assert len(work.runs) == 5


def test_a_failure_that_came_before_a_busy_forced_build_is_the_one_that_is_told(store, work):
    busy = ps.Derivation({"name": "busy"}, match_latest(), work)
    strange = ps.RRef.of("0" * 32, ps.Config({"name": "picky"}).dref)
    picky = ps.Derivation({"name": "picky"}, ps.match_exact([strange]), work)
    lock = store.lock(busy.dref, Context())
    assert lock.acquire()
    with pytest.raises(MatcherUnsatisfied) as caught:
        ps.realize([busy, picky], force_rebuild=[busy])
    lock.release()
    assert caught.value.facts["dref"] == picky.dref


def test_what_became_free_while_we_were_building_is_not_busy(store, work):
    def releases(b):
        lock.release()
        work(b)

    first = ps.Derivation({"name": "first"}, match_latest(), work)
    second = ps.Derivation({"name": "second"}, match_latest(), releases)
    lock = store.lock(first.dref, Context())
    assert lock.acquire()
    assert len(ps.realize([first, second], lock_timeout=0)) == 2


def test_LO2_with_the_lock_held_the_matcher_is_asked_again(store, work):
    """Between the first answer and the lock, another process may have built what is wanted."""
    offered = []

    def rule(candidates):
        offered.append(len(candidates))
        if len(offered) == 1:
            meanwhile = ps.Derivation({"name": "a"}, match_latest(), work)
            ps.realize(meanwhile, store=ps.Store(store.root, durable=False))
        return candidates[:1] or ps.Need(1)

    ps.realize(ps.Derivation({"name": "a"}, ps.match(rule), work))
    assert (offered[0], offered[-1]) == (0, 1)
    assert len(work.runs) == 1


def test_S6_ctrl_c_passes_and_frees_the_lock(store):
    def interrupted(b):
        if not ps.attempts(b.config.dref)[:-1]:
            raise KeyboardInterrupt

    derivation = ps.Derivation({}, match_latest(), interrupted)
    with pytest.raises(KeyboardInterrupt):
        ps.realize(derivation)
    assert ps.realize(derivation, lock_timeout=0)


def test_errors_of_pystore_pass_as_they_are(store):
    def refuses(b):
        raise NotInStore("no weights", remedy="train first")

    with pytest.raises(NotInStore, match="no weights") as caught:
        ps.realize(ps.Derivation({}, match_latest(), refuses))
    assert caught.value.remedy == "train first"


def test_dependents_of_a_failure_are_skipped(store, work):
    bad = ps.Derivation({"name": "bad"}, match_latest(), lambda b: 1 / 0)
    after = ps.Derivation({"name": "after", "bad": bad}, match_latest(), work)
    with pytest.raises(BuildError):
        ps.realize(after)
    assert work.runs == []


def test_errors_survive_pickling():
    import pickle

    error = MissingOutput("what", remedy="this", missing="x")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.missing) == (MissingOutput, str(error), "x")
    assert str(error) == "what\n  missing:  x\n  try: this"


@pytest.mark.parametrize("instead", [None, "a file", "a link"])
def test_a_realizer_that_removes_its_output_directory_is_told_so(store, instead):
    def removes(b):
        b.outpath.rmdir()
        if instead == "a file":
            b.outpath.write_text("x")
        elif instead == "a link":
            b.outpath.symlink_to("/etc")

    with pytest.raises(MissingOutput, match="removed its output directory"):
        ps.realize(ps.Derivation({}, match_latest(), removes))
    ps.gc((), dry_run=False)
    assert ps.verify().sound


def test_wrong_arguments_of_a_stage_function_are_a_clear_error(store):
    with pytest.raises(BadStage, match="does not take these arguments"):
        ps.instantiate(lambda: None)
    with pytest.raises(BadStage, match="missing a required argument"):
        ps.instantiate(lambda m, x: None)
    with pytest.raises(BadStage, match="unexpected keyword argument 'sha'"):
        ps.instantiate(two_way(lambda url: None), url="x", sha="y")


# --- locks -----------------------------------------------------------------------------


def test_S5_a_busy_lock_is_waited_for_and_its_owner_named(store, work):
    a, _, _ = chain(work)
    ps.instantiate(a)
    lock = store.lock(a.dref, ps.Context())
    assert lock.acquire()
    staging = store.begin(a.config, ps.Context())
    seen = []
    with pytest.raises(StoreBusy) as caught:
        ps.realize(a, lock_timeout=0.05, listener=seen.append)
    assert f"process {os.getpid()} on " in caught.value.owner
    assert [type(e) for e in seen] == [events.Waiting]
    staging.discard()
    lock.release()
    assert ps.realize(a)


def test_LO3_other_work_is_done_while_a_lock_is_busy(store, work):
    first = ps.Derivation({"name": "first"}, match_latest(), work)
    second = ps.Derivation({"name": "second"}, match_latest(), work)
    lock = store.lock(first.dref, ps.Context())
    assert lock.acquire()

    def release(event):
        if isinstance(event, events.Succeeded):
            lock.release()

    ps.realize([first, second], listener=release)
    assert work.runs == ["second", "first"]


def test_LO4_a_store_that_cannot_be_written_serves_what_it_has(store, work, monkeypatch):
    _, _, c = chain(work)
    rref = ps.realize(c)

    def never(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    for name in ("mkdir", "rename", "unlink", "link", "chmod", "fchmod", "write"):
        monkeypatch.setattr(os, name, never)
    monkeypatch.setattr(type(store), "lock", never)
    assert ps.realize(ps.instantiate(c)) == rref


# --- edits -----------------------------------------------------------------------------


def test_reusing_after_an_edit_warns_and_names_the_function(store, tmp_path):
    def train(b):
        (b.outpath / "x").write_text("1")

    ps.realize(ps.Derivation({}, match_latest(), train))

    def train(b):
        (b.outpath / "x").write_text("2")

    with pytest.warns(PystoreWarning, match="train") as caught:
        ps.realize(ps.Derivation({}, match_latest(), train))
    assert "force_rebuild" in str(ours(caught)[0].message)


def test_an_edit_of_comments_only_is_silent(store):
    def train(b):
        (b.outpath / "x").write_text("1")

    ps.realize(ps.Derivation({}, match_latest(), train))

    def train(b):
        # the same, with a comment
        (b.outpath / "x").write_text("1")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ps.realize(ps.Derivation({}, match_latest(), train))


# --- looking ---------------------------------------------------------------------------


def test_lsref_and_catref(store, work):
    def write(b):
        (b.outpath / "d").mkdir()
        (b.outpath / "d" / "deep.txt").write_text("a\nb\n")
        (b.outpath / "raw.bin").write_bytes(b"\xff\xfe")

    rref = ps.realize(ps.Derivation({}, match_latest(), write))
    assert ps.lsref(rref) == ["context.json", "d", "manifest.json", "raw.bin"]
    assert ps.lsref(ps.rref2dref(rref)) == [rref]
    assert ps.catref(rref, ["d", "deep.txt"]) == ["a", "b"]
    assert "deep.txt" in ps.catref(rref, ["manifest.json"])[1]
    with pytest.raises(NotInStore, match=r"d/deep.txt, raw\.bin"):
        ps.catref(rref, ["absent.txt"])
    for path in (["raw.bin"], ["d"]):
        with pytest.raises(BadRef, match="not a text file"):
            ps.catref(rref, path)
    for path in (["..", "context.json"], ["/etc/passwd"], ["d/deep.txt"], ["a\0"]):
        with pytest.raises(BadRef):
            ps.catref(rref, path)
    assert ps.rref2path(rref).joinpath("d").is_dir()
    assert ps.dref2path(ps.rref2dref(rref)).is_dir()


def test_a_link_to_outside_is_kept_when_the_stage_says_so(store, tmp_path):
    data = tmp_path / "big.bin"
    data.write_text("x")
    derivation = ps.Derivation({}, match_latest(), lambda b: ps.build_link(b, "big.bin", data))
    rref = ps.realize(derivation)
    assert (ps.rref2path(rref) / "big.bin").read_text() == "x"
    missing = ps.Derivation({"x": 1}, match_latest(), lambda b: ps.build_link(b, "x", data / "y"))
    with pytest.raises(BuildError, match="no such data"):
        ps.realize(missing)


@pytest.mark.parametrize("optimize", [[], ["-O"]])
def test_python_O_changes_nothing(tmp_path, optimize):
    script = textwrap.dedent("""
        import sys, pystore as ps
        with ps.Store(sys.argv[1]).use():
            for wrong in ("../x", "dref:" + "1" * 32 + "-a/../b"):
                try:
                    ps.lsref(wrong)
                except ps.errors.BadRef:
                    print("refused")
            try:
                ps.mkconfig({"x": (1,)})
            except ps.errors.BadConfig:
                print("refused")
    """)
    command = [sys.executable, *optimize, "-c", script, str(tmp_path / "s")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused"] * 3


def test_bad_configs_are_refused_before_anything_is_written(store):
    with pytest.raises(BadConfig):
        ps.instantiate(lambda m: ps.mkdrv(m, {"x": {1}}, match_latest(), print))
    assert store.drefs() == []


@pytest.mark.parametrize(
    ("options", "says"), [({"executor": 4}, "no concurrent"), ({"timeout": "1"}, "timeout is '1'")]
)
def test_options_of_a_wrong_kind_are_refused(store, work, options, says):
    with pytest.raises(BadStage, match=says):
        ps.realize(chain(work)[0], **options)


def test_a_rule_that_returns_no_choice_is_a_bad_matcher(store, work):
    with pytest.raises(ps.errors.BadMatcher, match="returned no choice"):
        ps.realize(ps.Derivation({}, match(lambda candidates: None), work))
