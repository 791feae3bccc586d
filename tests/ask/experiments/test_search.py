"""Searching with Optuna."""

import os
import random
import signal
import subprocess
import sys

import optuna
import pytest

from pystore import (
    Store,
    attempts,
    build_metric,
    build_scratch,
    build_seed,
    build_should_stop,
    choice,
    loguniform,
    output,
    pull,
    push,
    randint,
    realize,
    reject,
    results,
    search,
    stage,
    uniform,
    view,
)
from pystore.ask.inspection.attempts import with_notes
from pystore.core.events import AttemptFailed, Started, Succeeded
from pystore.errors import BadMetric, BadPlace, BadStage, BuildError, Interrupted, PystoreError
from pystore.ui.cli.log import log_table

FILE = "score.txt"
SPACE = {"rate": loguniform(1e-4, 1e-1), "width": choice([16, 32, 64])}


@stage
def train(build, rate: float = 0.1, width: int = 32, noise: float = 0.0, score=output(FILE)):
    luck = random.Random(build_seed(build)).gauss(0, noise) if noise else 0.0
    score.write_text(f"{width / 100 - rate + luck}\n")


@stage
def steps(build, rate: float = 0.1, fails: bool = False, score=output(FILE)):
    (build_scratch(build) / "checkpoint").write_text("weights")
    for step in range(5):
        build_metric(build, "value", -rate * (step + 1), step=step)
        if build_should_stop(build):
            score.write_text("half a result\n")
            if fails:
                raise RuntimeError("while it cleaned up")
            return
    score.write_text(f"{-rate}\n")


class AboveOne(optuna.pruners.BasePruner):
    """Prunes at step 2 where the rate is above one."""

    def prune(self, study, trial) -> bool:
        return max(trial.intermediate_values) >= 2 and trial.params["rate"] > 1


def pruned(**options):
    space = {"rate": choice([0.5, 1.5, 2.5]), **options.pop("space", {})}
    sampler = optuna.samplers.GridSampler({"rate": [0.5, 1.5, 2.5]}, seed=0)
    options = {"trials": 3, "sampler": sampler, "pruner": AboveOne(), **options}
    return search(steps, space, FILE, prune_by="value", **options)


def states(found) -> list[str]:
    return [trial.state.name for trial in found.study.trials]


def shown(found) -> list[str]:
    return sorted(row[1] for row in found.table().rows)


def test_each_trial_is_a_realization(store):
    found = search(train, SPACE, FILE, trials=6)
    assert states(found) == ["COMPLETE"] * 6
    made = results(train, metrics=[FILE])
    assert {row.metrics[FILE] for row in made} == {t.value for t in found.study.trials}
    best = max(made, key=lambda row: row.metrics[FILE])
    assert found.best == best.attempt.rref
    assert found.parameters == {name: best.parameters[name] for name in SPACE}
    assert view(found.best).width == found.parameters["width"]
    assert "the best of 6 trials is trial" in str(found)


def test_a_search_that_is_run_again_trains_nothing(store):
    search(train, SPACE, FILE, trials=4)
    heard = []
    again = search(train, SPACE, FILE, trials=4, listener=heard.append)
    assert len(again.study.trials) == 4 and heard == []
    more = search(train, SPACE, FILE, trials=5)
    assert len(more.study.trials) == 5


def test_TZ1_known_results_are_not_trained_again(store):
    space = {"width": choice([16, 32])}
    realize([train(width=16), train(width=32)])
    heard = []
    found = search(train, space, FILE, trials=5, listener=heard.append)
    assert states(found) == ["COMPLETE"] * 5
    assert not [event for event in heard if isinstance(event, Started)]


def test_SX3_what_was_rejected_is_not_the_best_and_another_is_tried(store):
    found = search(train, SPACE, FILE, trials=4)
    first, parameters = found.best, found.parameters
    reject(first, "it has seen the test set")
    assert found.best != first and found.parameters != parameters
    assert shown(found) == ["complete"] * 3 + ["rejected"]
    again = search(train, SPACE, FILE, trials=4)
    assert shown(again) == ["complete"] * 4 + ["rejected"]
    assert again.best != first


def test_SX3_one_of_several_attempts_is_enough(store):
    found = search(train, {**SPACE, "noise": 0.1}, FILE, trials=3, attempts=3)
    best = found.best
    other = next(a.rref for a in attempts(best.dref) if a.rref != best)
    reject(other, "the disk was full")
    assert found.best.dref != best.dref
    assert shown(found).count("rejected") == 1


