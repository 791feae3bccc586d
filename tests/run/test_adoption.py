"""Early cutoff: results reached from the same bytes are taken over, not built again."""

import errno
import os
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import pystore as ps
from pystore import Derivation, Store, build_seed, events, match_latest, match_some, output, stage
from pystore.ask.inspection.attempts import as_run
from pystore.core.attempt import attempt_text
from pystore.core.same_run import run_of
from pystore.errors import BadRef, BuildError, MissingOutput, NotInStore
from pystore.run.acceptance import accept
from pystore.store import attempts as records


def project(version, text="same", matcher=None):
    """`prepare` in some version of its code, and `train`, which reads what it writes."""
    runs = []

    def prepare(b):
        runs.append("prepare")
        (b.outpath / "d").mkdir()
        (b.outpath / "d" / "data.txt").write_text(text)

    def train(b):
        runs.append("train")
        (b.outpath / "model.txt").write_text(str(b.seed))
        (b.outpath / "latest").symlink_to("model.txt")

    prepared = Derivation({"name": "prepare", "code": version}, match_latest(), prepare)
    config = {"name": "train", "data": [prepared, "d", "data.txt"]}
    return Derivation(config, matcher or match_latest(), train), runs


def test_equal_bytes_of_an_edited_input_retrain_nothing(store):
    old, _ = project("v1")
    first = ps.realize(old)
    new, runs = project("v2")
    seen = []
    second = ps.realize(new, listener=seen.append)
    assert runs == ["prepare"]
    assert first != second
    assert ps.catref(first, "model.txt") == ps.catref(second, "latest")
    (adopted,) = [event for event in seen if isinstance(event, events.Adopted)]
    assert (adopted.rrefs, adopted.attempts) == ((second,), 1)
    (attempt,) = ps.attempts(second)
    assert (attempt.seed, attempt.notes["adopted"]) == (ps.attempts(first)[0].seed, first)
    assert os.stat(ps.rref2path(first) / "model.txt").st_nlink == 2
    assert ps.verify().sound


def test_AO3_a_run_is_adopted_once_however_often_the_input_changes(store):
    for n, version in enumerate(["v1", "v2", "v1", "v2", "v3", "v1"], start=1):
        target, _ = project(version)
        ps.realize(target, attempts=n)
        made = ps.attempts(target.dref)
        assert len(made) == len({run_of(attempt) for attempt in made}) == n
        assert [attempt.number for attempt in made] == list(range(n))


def test_AO3_what_was_rejected_is_not_adopted_again(store):
    ps.realize(project("v1")[0])
    target, runs = project("v2")
    rref = ps.realize(target)
    ps.reject(rref, "bad luck")
    assert ps.realize(target) != rref
    assert runs == ["prepare", "train"]
    assert len(ps.attempts(target.dref)) == 2


@pytest.mark.parametrize("which", ["the first", "the copy", "the copy, whose bytes are gone"])
def test_AO5_what_was_rejected_is_rejected_at_each_copy_and_adopted_by_no_other(store, which):
    first = ps.realize(project("v1")[0])
    copy = ps.realize(project("v2")[0])
    if which == "the copy, whose bytes are gone":
        ps.rmref(copy)
    ps.reject(first if which == "the first" else copy, "label leak")
    assert ps.rejected(first) == {first: "label leak"}
    assert ps.rejected(copy) == {copy: "label leak"}
    assert [note.because for note in ps.notes(first)] == ["label leak"]
    new, runs = project("v3")
    assert not [step for step in ps.plan(new).steps if step.kind == "adopted"]
    assert ps.catref(ps.realize(new), "model.txt") != ps.catref(first, "model.txt")
    assert runs == ["prepare", "train"]


def test_AO5_of_several_runs_only_that_one_is_rejected(store):
    ps.realize(project("v1")[0], attempts=3)
    ps.realize(project("v2")[0], attempts=3)
    old = sorted(store.realizations(project("v1")[0].dref))
    ps.reject(old[0], "label leak")
    assert len(ps.rejected(project("v2")[0].dref)) == 1
    new, runs = project("v3")
    ps.realize(new, attempts=2)
    assert runs == ["prepare"]
    bad = ps.catref(old[0], "model.txt")
    assert all(ps.catref(r, "model.txt") != bad for r in store.realizations(new.dref))


