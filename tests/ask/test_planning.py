"""Planning: what the outlook says, in golden text; and that `realize` then does as it said."""

import os
import random
import re
import stat
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
from memory_store import MemoryStore

import pystore as ps
from pystore import Derivation, Store, match_latest, output, plan, stage
from pystore.core.change import Version, akin
from pystore.core.outlook import Kind
from pystore.errors import BadStage, BuildError, BuildsFailed, MatcherUnsatisfied


def shown(outlook):
    """The table, with the digests of names left out."""
    return re.sub(r"@[0-9a-f]{6}", "", str(outlook))


def reasons(outlook):
    """Of each name, its reasons in one line."""
    return {step.dref.name: re.sub(r"@[0-9a-f]{6}", "", step.reason) for step in outlook}


def seeded(b):
    (b.outpath / "x.txt").write_text(str(b.seed))


def constant(b):
    (b.outpath / "x.txt").write_text("1")


def pair(matcher=None, first=seeded, second=seeded, **more):
    inner = Derivation({"name": "inner"}, match_latest(), first)
    return Derivation({"name": "outer", "in": inner, **more}, matcher or match_latest(), second)


# --- the reasons, one by one -----------------------------------------------------------


def test_what_was_never_built_will_be(store):
    assert shown(plan(pair())) == (
        "inner  build 1  will build: no realization in this context\n"
        "outer  build 1  will build: no realization in this context\n"
        "2 to build"
    )


def test_OU3_what_a_remote_may_have_is_not_sure_to_be_built(store, tmp_path):
    remote = "s3://key:secret@lab/pystore"  # nobody is asked
    outlook = plan(pair(), substitute=remote, force_rebuild=["dref:" + pair().dref[5:]])
    assert shown(outlook) == (
        "inner  build 1  will build: no realization in this context, unless s3://key:…@lab/pystore "
        "has it\n"
        "outer  build 1  forced\n"
        "2 to build"
    )
    assert [step.sure for step in outlook] == [False, True]
    assert all(step.sure for step in plan(pair(), substitute=[]))


def test_OU1_steps_stand_in_the_order_of_the_closure_each_once(store):
    first = Derivation({"name": "first"}, match_latest(), seeded)
    left, right = (
        Derivation({"name": name, "in": first}, match_latest(), seeded) for name in ("l", "r")
    )
    last = Derivation({"name": "last", "in": [left, right, first]}, match_latest(), seeded)
    targets = [last, right, last]
    for _ in "12":
        steps = [step.dref for step in plan(targets)]
        assert steps == [d.dref for d in ps.instantiate(targets).derivations]
        assert sorted(steps) == sorted({d.dref for d in (first, left, right, last)})
        ps.realize(right)


def test_what_is_there_is_up_to_date(store):
    ps.realize(pair())
    outlook = plan(pair())
    assert shown(outlook) == "inner  reuse  up to date\nouter  reuse  up to date\n2 up to date"
    assert [step.kind for step in outlook.up_to_date] == ["up-to-date"] * 2
    assert not outlook.builds


def test_OU2_what_depends_on_a_forced_build_may_follow(store):
    ps.realize(pair())
    inner = pair().holds[0]
    assert shown(plan(pair(), force_rebuild=[inner])) == (
        "inner  build 1    forced\n"
        "outer  may build  input inner will be rebuilt, this may follow\n"
        "1 to build, 1 may follow"
    )


def test_OU2_what_may_follow_is_passed_on(store):
    def third():
        return Derivation({"name": "third", "in": pair()}, match_latest(), seeded)

    ps.realize(third())
    outlook = plan(third(), force_rebuild=[pair().holds[0]])
    assert reasons(outlook)["third"] == "input outer may be rebuilt, this may follow"
    assert [step.action for step in outlook] == ["build", "may build", "may build"]