def test_SX3_where_all_are_rejected_none_is_the_best(store):
    found = search(train, SPACE, FILE, trials=1)
    reject(found.best, "no")
    with pytest.raises(BadStage, match="1 trial rejected"):
        found.best  # noqa: B018 - it raises
    assert "1 trial rejected" in str(found)


def test_a_loss_is_minimized(store):
    found = search(train, {"width": choice([16, 64])}, FILE, trials=8, mode="min")
    assert found.parameters == {"width": 16}


def test_several_attempts_of_a_trial_are_told_as_their_mean(store):
    found = search(train, {**SPACE, "noise": 0.1}, FILE, trials=3, attempts=4)
    for trial in found.study.trials:
        dref = found.space.derivation(trial.params).dref
        numbers = [a.metrics[FILE] for a in attempts(dref)]
        assert len(numbers) == 4
        assert trial.value == pytest.approx(sum(numbers) / 4)
    assert "95%" in found.table().header


def test_spaces_of_ours_and_of_optuna(store):
    @stage
    def many(a: float, b: float, c: int, d=0, e=0, f: float = 0, out=output(FILE)):
        out.write_text("1\n")

    inner = train(width=1), train(width=2)
    space = {
        "a": uniform(0, 1),
        "b": loguniform(1e-9, 1e-8),
        "c": randint(1, 3),
        "d": choice([[1, 2], [3]]),
        "e": choice([*inner, None]),
        "f": optuna.distributions.FloatDistribution(0, 1, step=0.25),
    }
    found = search(many, space, FILE, trials=6)
    for trial in found.study.trials:
        config = found.space.derivation(trial.params).config
        assert 0 <= config["a"] <= 1 and 1e-9 <= config["b"] <= 1e-8 and config["c"] in (1, 2, 3)
        assert config["d"] in ([1, 2], [3]) and config["f"] in (0, 0.25, 0.5, 0.75, 1)
        assert config["a"] == float(f"{config['a']:.6g}")


# --- pruning ---------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [None, 2])
def test_a_pruned_attempt_is_no_failure_and_no_result(store, workers):
    heard = []
    found = pruned(workers=workers, listener=heard.append)
    ended = {t.params["rate"]: t.state.name for t in found.study.trials}
    assert ended == {0.5: "COMPLETE", 1.5: "PRUNED", 2.5: "PRUNED"}
    one = attempts(steps(rate=1.5).dref)[0]
    assert (one.outcome, one.rref) == ("pruned", None)
    assert one.notes["pruned"] == {"metric": "value", "step": 2, "value": -4.5}
    assert len(store.trace(one)) == 3
    assert [e.pruned for e in heard if isinstance(e, AttemptFailed)] == [True, True]
    told = results(steps, metrics=[FILE])
    assert sorted(row.attempt.outcome for row in told) == ["pruned", "pruned", "succeeded"]
    assert all(group.failed == 0 for group in told.summary().groups)
    assert "pruned" in log_table(with_notes([one], store))


def test_TZ1_what_was_pruned_is_not_trained_again(store):
    pruned()
    heard = []
    again = pruned(storage=f"sqlite:///{store.root}/other.db", listener=heard.append)
    assert states(again).count("PRUNED") == 2
    assert not [event for event in heard if isinstance(event, Started)]
    values = [t.intermediate_values for t in again.study.trials if t.state.name == "PRUNED"]
    assert all(len(told) == 3 for told in values)


def test_realize_trains_to_the_end_what_was_pruned(store):
    pruned()
    heard = []
    realize(steps(rate=1.5), listener=heard.append)
    assert [type(e) for e in heard if isinstance(e, (Started, Succeeded))] == [Started, Succeeded]
    ended = [a.outcome for a in attempts(steps(rate=1.5).dref)]
    assert ended == ["pruned", "succeeded"]
    assert states(pruned(attempts=2)).count("COMPLETE") >= 2  # known now, so it is used


def test_a_pruned_attempt_leaves_no_files(store):
    pruned(space={"fails": True})
    names = [path.name for path in store.root.rglob("*")]
    assert "checkpoint" not in names
    assert names.count(FILE) == 1  # that of the trial that went to its end
    assert not list((store.root / "tmp").iterdir()) or all(
        path.name.startswith("live-") for path in (store.root / "tmp").iterdir()
    )
    assert attempts(steps(rate=1.5, fails=True).dref)[0].outcome == "pruned"