def test_AO5_what_was_accepted_stands_for_itself(store):
    first = ps.realize(project("v1")[0])
    other = Derivation({"name": "train", "more": 1}, match_latest(), lambda b: None)
    accepted = accept(first, other)
    ps.reject(first, "label leak")
    assert ps.rejected(accepted) == {}
    second = ps.realize(project("v2")[0])
    again = accept(second, Derivation({"name": "train", "more": 2}, match_latest(), print))
    ps.reject(again, "not the same after all")
    assert ps.rejected(second) == {}


def test_what_was_rejected_is_not_accepted_and_the_error_says_so(store):
    first = ps.realize(project("v1")[0])
    ps.reject(first, "label leak")
    other = Derivation({"name": "train", "more": 1}, match_latest(), lambda b: None)
    with pytest.raises(BadRef, match="was rejected") as refused:
        accept(first, other)
    assert refused.value.facts["reason"] == "label leak"


def test_AO5_what_was_rejected_above_a_store_is_not_adopted_from_below(store, tmp_path):
    first = ps.realize(project("v1")[0])
    with Store(tmp_path / "mine", durable=False, below=store.root).use():
        ps.reject(first, "label leak")
        new, runs = project("v2")
        ps.realize(new)
    assert runs == ["prepare", "train"]
    assert ps.rejected(first, store=store) == {}


def test_S6_an_adoption_that_a_full_disk_ends_leaves_no_attempts(store, monkeypatch):
    ps.realize(project("v1")[0], attempts=3)
    new, _ = project("v2")
    record, written = records.record, []

    def full(folder, attempt, **options):
        if attempt.dref == new.dref and written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(attempt.dref == new.dref)
        record(folder, attempt, **options)

    monkeypatch.setattr(records, "record", full)
    with pytest.raises(OSError, match="No space"):
        ps.realize(new)
    assert {attempt.outcome for attempt in ps.attempts(new.dref)} <= {"succeeded"}


def test_other_bytes_retrain(store):
    ps.realize(project("v1")[0])
    new, runs = project("v2", text="other")
    ps.realize(new)
    assert runs == ["prepare", "train"]


def test_all_attempts_are_taken_over(store):
    ps.realize_many(project("v1", matcher=match_some(3))[0])
    new, runs = project("v2", matcher=match_some(3))
    assert len(ps.realize_many(new)) == 3
    assert runs == ["prepare"]
    assert [a.number for a in ps.attempts(new.dref)] == [0, 1, 2]


def test_a_forced_build_adopts_nothing(store):
    ps.realize(project("v1")[0])
    new, runs = project("v2")
    ps.realize(new, force_rebuild=True)
    assert runs == ["prepare", "train"]


@pytest.mark.parametrize("how", ["damaged", "rejected", "removed"])
def test_AO1_what_is_damaged_rejected_or_gone_is_not_adopted(store, how):
    rref = ps.realize(project("v1")[0])
    if how == "damaged":
        file = ps.rref2path(rref) / "model.txt"
        file.chmod(0o644)
        file.write_text("0")
    elif how == "rejected":
        ps.reject(rref, "label leak")
    else:
        ps.rmref(rref)
    new, runs = project("v2")
    second = ps.realize(new)
    assert runs == ["prepare", "train"]
    assert ps.attempts(second)[0].notes == {}


def test_AO2_the_index_may_be_lost(store):
    first = ps.realize(project("v1")[0])
    for folder in store.parts.layout.resolved.iterdir():
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()
    new, runs = project("v2")
    assert ps.realize(new) != first
    assert runs == ["prepare", "train"]
    assert ps.realize(project("v3")[0])


def test_what_was_adopted_stays_when_the_original_goes(store):
    first = ps.realize(project("v1")[0])
    second = ps.realize(project("v2")[0])
    ps.rmref(first)
    ps.gc(keep=[second], dry_run=False)
    assert ps.verify().sound
    assert ps.catref(second, "latest")