def test_the_matcher_wants_more(store):
    ps.realize(pair())
    outlook = plan(pair(match_latest(3)))
    assert reasons(outlook) == {"inner": "up to date", "outer": "the matcher wants 2 more"}
    assert outlook[pair().dref].attempts == 2
    assert reasons(plan(pair(), attempts=5))["outer"] == "attempts=5 wants 4 more"


def test_what_is_new_for_other_inputs_says_so(store):
    ps.realize(pair())
    ps.realize(pair().holds[0], force_rebuild=True)
    told = "will build: no realization in this context; 1 for other inputs"
    assert reasons(plan(pair())) == {"inner": "up to date", "outer": told}


@pytest.mark.parametrize("removed", [False, True])
def test_what_was_rejected_is_not_taken_for_other_inputs(store, removed):
    for seed in range(2):
        ps.reject(ps.realize(pair(), force_rebuild=bool(seed)), "a leak")
    if removed:
        for rref in store.realizations(pair().dref):
            ps.rmref(rref)
    told = "will build: no realization in this context; 2 "
    assert reasons(plan(pair()))["outer"] == f"{told}rejected"
    ps.realize(pair().holds[0], force_rebuild=True)
    assert reasons(plan(pair()))["outer"] == f"{told}for other inputs"


def test_a_lost_result_is_built_again_with_its_seed(store):
    rref = ps.realize(pair())
    ps.rmref(rref)
    assert (
        reasons(plan(pair()))["outer"] == "its result is gone: will build again with the same seed"
    )
    assert ps.realize(pair()) == rref


def test_what_others_have_reached_from_the_same_bytes_is_adopted(store):
    def chain(version):
        inner = Derivation({"name": "inner", "version": version}, match_latest(), constant)
        middle = Derivation({"name": "middle", "in": inner}, match_latest(), constant)
        return Derivation({"name": "last", "in": middle}, match_latest(), constant)

    ps.realize(chain(1))
    ps.realize(chain(2).holds[0].holds[0])
    outlook = plan(chain(2))
    assert shown(outlook) == (
        "inner   reuse  up to date\n"
        "middle  adopt  adopted: middle has results from the same bytes\n"
        "last    adopt  adopted: last has results from the same bytes\n"
        "2 adopted without a build, 1 up to date"
    )
    ps.realize(chain(2))
    assert [len(plan(chain(2)).up_to_date), len(ps.attempts(chain(2)))] == [3, 1]


@pytest.mark.parametrize(
    "matcher",
    [
        ps.match_some(2),
        ps.match_top("x.txt", 2),
        ps.match_best("x.txt", of=2),
        ps.match_until("x.txt", halfwidth=2.0**32),
        ps.match(lambda found: [a.rref for c in found for a in c.attempts] or ps.Need(1)),
    ],
    ids=lambda matcher: matcher.name,
)
def test_a_matcher_that_goes_by_attempts_sees_those_that_are_adopted_as_its_own(store, matcher):
    def model(version):
        data = Derivation({"name": "data", "version": version}, match_latest(), constant)
        return Derivation({"name": "model", "in": data}, matcher, seeded)

    ps.realize_many(model(1))
    ps.realize(model(2).holds[0])
    assert reasons(plan(model(2)))["model"] == "adopted: model has results from the same bytes"
    assert ps.realize_many(model(2))
    assert reasons(plan(model(2)))["model"] == "up to date"


def test_what_cannot_be_had_and_what_needs_it(store):
    inner = Derivation({"name": "inner"}, ps.match_only(), seeded)
    outer = Derivation({"name": "outer", "in": inner}, match_latest(), seeded)
    many = Derivation({"name": "inner"}, match_latest(2), seeded)
    ps.realize_many(many)
    assert shown(plan(outer)) == (
        "inner  fail  match_only wants one realization, and there are 2\n"
        "outer  skip  input inner cannot be had\n"
        "1 cannot be had, 1 skipped"
    )
    exact = Derivation({"name": "outer"}, ps.match_exact(ps.realize(pair())), seeded)
    told = "match_exact names realizations that do not exist for the present inputs"
    assert reasons(plan(exact)) == {"outer": told}