def test_retries_do_not_try_a_pruned_attempt_again(store):
    pruned(retries=3)
    assert len(attempts(steps(rate=2.5).dref)) == 1


def test_of_several_attempts_the_first_is_pruned(store):
    pruned(attempts=3)
    made = [[a.outcome for a in attempts(steps(rate=rate).dref)] for rate in (0.5, 1.5)]
    assert made == [["succeeded"] * 3, ["pruned"]]


def test_without_a_pruner_nothing_is_pruned(store):
    assert states(pruned(pruner=None)) == ["COMPLETE"] * 3


def test_a_pruner_needs_a_metric_that_is_told_over_steps(store):
    with pytest.raises(BadMetric, match=r"the pruner goes by 'score\.txt'") as raised:
        search(steps, {"rate": uniform(0, 1)}, FILE, trials=2, pruner=AboveOne())
    assert "prune_by" in str(raised.value)


def test_pruned_attempts_travel(store, tmp_path):
    pruned()
    rref = realize(steps(rate=1.5))
    push(rref, tmp_path / "remote")
    other = Store(tmp_path / "other")
    pull(rref, tmp_path / "remote", store=other)
    there = other.attempts(rref.dref)
    assert [a.outcome for a in there] == ["pruned", "succeeded"]
    assert there[0].notes["pruned"] == {"metric": "value", "step": 2, "value": -4.5}


# --- killed, stopped, failed -----------------------------------------------------------

PROGRAM = """
import os, signal, sys
from pystore import output, randint, search, stage

@stage
def slow(n: int, score=output("score.txt")):
    if n == 3 and os.path.exists(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    score.write_text(f"{n}\\n")

if __name__ == "__main__":
    import optuna
    sampler = optuna.samplers.GridSampler({"n": [1, 2, 3, 4, 5]}, seed=1)
    found = search(slow, {"n": randint(1, 5)}, "score.txt", trials=5, sampler=sampler)
    print([t.state.name for t in found.study.trials], sorted(t.value for t in found.study.trials))
"""


def test_SX1_a_search_that_was_killed_goes_on(store, tmp_path):
    program, kills = tmp_path / "program.py", tmp_path / "kills"
    program.write_text(PROGRAM)
    kills.touch()
    command = [sys.executable, program, kills]
    here = {**os.environ, "PYSTORE_ROOT": str(store.root), "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(command, env=here, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kills.unlink()
    done = subprocess.run(command, env=here, check=True, capture_output=True, text=True)
    assert done.stdout.split("] ")[0] == str(["COMPLETE"] * 5)[:-1]
    assert "[1.0, 2.0, 3.0, 4.0, 5.0]" in done.stdout
    made = [a.outcome for dref in store.drefs() for a in store.attempts(dref)]
    assert sorted(made) == ["died", *["succeeded"] * 5]


OWN_PRUNER = """
import optuna
from pystore import build_metric, build_should_stop, choice, output, search, stage

class Never(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return trial.params["n"] == 2

@stage
def train(build, n: int, score=output("score.txt")):
    build_metric(build, "score.txt", n, step=0)
    if not build_should_stop(build):
        score.write_text(f"{n}\\n")

if __name__ == "__main__":
    space, sampler = {"n": choice([1, 2])}, optuna.samplers.GridSampler({"n": [1, 2]})
    found = search(train, space, "score.txt", trials=2, sampler=sampler, pruner=Never(), workers=2)
    print(sorted((t.params["n"], t.state.name) for t in found.study.trials))
"""


def test_a_pruner_of_the_program_is_asked_in_workers(store, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(OWN_PRUNER)
    here = {**os.environ, "PYSTORE_ROOT": str(store.root), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, program], env=here, capture_output=True, text=True)
    assert done.stdout == "[(1, 'COMPLETE'), (2, 'PRUNED')]\n", done.stderr


def test_SX2_two_searches_share_the_trials(store):
    from concurrent.futures import ThreadPoolExecutor

    def one(_):
        with store.use():
            return search(train, SPACE, FILE, trials=8, at_once=1, progress=False)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(one, range(2)))
    assert states(found[0]) == ["COMPLETE"] * 8


def test_a_search_that_was_stopped_goes_on(store):
    looks = iter([False] * 3)
    with pytest.raises(Interrupted):
        search(train, SPACE, FILE, trials=9, stop=lambda: next(looks, True))
    found = search(train, SPACE, FILE, trials=9)
    assert states(found) == ["COMPLETE"] * 9


