"""Explaining why something is new; debugging; replaying; the last failure."""

import random

import numpy as np
import pytest

import pystore as ps
from pystore import Derivation, debug, explain, last_failure, match_latest, output, replay, stage
from pystore.errors import BadStage, BuildError, NotInStore, UnkeepableOutput


def edited(source, name="train"):
    """The stage in a version of its source, as an editor would leave it in a notebook's cell."""
    import linecache

    file = f"<ipython-input-{len(linecache.cache)}-x>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    namespace = {"stage": stage, "output": output}
    exec(compile(source, file, "exec"), namespace)
    return namespace[name]


SOURCE = """
def augment(x):
    return x + 1

@stage
def prepare(n=1, file=output("data.txt")):
    file.write_text(str(augment(n)))

@stage
def train(data=prepare(), epochs=1, accuracy=output("accuracy.txt")):
    accuracy.write_text(data.file.read_text())
"""


def test_explain_names_the_function_that_changed(store):
    train = edited(SOURCE)
    assert explain(train()).reasons == ("will build: no realization in this context",)
    train().run()
    assert explain(train()).reasons == ("up to date",)
    changed = edited(SOURCE.replace("x + 1", "x + 2"), "prepare")
    told = "new because `prepare()` changed: function `augment`"
    assert explain(changed()).reasons == (told,)
    assert explain(edited(SOURCE.replace("x + 1", "x + 2"))()).reasons == (
        "input prepare will be rebuilt, this may follow",
        f"prepare: {told}",
    )


def test_explain_names_the_parameter_that_changed(store):
    train = edited(SOURCE)
    train(epochs=1).run(force_rebuild=True)
    explanation = explain(train(epochs=3))
    assert explanation.reasons == (
        "new because `epochs` 1 → 3; 1 realization exists for the old value",
    )
    assert explanation.nearest == train(epochs=1).dref
    assert explanation.kind == "parameters-changed"


def reasons(ref):
    return explain(ref).reasons


def test_a_reference_alone_is_explained_from_the_records(store):
    train = edited(SOURCE)
    first = train().run()
    assert reasons(first.rref) == ("nothing named train was built here before",)
    second = train(epochs=3).run()
    told = "new because `epochs` 1 → 3; 1 realization exists for the old value"
    assert reasons(second.dref) == reasons(second.rref) == (told,)
    assert explain(second.dref).nearest == first.dref
    changed = edited(SOURCE.replace("x + 1", "x + 2"))().run()
    assert reasons(str(changed.dref)) == (
        "new because its input `data` changed",
        "prepare: new because `prepare()` changed: function `augment`",
    )


def test_what_a_derivation_is_compared_with_was_there_before_it(store):
    train = edited(SOURCE)
    for epochs in (1, 3, 2):
        train(epochs=epochs).run()
    assert [reasons(train(epochs=n).dref)[0] for n in (3, 2)] == [
        "new because `epochs` 1 → 3; 1 realization exists for the old value",
        "new because `epochs` 3 → 2; 1 realization exists for the old value",
    ]


def test_all_that_changed_is_explained(store):
    train = edited(SOURCE)
    first = train().run()
    ps.rmref(first.rref)
    source = SOURCE.replace("x + 1", "x + 2").replace("epochs=1", "epochs=2")
    changed = edited(source)()
    told = (
        "new because `epochs` 1 → 2; no realization exists for the old value",
        "new because its input `data` changed",
        "prepare: new because `prepare()` changed: function `augment`",
    )
    assert reasons(changed) == told
    assert reasons(str(changed.run().dref)) == told


def test_a_realization_that_was_not_the_first_says_so(store):
    first = ps.realize(pair())
    inner = pair().holds[0]
    again = ps.realize(inner, force_rebuild=True)
    assert reasons(again) == (
        "built again in the same context: forced, or the matcher wanted more",
    )
    (told,) = reasons(ps.realize(pair()))
    assert told == (
        f"no realization was in this context: of {inner.dref.short} another realization was "
        f"chosen than for {first}"
    )


def test_what_was_adopted_or_never_built_says_so(store):
    def chain(version):
        inner = Derivation({"name": "inner", "version": version}, match_latest(), same)
        return Derivation({"name": "outer", "in": inner}, match_latest(), same)

    first, second = (ps.realize(chain(version)) for version in (1, 2))
    assert reasons(second)[:2] == (
        "new because its input `in` changed",
        f"adopted: {first} has the same bytes",
    )
    closure = ps.instantiate(chain(3))
    assert reasons(closure.drefs[0])[:2] == (
        "new because its input `in` changed",
        "no attempt of it has succeeded",
    )
    with pytest.raises(NotInStore):
        explain("dref:" + "0" * 32 + "-none")
    with pytest.raises(NotInStore):
        explain(f"rref:{'0' * 32}-{second.dref[5:]}")