def test_a_stage_that_always_makes_the_same_is_not_built_in_vain(store):
    same = Derivation({"name": "same"}, match_latest(), constant)
    ps.realize(same, attempts=3)
    assert reasons(plan(same.replace(matcher=match_latest(2)))) == {
        "same": "building again brings nothing new"
    }


def fails(b):
    raise ValueError("diverged")


def test_a_failure_is_remembered(store):
    derivation = Derivation({"name": "train"}, match_latest(), fails)
    with pytest.raises(BuildError):
        ps.realize(derivation)
    (step,) = plan(derivation)
    assert step.reasons[-1] == ("the last attempt failed: ValueError: diverged")


def test_edited_code_by_hand_is_told_though_the_result_stands(store):
    ps.realize(pair())
    told = (
        "up to date; the code of constant() has changed since: "
        "force_rebuild, or --force outer, builds it again"
    )
    assert reasons(plan(pair(second=constant)))["outer"] == told


def test_a_namesake_of_another_project_is_nothing_to_compare_with(store):
    def train(**config):
        return Derivation({"name": "train", **config}, match_latest(), constant)

    ps.realize(train(accuracy=[ps.selfref, "x.txt"], n=1))
    other = train(depth=2, data="y", size=1)
    (step,) = plan(other)
    assert (step.reason, step.nearest) == ("will build: no realization in this context", None)
    ps.realize(other)
    assert ps.explain(other.dref).reasons == ("nothing like it was built here before",)
    near = train(depth=2, data="z", rate=1)
    assert plan(near).steps[0].kind == "parameters-changed"


def test_code_that_is_all_new_is_that_of_another_project():
    def version(*parts):
        return Version({"name": "train", "data": "x"}, dict.fromkeys(("train", *parts), "0"))

    one = version("load", "layers", "shuffle")
    assert akin(one, version("load", "layers", "mix"))
    assert not akin(one, version("read", "unet", "augment"))
    assert akin(one, Version({"name": "train", "data": "x"})), "its code is not known"
    assert akin(Version({"name": "train"}), one), "parameters were added"


def test_another_process_that_builds_it_is_waited_for(store):
    derivation = pair().holds[0]
    staging = store.begin(derivation.config, ps.Context())
    told = rf"process {os.getpid()} on .* builds it now: waiting for it"
    (step,) = plan(derivation)
    assert (step.kind, step.sure) == ("waiting", False)
    assert re.fullmatch(told, step.reason)
    staging.discard()


# --- code and parameters ---------------------------------------------------------------

DATA = """
RATE = 3

def augment(x):
    return x + RATE
"""
TRAIN = """
from pystore import output, stage
from data import augment

@stage
def prepare(n=1, file=output("data.txt")):
    file.write_text(str(augment(n)))

@stage
def train(data=prepare(), epochs=1, width=8, accuracy=output("accuracy.txt")):
    accuracy.write_text(data.file.read_text())
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Makes the modules of a project anew, as a new process would see them."""
    import sys

    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def load(data=DATA, train=TRAIN):
        import importlib
        import linecache

        for name, text in (("data", data), ("train", train)):
            (folder / f"{name}.py").write_text(text)
            monkeypatch.delitem(sys.modules, name, raising=False)
        linecache.clearcache()
        importlib.invalidate_caches()
        return importlib.import_module("train")

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return load


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (DATA.replace("x + RATE", "x - RATE"), "function `augment` in `data.py`"),
        (DATA.replace("RATE = 3", "RATE = 4"), "constant `RATE` in `data.py`"),
        (
            "def more(x):\n    return x\n\n\ndef augment(x):\n    return more(x)\n",
            "function `augment` in `data.py`, function `more` in `data.py` is new, "
            "constant `RATE` in `data.py` is gone",
        ),
    ],
)
def test_changed_code_is_named_with_its_file(store, project, data, told):
    ps.realize(project().train())
    train = project(data).train()
    assert reasons(plan(train)) == {
        "prepare": f"new because `prepare()` changed: {told}",
        "train": "input prepare will be rebuilt, this may follow",
    }
    ps.realize(train.holds[0])
    assert reasons(plan(train))["train"] == "new because its input `data` changed"