@stage
def fragile(build, n: int, score=output(FILE)):
    if n == 2:
        raise ValueError("two is too much")
    score.write_text("nan\n" if n == 3 else f"{n}\n")


def grid(*numbers):
    return optuna.samplers.GridSampler({"n": list(numbers)}, seed=0)


def test_a_trial_that_fails_ends_the_search(store):
    with pytest.raises(BuildError, match="two is too much"):
        search(fragile, {"n": choice([2])}, FILE, trials=3)


def test_with_keep_going_other_trials_are_tried(store):
    space, sampler = {"n": randint(1, 4)}, grid(1, 2, 3, 4)
    found = search(fragile, space, FILE, trials=4, sampler=sampler, keep_going=True)
    ended = {t.params["n"]: t.state.name for t in found.study.trials}
    assert ended == {1: "COMPLETE", 2: "FAIL", 3: "FAIL", 4: "COMPLETE"}
    failed = next(t for t in found.study.trials if t.params["n"] == 2)
    assert "two is too much" in failed.user_attrs["pystore:error"]


def test_another_code_or_space_is_another_study(store):
    names = {
        search(train, space, FILE, trials=1, **options).study.study_name
        for space, options in (
            (SPACE, {}),
            ({**SPACE, "noise": 0.5}, {}),
            ({"rate": uniform(0, 1)}, {}),
            (SPACE, {"mode": "min"}),
            (SPACE, {"attempts": 2}),
        )
    }
    assert len(names) == 5
    assert search(train, SPACE, FILE, trials=1).study.study_name in names


def test_a_study_in_a_database_is_one_that_optuna_opens(store, tmp_path):
    url = f"sqlite:///{tmp_path}/search.db"
    found = search(train, SPACE, FILE, trials=3, storage=url)
    theirs = optuna.load_study(study_name=found.study.study_name, storage=url)
    assert [t.value for t in theirs.trials] == [t.value for t in found.study.trials]
    assert theirs.best_trial.user_attrs["pystore:rref"] == found.best


# --- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"space": {"widht": uniform(0, 1)}}, BadStage),
        ({"space": {"width": choice(["wide"])}}, BadStage),
        ({"space": {"width": 3}}, BadStage),
        ({"space": [1]}, BadStage),
        ({"metric": "scroe.txt"}, BadMetric),
        ({"trials": 0}, BadStage),
        ({"attempts": 0}, BadStage),
        ({"mode": "most"}, BadStage),
        ({"sampler": "TPE"}, BadStage),
        ({"pruner": "median"}, BadStage),
        ({"at_once": 0}, BadStage),
        ({"force_rebuild": True}, BadStage),
        ({"storage": "nosuch://place"}, BadPlace),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_input_is_refused_before_anything_is_built(store, options, error):
    given = {"space": SPACE, "metric": FILE, "trials": 2, **options}
    with pytest.raises(error):
        search(train, given.pop("space"), given.pop("metric"), **given)
    assert not any(store.attempts(dref) for dref in store.drefs())


def test_without_optuna_the_error_says_what_to_install(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(PystoreError, match=r"pystore-stages\[search\]"):
        search(train, SPACE, FILE, trials=1)


def test_a_metric_that_no_attempt_tells_ends_the_search_at_its_first_trial(store):
    @stage
    def silent(build, n: int, score=output("other.txt")):
        build_metric(build, "loss", 1.0)
        score.write_text("1\n")

    name = "".join(["acc", "uracy"])  # not in the code of the stage
    with pytest.raises(BadMetric):
        search(silent, {"n": randint(1, 9)}, name, trials=5)
    assert sum(len(store.attempts(dref)) for dref in store.drefs()) <= 1


PRESSED = """
import signal
import interrupting
from pystore import choice, output, search, stage

@stage
def train(build, width: int = 1, score=output("score.txt")):
    import interrupting
    if width == 2:
        assert interrupting.came.wait(60)
    score.write_text(f"{width}\\n")

signal.signal(signal.SIGINT, signal.default_int_handler)
with interrupting.pressed_in_a_lock():
    try:
        search(train, {"width": choice([1, 2])}, "score.txt", trials=9, at_once=2, progress=False)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_ctrl_c_at_any_moment_ends_a_search_in_threads(store, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PRESSED)
    here = {**os.environ, "PYSTORE_ROOT": str(store.root), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, program]
    ended = subprocess.run(command, env=here, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "interrupted\n"), ended.stderr
