"""What every store promises, asked of each in turn."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pystore import (
    Config,
    Context,
    Derivation,
    View,
    instantiate,
    match_latest,
    match_some,
    realize,
)
from pystore.core.attempt import AttemptReport
from pystore.core.digest import seed_of
from pystore.core.kept_code import CodeText, part_digest
from pystore.errors import BuildError, NotInStore, UnkeepableOutput

CONFIG = Config({"name": "a"})
NOWHERE = Context()


def build(store, text="1", config=CONFIG, context=NOWHERE):
    staging = store.begin(config, context)
    (staging.out / "m.txt").write_text(text)
    return store.commit(staging, AttemptReport())


class TestStore:
    """The conformance suite."""

    def test_a_recorded_config_comes_back(self, any_store):
        any_store.record([CONFIG])
        assert any_store.config(CONFIG.dref) == CONFIG
        assert any_store.drefs() == [CONFIG.dref]
        any_store.record([CONFIG])
        assert any_store.realizations(CONFIG.dref) == []

    def test_a_text_of_code_comes_back_by_its_digest(self, any_store):
        text = CodeText("(Lambda ...)", "lambda: ...")
        any_store.keep_code({part_digest(text.text): text})
        assert any_store.code(part_digest(text.text)) == text
        assert any_store.code("0" * 16) is None

    def test_what_is_not_there_is_a_clear_error(self, any_store):
        rref = build(any_store).rref
        other = Config({"name": "other"}).dref
        any_store.remove(rref)
        for look in (any_store.context, any_store.path, any_store.remove):
            with pytest.raises(NotInStore):
                look(rref)
        for look in (any_store.config, any_store.realizations, any_store.remove_derivation):
            with pytest.raises(NotInStore):
                look(other)

    def test_a_committed_tree_is_there_whole(self, any_store):
        committed = build(any_store, "0.5")
        assert committed.fresh
        assert any_store.realizations(CONFIG.dref) == [committed.rref]
        assert (any_store.path(committed.rref) / "m.txt").read_text() == "0.5"
        assert dict(any_store.context(committed.rref)) == {}

    def test_equal_bytes_are_one_realization_and_two_attempts(self, any_store):
        first, second = build(any_store), build(any_store)
        assert first.rref == second.rref
        assert (first.fresh, second.fresh) == (True, False)
        assert [a.number for a in any_store.attempts(CONFIG.dref)] == [0, 1]
        (candidate,) = any_store.candidates(CONFIG.dref, NOWHERE)
        assert len(candidate.attempts) == 2

    def test_equal_bytes_in_another_context_are_another_realization(self, any_store):
        input_rref = build(any_store, config=Config({"name": "in"})).rref
        context = Context({input_rref.dref: [input_rref]})
        first, second = build(any_store), build(any_store, context=context)
        assert first.rref != second.rref
        assert dict(any_store.context(second.rref)) == {input_rref.dref: (input_rref,)}
        assert [c.rref for c in any_store.candidates(CONFIG.dref, context)] == [second.rref]
        assert any_store.count_in_other_contexts(CONFIG.dref, context) == 1

    def test_candidates_carry_the_files_that_the_matcher_reads(self, any_store):
        build(any_store, "0.25\nmore")
        (candidate,) = any_store.candidates(CONFIG.dref, NOWHERE, ["m.txt", "absent.txt"])
        assert candidate.metric("m.txt") == 0.25
        assert candidate.metric("absent.txt") != candidate.metric("absent.txt")

    def test_a_removed_realization_is_gone_and_its_attempts_stay(self, any_store):
        rref = build(any_store).rref
        any_store.remove(rref)
        (candidate,) = any_store.candidates(CONFIG.dref, NOWHERE)
        assert candidate.gone
        assert any_store.realizations(CONFIG.dref) == []
        assert [a.rref for a in any_store.attempts(CONFIG.dref)] == [rref]
        again = build(any_store)
        assert (again.rref, again.fresh) == (rref, True)

    def test_IU1_what_is_held_is_held_until_its_last_holder_lets_go(self, any_store):
        rref = build(any_store).rref
        any_store.release([rref])
        assert any_store.held == frozenset()
        first, second = View(rref, any_store), View(rref, any_store)
        assert any_store.hold((rref,))
        for let_go in (first.close, first.close, lambda: any_store.release([rref])):
            let_go()
            assert any_store.held == {rref}
        second.close()
        assert any_store.held == frozenset()

    def test_a_removed_derivation_leaves_nothing(self, any_store):
        build(any_store)
        any_store.remove_derivation(CONFIG.dref)
        assert any_store.drefs() == []

    def test_a_failed_attempt_commits_nothing_and_is_remembered(self, any_store):
        staging = any_store.begin(CONFIG, NOWHERE)
        (staging.out / "part.txt").write_text("x")
        assert any_store.fail(staging, AttemptReport("f"), ValueError("no"))
        assert staging.out.exists()
        (attempt,) = any_store.attempts(CONFIG.dref)
        assert (attempt.outcome, attempt.error, attempt.rref) == ("failed", "ValueError: no", None)
        assert any_store.candidates(CONFIG.dref, NOWHERE) == []

    def test_a_failed_attempt_that_wrote_nothing_leaves_no_staging(self, any_store):
        staging = any_store.begin(CONFIG, NOWHERE)
        assert not any_store.fail(staging, AttemptReport(), ValueError())
        assert not staging.path.exists()

    def test_what_an_attempt_has_read_stands_in_its_record(self, any_store):
        source = Derivation({"name": "source", "k": 1}, match_latest(), lambda b: None)

        def read(b):
            (b.outpath / "k").write_text(str(View(b.context[source.dref][0], b.store).k))

        reader = Derivation({"name": "reader", "of": [source, "x"]}, match_latest(), read)
        rref = realize(reader, store=any_store)
        (attempt,) = any_store.attempts(rref.dref)
        assert set(attempt.reads) == {"rref /of/0/0", "store "}
        assert any_store.tree(rref) == attempt.tree

    def test_S7_AT2_starts_increase_when_the_clock_stands_still_or_goes_back(
        self, any_store, clock
    ):
        rrefs = []
        for text, step in (("a", 0), ("b", 0), ("c", -2 * 3600 * 10**9), ("d", 10 * 86400 * 10**9)):
            clock.now += step
            rrefs.append(build(any_store, text).rref)
            found = any_store.candidates(CONFIG.dref, NOWHERE)
            assert match_latest().select(found) == (rrefs[-1],)
        starts = [a.start for a in any_store.attempts(CONFIG.dref)]
        assert starts == sorted(set(starts))

    def test_S7_seeds_follow_from_derivation_context_and_number(self, any_store):
        seeds = []
        for i in range(5):
            staging = any_store.begin(CONFIG, NOWHERE)
            seeds.append(staging.claim.seed)
            assert staging.claim.seed == seed_of(CONFIG.dref, NOWHERE.digest, i) < 2**32
            any_store.fail(staging, AttemptReport(), ValueError())
        assert len(set(seeds)) == 5

    def test_S4_what_cannot_be_kept_is_refused(self, any_store):
        staging = any_store.begin(CONFIG, NOWHERE)
        (staging.out / "link").symlink_to("/etc/passwd")
        with pytest.raises(UnkeepableOutput, match="link"):
            any_store.commit(staging, AttemptReport())

    def test_a_lock_is_one_persons(self, any_store):
        first, second = (any_store.lock(CONFIG.dref, NOWHERE) for _ in range(2))
        assert first.acquire()
        assert not second.acquire()
        first.release()
        assert second.acquire(1.0)
        second.release()

    def test_the_build_loop_runs_on_it(self, any_store):
        def square(b):
            (b.outpath / "x").write_text(str(b.config["x"] ** 2))

        def total(b):
            parts = [int(b.paths(_path(d, "x"))[0].read_text()) for d in b.config["parts"]]
            (b.outpath / "x").write_text(str(sum(parts)))

        squares = [Derivation({"x": x}, match_latest(), square) for x in range(5)]
        whole = Derivation({"parts": squares}, match_latest(), total)
        rref = realize(instantiate(whole, store=any_store), store=any_store)
        assert (any_store.path(rref) / "x").read_text() == "30"
        assert realize(whole, store=any_store) == rref

    def test_S5_of_many_threads_one_builds(self, any_store):
        runs = []

        def once(b):
            runs.append(1)
            (b.outpath / "x").write_text(str(b.seed))

        derivation = Derivation({}, match_latest(), once)
        instantiate(derivation, store=any_store)
        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(realize, derivation, store=any_store) for _ in range(16)]
            assert len({future.result(60) for future in futures}) == 1
        assert len(runs) == 1

    def test_an_executor_runs_realizers(self, any_store):
        derivations = {
            i: Derivation(
                {"i": i}, match_some(3), lambda b: (b.outpath / "x").write_text(str(b.seed))
            )
            for i in range(3)
        }
        from pystore import realize_many

        with ThreadPoolExecutor(4) as pool:
            chosen = realize_many(derivations, store=any_store, executor=pool)
        assert {i: len(rrefs) for i, rrefs in chosen.items()} == {0: 3, 1: 3, 2: 3}

    def test_a_failing_realizer_is_a_build_error(self, any_store):
        derivation = Derivation({}, match_latest(), lambda b: 1 / 0)
        with pytest.raises(BuildError, match="ZeroDivisionError"):
            realize(derivation, store=any_store)


def _path(dref, *parts):
    from pystore import RefPath

    return RefPath.parse([dref, *parts])