def test_changed_parameters_are_named_with_what_they_were(store, project):
    train = project().train
    ps.realize(train(), attempts=14)
    assert plan(train(epochs=3)).builds[0].kind == "parameters-changed"
    told = "new because `epochs` 1 → 3; 1 realization exists for the old value"
    assert reasons(plan(train(epochs=3)))["train"] == told
    told = "new because `epochs` 1 → 3, `width` 8 → 1.0; 1 realization exists for the old values"
    assert reasons(plan(train(epochs=3, width=1.0)))["train"] == told
    ps.realize(train(epochs=3))
    assert plan(train(epochs=3, width=2)).builds[0].nearest == train(epochs=3).dref


def test_code_and_parameters_may_both_have_changed(store, project):
    ps.realize(project().prepare())
    prepare = project(DATA.replace("x + RATE", "x")).prepare(n=2)
    assert plan(prepare).steps[0].reasons == (
        "new because `prepare()` changed: function `augment` in `data.py`, "
        "constant `RATE` in `data.py` is gone",
        "new because `n` 1 → 2; 1 realization exists for the old value",
    )


# --- what it leaves alone --------------------------------------------------------------


def fingerprint(root: Path):
    return sorted((str(p), p.lstat().st_mtime_ns, p.lstat().st_mode) for p in root.rglob("*"))


def test_planning_writes_nothing(store):
    ps.realize(pair())
    before = fingerprint(store.root)
    plan([pair(), pair(n=2)], force_rebuild=[pair()], attempts=3)
    assert fingerprint(store.root) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_store_will_do(store):
    ps.realize(pair())
    folders = [p for p in store.root.rglob("*") if p.is_dir() and p.stat().st_mode & stat.S_IWUSR]
    for folder in (store.root, *folders):
        folder.chmod(0o555)
    try:
        assert len(plan(pair(), store=Store(store.root)).up_to_date) == 2
    finally:
        for folder in (store.root, *folders):
            folder.chmod(0o755)


def test_mistakes_are_those_of_realize(store):
    with pytest.raises(BadStage, match="not part of this closure"):
        plan(pair(), force_rebuild=[Derivation({}, match_latest(), seeded)])
    with pytest.raises(BadStage, match="attempts is 0"):
        plan(pair(), attempts=0)


def test_it_takes_what_realize_takes(store):
    @stage
    def lone(file=output("x.txt")):
        file.write_text("x")

    assert len(plan(lone)) == len(plan({"a": [lone()], "b": lone()})) == 1
    assert plan([]).summary() == "nothing to do"


# --- realize does as it was said -------------------------------------------------------


class Realizing:
    """Builds what its config says, and counts: `chance` by the seed, else by the inputs alone."""

    def __init__(self):
        self.runs = Counter()

    def __call__(self, b):
        self.runs[b.config.dref] += 1
        inputs = [path / "x.txt" for d in b.context for path in b.paths(ps.RefPath(d, ()))]
        read = sum(int(file.read_text()) for file in inputs)
        number = b.seed if b.config["chance"] else (b.config["n"] + read) % 2
        (b.outpath / "x.txt").write_text(str(number))


MANY = [
    lambda rng: match_latest(rng.choice([1, 2])),
    lambda rng: ps.match_some(rng.choice([1, 3])),
    lambda rng: ps.match_best("x.txt", of=rng.choice([1, 2])),
    lambda rng: ps.match_best("x.txt"),
    lambda rng: ps.match_all(),
    lambda rng: ps.match_only(),
]