def test_what_the_store_has_lost_hides_no_explanation(store):
    ps.realize(pair())
    ps.realize(pair().holds[0], force_rebuild=True)
    again = ps.realize(pair())
    ps.rmref(again)
    assert reasons(again) == ("no realization was in this context",)
    edited(SOURCE)().run()
    second = edited(SOURCE.replace("x + 1", "x + 2"))().run()
    store.remove_derivation(second.data.rref.dref)
    assert reasons(second.dref) == (
        "new because its input `data` changed",
        "prepare: this store does not hold it",
    )


def same(b):
    (b.outpath / "x.txt").write_text("same")


def test_explanations_keep_the_shape_of_their_targets(store):
    train = edited(SOURCE)
    told = explain({"a": [train(epochs=1)], "b": train()})
    assert told["a"][0].kind == told["b"].kind == "missing"
    assert str(told["b"]) == (f"{train().dref}\n  will build: no realization in this context")


# --- debug -----------------------------------------------------------------------------


def seeded(b):
    (b.outpath / "x.txt").write_text(str(b.seed))


def pair():
    inner = Derivation({"name": "inner"}, match_latest(), seeded)
    return Derivation({"name": "outer", "in": [inner, "x.txt"]}, match_latest(), seeded)


def test_debug_hands_over_a_build_and_commits_it(store):
    with debug(pair()) as b:
        assert ps.build_path(b, b.config["in"]).read_text()
        (b.outpath / "by-hand.txt").write_text("x")
    rref = ps.realize(pair())
    assert "by-hand.txt" in ps.lsref(rref)


@pytest.mark.parametrize("how", ["commit", "discard"])
def test_debug_ends_once(store, how):
    with debug(pair()) as b:
        seeded(b)
        getattr(b, how)()
    assert len(ps.lsref(pair().dref)) == (how == "commit")


def test_debug_keeps_the_directory_of_an_exception(store):
    with pytest.raises(ZeroDivisionError) as caught, debug(pair()) as b:
        (b.outpath / "half.txt").write_text("x")
        raise ZeroDivisionError
    assert str(b.outpath.parent) in caught.value.__notes__[0]
    assert (b.outpath / "half.txt").exists()
    assert ps.lsref(pair().dref) == []


def test_debug_line_by_line(store):
    b = ps.Debug.start(pair())
    (b.outpath / "bad").symlink_to("/etc")
    with pytest.raises(UnkeepableOutput):
        b.commit()
    (b.outpath / "bad").unlink()
    seeded(b)
    rref = b.commit()
    assert ps.lsref(pair().dref) == [rref]
    other = ps.Debug.start(pair())
    other.discard()
    assert not other.outpath.exists()
    assert [a.outcome for a in ps.attempts(pair().dref)] == ["succeeded", "failed"]
    with pytest.raises(BadStage, match="one target"):
        ps.Debug.start([pair(), Derivation({}, match_latest(), seeded)])


# --- seeds and failures ----------------------------------------------------------------


def test_replay_says_whether_the_bytes_agree(store):
    rref = ps.realize(pair())
    again = replay(pair(), rref)
    assert again.agrees
    assert "the same bytes" in str(again)
    noise = iter("abcdef")

    def noisy(b):
        seeded(b)
        (b.outpath / "noise.txt").write_text(next(noise))

    derivation = Derivation({"name": "noisy"}, match_latest(), noisy)
    rref = ps.realize(derivation)
    assert replay(derivation, rref).differing == ("noise.txt",)
    assert len(ps.attempts(derivation.dref)) == 1
    assert ps.gc(keep=[rref, ps.realize(pair())]).litter == ()
    with pytest.raises(NotInStore, match="the parameters, the inputs and the code that made it"):
        replay(pair(), rref)


def test_seed_everything_repeats_every_source_of_chance(store):
    drawn = []

    def draw(b):
        assert ps.seed_everything(b) == b.seed
        drawn.append((random.random(), np.random.rand()))

    derivation = Derivation({}, match_latest(), draw)
    rref = ps.realize(derivation)
    replay(derivation, rref)
    ps.realize(derivation, force_rebuild=True)
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_last_failure_has_traceback_and_staging(store):
    with pytest.raises(NotInStore, match="no attempt has failed"):
        last_failure()

    def fails(b):
        (b.outpath / "half.txt").write_text("x")
        raise ValueError("diverged")

    derivation = Derivation({}, match_latest(), fails)
    with pytest.raises(BuildError):
        ps.realize(derivation)
    for failure in (last_failure(), last_failure(derivation.dref)):
        assert "ValueError: diverged" in failure.error
        assert "in fails" in failure.error
        assert (failure.staging / "out" / "half.txt").exists()
    ps.gc((), dry_run=False)
    assert last_failure().staging is None


def test_attempts_know_what_they_ran_on(store):
    rref = ps.realize(pair())
    (attempt,) = ps.attempts(rref)
    assert {"python", "pystore", "system", "numpy"} <= set(attempt.versions)
    assert attempt.duration >= 0