def test_two_that_adopted_of_each_other_have_the_log_of_the_one_that_ran(store):
    old, new = project("v1")[0], project("v2")[0]
    first = ps.realize(old)
    second = ps.realize(new)
    ps.rmref(first)
    assert ps.realize(old) == first
    for rref in (first, second):
        (ran,) = {as_run(attempt, store).id for attempt in ps.attempts(rref)}
        assert ran == ps.attempts(first)[0].id


def test_a_result_that_lacks_a_promised_file_is_not_accepted(store):
    @stage
    def report(text=output("report.txt")):
        text.write_text("fine")

    @stage
    def train(rate=1, model=output("model.txt"), plots=output("plots")):
        model.write_text("m")
        plots.mkdir()

    with pytest.raises(BadRef, match=r"lacks files that train promises") as caught:
        accept(ps.realize(report()), train())
    assert (caught.value.missing, caught.value.there_are) == ("model.txt, plots", "report.txt")
    assert ps.attempts() == ps.attempts(where="stage=report")
    assert ps.attempts(accept(ps.realize(train()), train(rate=2)))


def test_accept_makes_old_attempts_count_by_a_users_word(store):
    old, _ = project("v1", text="old")
    first = ps.realize(old)
    new, runs = project("v2", text="new")
    accepted = accept(first, new)
    assert runs == ["prepare"]
    assert ps.realize(new) == accepted
    assert runs == ["prepare"]
    (attempt,) = ps.attempts(accepted)
    assert attempt.notes == {"adopted": first, "accepted": f"by user {os.geteuid()}"}
    ps.rmref(first)
    with pytest.raises(NotInStore):
        accept(first, new)


def test_a_lost_result_that_is_adopted_again_is_not_built_again(store):
    ps.realize(project("v1")[0])
    lost = ps.realize(project("v2")[0])
    ps.rmref(lost)
    more, runs = project("v2", matcher=match_latest(2))
    assert lost in ps.realize_many(more)
    assert runs == ["train"]


# --- what else it has read (AO4) ------------------------------------------------------------


@stage(code=None)
def part(build, label: str = "a", file=output("file.txt")):
    file.write_text(str(build_seed(build)) if label.startswith("seed") else "same")


@stage(code=None)
def shown(source=part(), way: str = "label", file=output("file.txt")):
    file.write_text(source.label if way == "label" else source.file.read_text())


def rewritten(attempt, store, **changes):
    """Gives the record of an attempt other words, as another version may have written them."""
    path = Path(store.parts.layout.beside(attempt.dref, attempt.context, attempt.number, "json"))
    path.unlink()
    path.write_bytes(attempt_text(attempt._replace(**changes)))


def test_AO4_a_record_that_does_not_say_what_was_read_is_never_adopted(store):
    first = ps.realize(shown(part("a"), "file"))
    rewritten(ps.attempts(first)[0], store, reads=None)
    new = shown(part("b"), "file")
    ps.realize(part("b"))
    assert "does not say what it has read" in ps.explain(new).reasons[-2]
    assert "adopted" not in ps.attempts(ps.realize(new))[0].notes


@pytest.mark.parametrize("reads", [{"smell /source/0": "0" * 32}, {"": ""}, ["k"], {"rref": 7}])
def test_AO4_reads_that_are_not_understood_are_as_none(store, reads):
    first = ps.realize(shown(part("a"), "file"))
    rewritten(ps.attempts(first)[0], store, reads=reads)
    assert "adopted" not in ps.attempts(ps.realize(shown(part("b"), "file")))[0].notes


def test_AO4_plan_and_explain_say_what_kept_a_result_from_being_adopted(store):
    first = ps.realize(shown(part("a")))
    ps.realize(part("b"))
    said = f"{first.dref.short} has a result from the same bytes, not adopted: it has read "
    said += "`source.label`, not as it is here"
    new = shown(part("b"))
    assert said in ps.plan(new).steps[-1].reasons
    assert said in ps.explain(new).reasons
    assert said in ps.explain(ps.realize(new)).reasons