def some_graph(rng, realizer, size):
    """Derivations, each with inputs among those before it; few values, so that many are alike."""
    made, numbers = {}, rng.choice([(0, 2), (0, 1, 2)])
    for _ in range(size):
        inputs = rng.sample(sorted(made), min(len(made), rng.choice([0, 1, 1, 2])))
        chance = rng.random() < 0.3
        config = {"name": rng.choice("aab"), "chance": chance, "n": rng.choice(numbers)}
        config["inputs"] = [made[dref] for dref in inputs]
        matcher = rng.choice(MANY)(rng) if chance else match_latest()
        new = Derivation(config, matcher, realizer)
        made.setdefault(new.dref, new)
    return list(made.values())


def some_chains(rng, realizer, size):
    """Chains that begin with equal bytes: what one has reached, the others adopt."""
    made = []
    for n in range(0, 6, 2):
        inputs = []
        for step in range(rng.randint(1, 2 + size // 2)):
            config = {"name": "abcdefg"[step], "chance": step % 3 == 1, "n": n if not step else 0}
            matcher = match_latest() if step % 3 != 1 else MANY[step % 6](random.Random(n))
            made.append(Derivation({**config, "inputs": inputs}, matcher, realizer))
            inputs = [made[-1]]
    return made


def disturb(rng, graph, store):
    """Leaves the store in some state: parts built, built again, and removed."""
    for _ in range(rng.randrange(4)):
        some = rng.sample(graph, rng.randint(1, len(graph) // 2 + 1))
        try:
            forced = rng.sample(some, rng.randrange(2))
            ps.realize_many(some, store=store, keep_going=True, force_rebuild=forced)
        except (MatcherUnsatisfied, BuildsFailed):
            pass  # match_only, of what was built twice
    for dref in store.drefs():
        for rref in store.realizations(dref):
            if rng.random() < 0.15:
                store.remove(rref)


@pytest.mark.parametrize("kind", [Store, MemoryStore])
@pytest.mark.parametrize("seed", range(40))
def test_OU3_realize_does_what_was_planned(tmp_path, kind, seed):
    rng, realizer, heard = random.Random(seed), Realizing(), []
    store = kind() if kind is MemoryStore else Store(tmp_path / "store", durable=False)
    graph = rng.choice([some_graph, some_chains])(rng, realizer, rng.randint(1, 9))
    disturb(rng, graph, store)
    targets = rng.sample(graph, rng.randint(1, len(graph)))
    closure = ps.instantiate(targets, store=store)
    some = [d for d in closure.derivations if rng.random() < 0.15]
    options: dict[str, Any] = {
        "force_rebuild": some,
        "attempts": rng.choice([1, 1, 2, 3]),
        "store": store,
    }
    outlook = plan(closure, **options)
    realizer.runs.clear()
    failed = False
    try:
        ps.realize_many(closure, keep_going=True, listener=heard.append, **options)
    except (MatcherUnsatisfied, BuildsFailed):
        failed = True
    built, steps = realizer.runs, {step.dref: step for step in outlook}
    reused = {event.dref for event in heard if isinstance(event, ps.events.Reused)}
    adopted = {event.dref for event in heard if isinstance(event, ps.events.Adopted)}
    assert list(steps) == [derivation.dref for derivation in closure.derivations]  # OU1
    assert set(built) <= {step.dref for step in (*outlook.builds, *outlook.may_follow)}
    for step in outlook.up_to_date:
        assert step.dref in reused - adopted, step
    for step in outlook.of("adopt"):
        assert step.dref in adopted, step
    for step in outlook.builds:
        if step.sure and not (failed and step.dref not in built):
            assert built[step.dref] == step.attempts, step
        if not step.sure and step.kind != "gone" and step.dref in built:
            assert built[step.dref] >= 1
    assert failed or not outlook.of("fail", "skip")
    if not failed:
        assert {step.action for step in plan(closure, store=store)} == {"reuse"}
    assert {step.kind for step in steps.values()} <= set(get_args(Kind))