def test_AO4_plan_tells_what_is_read_of_inputs_that_are_adopted_themselves(store):
    @stage(code=None)
    def middle(source=part(), file=output("file.txt")):
        file.write_text(source.file.read_text())

    @stage(code=None)
    def end(source=middle(), way: str = "bytes", file=output("file.txt")):
        file.write_text(str(source.source.label if way == "label" else source.source.file.exists()))

    for way, then in (("bytes", "adopt"), ("label", "build")):
        ps.realize(end(middle(part("a")), way))
        label = f"b{way}"
        ps.realize(part(label))
        steps = [step.action for step in ps.plan(end(middle(part(label)), way)).steps]
        assert steps == ["reuse", "adopt", then]
        heard = []
        ps.realize(end(middle(part(label)), way), listener=heard.append)
        assert sum(isinstance(event, events.Succeeded) for event in heard) == (then == "build")


@pytest.mark.parametrize("options", [{}, {"workers": 1}])
def test_AO4_a_list_of_realizations_is_in_the_order_of_their_bytes(store, options):
    @stage(code=None)
    def middle(source=part(), file=output("file.txt")):
        file.write_text(source.file.read_text())

    @stage(code=None)
    def joined(build, parts=None, file=output("file.txt")):
        texts = [one.file.read_text() for one in parts]
        paths = ps.build_paths(build, [build.config["parts"], "file.txt"])
        assert texts == [path.read_text() for path in paths]
        file.write_text(" ".join(texts))

    for label in range(5):
        several = part(f"seed{label}").replace(matcher=match_some(3))
        target = joined(several)
        rref = ps.realize(target, **options)
        texts = ps.catref(rref, "file.txt")[0].split()
        trees = {
            store.tree(r): ps.catref(r, "file.txt")[0] for r in ps.context_of(rref)[several.dref]
        }
        assert texts == [text for _, text in sorted(trees.items())]


def test_AO4_inputs_by_hand_are_in_the_order_of_the_config(store):
    def gather(b):
        paths = [ps.build_path(b, [dref, "file.txt"]) for dref in ps.build_config(b).inputs]
        texts = [path.read_text() for path in paths]
        (b.outpath / "texts").write_text(" ".join(texts))

    def text_of(number, label):
        def write(b):
            (b.outpath / "file.txt").write_text(str(number))

        return Derivation({"name": f"n{number}", "label": label}, match_latest(), write)

    for label in range(6):
        inputs = {f"k{number}": text_of(number, label) for number in range(3)}
        rref = ps.realize(Derivation({"name": "gather", **inputs}, match_latest(), gather))
        assert ps.catref(rref, "texts") == ["0 1 2"]


@pytest.mark.parametrize("where", ["here", "threads", "workers", "processes"])
def test_AO4_reads_are_noted_wherever_it_is_built(store, where):
    @stage(code=None)
    def names(build, source=part(), file=output("file.txt")):
        if not (pid := os.fork()):
            file.write_text(source.label)
            os._exit(0)
        os.waitpid(pid, 0)

    with ExitStack() as pools:
        ways: dict[str, dict[str, Any]] = {
            "here": {},
            "threads": {"executor": pools.enter_context(ThreadPoolExecutor(1))},
            "workers": {"workers": 1},
            "processes": {"executor": pools.enter_context(ProcessPoolExecutor(1))},
        }
        options = ways[where]
        for label in ("a", "b"):
            rref = ps.realize(names(part(label)), **options)
            assert ps.catref(rref, "file.txt") == [label]
            assert "value /source/0/label" in ps.attempts(rref)[0].reads


def test_AO4_what_was_accepted_is_adopted_by_no_other(store):
    first = ps.realize(shown(part("a"), "file"))
    accepted = accept(first, shown(part("seed"), "file"))
    assert ps.attempts(accepted)[0].reads is None
    assert ps.attempts(first)[0].reads == ps.attempts(ps.realize(shown(part("b"), "file")))[0].reads


def by_hand(reads):
    """A stage with a scratch that asks for a parameter of its input in its first try only."""

    def resume(b):
        done = ps.build_scratch(b) / "label"
        if not done.exists():
            done.write_text(ps.config_of(ps.build_config(b)["source"])["label"])
            reads()
        (b.outpath / "file.txt").write_text(done.read_text())

    return lambda label: Derivation(
        {"name": "resume", "source": part(label)}, match_latest(), resume
    )


def fails():
    raise RuntimeError("no power")


def dies():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("how", "options"),
    [(fails, {}), (fails, {"workers": 1}), (dies, {"workers": 1}), (fails, {"retries": 1})],
)
def test_AO4_what_the_tries_before_have_read_counts(store, how, options):
    resume = by_hand(how)
    with ExitStack() as failing:
        if "retries" not in options:
            failing.enter_context(pytest.raises(BuildError))
        ps.realize(resume("a"), **options)
    first = ps.realize(resume("a"), **options)
    assert ps.catref(first, "file.txt") == ["a"]
    assert [key for key in ps.attempts(first)[0].reads if key.startswith("dref ")]
    assert [n for n in os.listdir(store.parts.layout.attempts(first.dref)) if "reads" in n] == []
    assert ps.catref(ps.realize(resume("b"), workers=1, retries=1), "file.txt") == ["b"]


@pytest.mark.parametrize("how", ["lost", "torn", "empty", "of another start"])
def test_AO4_where_the_reads_before_are_not_known_nothing_is(store, how):
    resume = by_hand(fails)
    with pytest.raises(BuildError):
        ps.realize(resume("a"))
    (left,) = Path(store.parts.layout.attempts(resume("a").dref)).glob("*.reads")
    lines = left.read_bytes()
    left.unlink()
    if how != "lost":
        before = {"torn": lines[:-1], "empty": b"", "of another start": lines.replace(b"-", b"_")}
        left.write_bytes(before[how])
    first = ps.realize(resume("a"))
    assert ps.attempts(first)[-1].reads is None


def test_AO4_what_a_kill_has_left_beside_no_scratch_goes_with_the_next_attempt(store):
    first = ps.realize(shown(part("a"), "file"))
    (attempt,) = ps.attempts(first)
    path = store.parts.layout.beside(attempt.dref, attempt.context, 7, "reads")
    Path(path).write_bytes(b"torn")
    second = ps.realize(shown(part("a"), "file"), force_rebuild=True)
    assert not Path(path).exists()
    assert ps.attempts(second)[-1].reads == attempt.reads


def test_AO4_a_staging_that_was_mended_keeps_what_was_read(store):
    def lacks(b):
        (b.outpath / "label").write_text(ps.config_of(ps.build_config(b)["source"])["label"])

    config = {"name": "lacks", "source": part("a"), "out": [ps.selfref, "file.txt"]}
    with pytest.raises(MissingOutput) as caught:
        ps.realize(Derivation(config, match_latest(), lacks))
    staging = Path(caught.value.staging)
    (staging / "out" / "file.txt").write_text("by hand")
    rref = ps.commit(staging)
    assert list(ps.attempts(rref)[-1].reads) == ["dref /source/0"]
    assert ps.verify().sound


def test_AO4_reads_travel_with_their_record(store, tmp_path):
    first = ps.realize(shown(part("a")))
    ps.export_archive([first], tmp_path / "x.tar.zst")
    other = ps.Store(tmp_path / "other", durable=False)
    with other.use():
        ps.import_archive(tmp_path / "x.tar.zst")
        assert ps.attempts(first)[0].reads == ps.attempts(first, store=store)[0].reads
        assert ps.catref(ps.realize(shown(part("b"))), "file.txt") == ["b"]
        assert ps.verify().sound
    other.destroy()
    ps.push([first], tmp_path / "remote")
    third = ps.Store(tmp_path / "third", durable=False)
    with third.use():
        ps.realize(part("b"))
        for label in ("b", "a"):
            got = ps.realize(shown(part(label)), substitute=[tmp_path / "remote"])
            assert ps.catref(got, "file.txt") == [label]
    third.destroy()
