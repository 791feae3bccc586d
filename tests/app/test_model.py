"""A model is a stage: what counts into its identity, what it follows, and what it refuses."""

import pickle
from typing import Any

import numpy as np
import pytest

from pystore import best, explain, match_best, pin, plan, realize, results, sweep, unpin
from pystore.app import BadFeatures, Model, Refused, Run
from pystore.errors import BadStage, InUse, NotInStore, PystoreWarning

GOOD: dict[str, Any] = {"fit__C": 0.1}

TRAINS_AGAIN = {
    "trainer": ("target.squeeze())  # fits", "target.to_numpy().ravel())"),
    "init": ("LogisticRegression()", "LogisticRegression(tol=1e-3)"),
    "evaluator": ("return accuracy", "return 0.5 * accuracy"),
    "feature_transformer": ("features * 2.0", "features * 3.0"),
    "reader": ("RandomState(0)", "RandomState(1)"),
    "split": ("test_size=0.25", "test_size=0.5"),
    "a helper": (
        "(truth.to_numpy() == predicted).mean()",
        "(truth.to_numpy() != predicted).mean()",
    ),
}
TRAINS_NOTHING = {
    "a comment": ("# fits", "# learns"),
    "predictor": ("[int(one) for one in", "[int(one) + 10 for one in"),
    "feature_loader": (
        "@model.init",
        "@dataset.feature_loader\ndef f(raw): return raw\n\n@model.init",
    ),
}


def tried(module: Any, **options: Any) -> Run:
    run: Run = module.model.train(GOOD, progress=False, **options)
    return run


@pytest.mark.parametrize("role", TRAINS_AGAIN)
def test_RX1_an_edit_of_what_trains_trains_again(load, store, role):
    old = tried(load())
    new = tried(load(TRAINS_AGAIN[role]))
    assert new.view.dref != old.view.dref
    assert tried(load()).rref == old.rref  # edited back


@pytest.mark.parametrize("role", TRAINS_NOTHING)
def test_RX1_an_edit_of_what_answers_trains_nothing(load, store, role):
    old = tried(load())
    assert tried(load(TRAINS_NOTHING[role])).rref == old.rref
    assert len(old.view.attempts) == 1


def test_RO1_a_default_of_a_role_counts(load, store):
    one = load(("target: pd.DataFrame) -> Pipeline:", "target, speed=1) -> Pipeline:"))
    dref = one.model(**GOOD).dref
    other = load(("target: pd.DataFrame) -> Pipeline:", "target, speed=2) -> Pipeline:"))
    assert other.model(**GOOD).dref != dref


def test_RO2_what_is_decorated_stays_a_function(load, store):
    module = load()
    assert module.trainer.__name__ == "trainer"
    assert list(module.reader(rows=8)["kind"]) == [0, 1] * 4


def test_a_keyword_of_the_trainer_is_a_parameter_of_the_model(load, store):
    module = load(
        ("target: pd.DataFrame) -> Pipeline:", "target, *, build, rounds=3) -> Pipeline:"),
        (
            "return estimator.fit",
            "build.metric('rounds', float(rounds), None)\n    return estimator.fit",
        ),
    )
    assert module.model(**GOOD).config["rounds"] == 3
    run = module.model.train({**GOOD, "rounds": 5}, progress=False)
    assert dict(run.hyperparameters) == GOOD
    assert run.view.attempts[0].metrics["rounds"] == 5


def test_a_model_is_a_stage_for_all_that_takes_one(load, store):
    model = load().model
    runs = sweep(model, fit__C=[0.001, 0.1])
    assert len(plan(runs).builds) == 4
    realize(runs, attempts=2, progress=False)
    assert len(results(model)) == 4
    assert model.history().parameters == ("fit__C",)
    assert "fit__C" in str(model.history().summary("test"))
    assert model.best("test") == best(model, "test")
    with pytest.warns(PystoreWarning), pytest.raises(NotInStore, match="has the metric accuracy"):
        model.best("accuracy")
    assert explain(model(fit__C=0.2)) is not None
    assert len(model.comparable()) == 2


def test_hyperparameters_are_a_dict(load, store):
    with pytest.raises(BadStage, match="of classifier are no dict"):
        load().model.train("C=1")


def test_a_model_goes_to_workers(load, store):
    model = load().model
    runs = sweep(model, fit__C=[0.001, 0.1])
    assert len(realize(runs, workers=2, progress=False)) == 2


def test_a_model_of_a_module_is_pickled_by_its_name(load, store):
    model = load().model
    assert pickle.loads(pickle.dumps(model)) is model


def test_DA1_data_is_read_once(load, store, tmp_path):
    log = tmp_path / "log"
    note = f"open({str(log)!r}, 'a').write('x')\n    random ="
    module = load(("random =", note))
    tried(module)
    module.model.train({"fit__C": 0.2}, progress=False)
    module.reader()
    assert log.read_text() == "x"
    again = tried(module, reread=True)
    assert log.read_text() == "xx"
    assert len(again.view.attempts) == 1  # equal bytes train nothing


def test_ML1_another_reading_is_another_context(load, store, tmp_path):
    source = tmp_path / "seed"
    source.write_text("0")
    module = load(("RandomState(0)", f"RandomState(int(open({str(source)!r}).read()))"))
    old = tried(module)
    source.write_text("1")
    assert tried(module).rref == old.rref  # read once
    new = tried(module, reread=True)
    assert new.rref != old.rref
    assert new.view.dref == old.view.dref
    assert module.model.best("test") == new.rref


def test_ML1_what_other_code_trained_is_not_followed(load, store):
    tried(load())
    other = load(TRAINS_AGAIN["trainer"])
    assert other.model.comparable() == []
    with pytest.raises(BadStage, match="not trained yet"):
        other.model.predict([[1.0, 2.0, 3.0]])


def test_AK1_a_fresh_process_answers_with_what_the_matcher_chooses(load, store):
    model = load().model
    runs = sweep(model, fit__C=[1e-6, 0.1])
    realize(runs, progress=False)
    fresh = load(
        ('Model("classifier", ', 'Model("classifier", matcher=match_best("test"), '),
        ("from helpers", "from pystore import match_best\nfrom helpers"),
    ).model
    assert fresh.predict([[0.0, 0.0, 0.0], [3.0, 3.0, 3.0]]) == [0, 1]
    assert fresh._used.rref == fresh.best("test")


def test_what_is_used_answers_until_another_is(load, store):
    module = load()
    run = tried(module)
    other = module.model.train({"fit__C": 1e-6}, progress=False)
    assert module.model.artifact is other.estimator
    module.model.use(run.rref)
    assert module.model.artifact.get_params()["fit__C"] == 0.1
    assert module.model.predict_one({"a": 3.0, "b": 3.0, "c": 3.0}) == 1


def test_a_model_moves_as_a_file(load, store, tmp_path):
    from pystore import Store

    module = load()
    run = tried(module)
    file = module.model.save(tmp_path / "model.tar.zst")
    with Store(tmp_path / "elsewhere", durable=False).use():
        assert module.model.load(file).rref == run.rref


def test_the_better_by_a_matcher_of_many_is_loaded(load, store):
    module = load()
    run = module.model.train(GOOD, attempts=2, matcher=match_best("test"), progress=False)
    assert run.rref in run.rrefs


def test_the_traces_of_a_run_are_rows_by_metric(load, store):
    fits = "return estimator.fit"
    told = "[build.metric('loss', 1 / (i + 1), i) for i in range(3)]"
    module = load(
        ("target: pd.DataFrame) -> Pipeline:", "target, *, build) -> Pipeline:"),
        (fits, f"{told}\n    {fits}"),
    )
    run = tried(module)
    assert [(point.step, point.value) for point in run.traces["loss"]] == [
        (0, 1.0), (1, 0.5), (2, 1 / 3)
    ]  # fmt: skip
    assert {point.rref for point in run.traces["loss"]} == {run.rref}
    assert [*run.traces] == ["loss"]


def test_all_of_a_model_is_removed_when_told(load, store):
    module = load()
    run = tried(module)
    assert str(module.model.remove()).startswith("would remove 1 derivation, 1 realization")
    pin(run.rref, "serving")
    with pytest.raises(InUse, match="classifier"):
        module.model.remove(dry_run=False)
    unpin("serving")
    assert module.model.remove(dry_run=False).drefs == (run.rref.dref,)
    assert [dref.name for dref in store.drefs()].count("classifier") == 0
    with pytest.raises(BadStage, match="not trained yet"):
        module.model.predict([[1.0, 2.0, 3.0]])
    assert tried(module).rref == run.rref


# --- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["name", "data", "code", "version", "valid", "recipe"])
def test_RX2_a_hyperparameter_with_a_reserved_name_is_refused(load, store, name):
    with pytest.raises(BadStage, match="cannot be called"):
        load().model.train({name: 1})


def test_RX2_a_hyperparameter_that_the_estimator_has_not_costs_nothing(load, store):
    with pytest.raises(BadStage, match="cannot be made"):
        load().model.train({"fit__D": 1})
    assert store.drefs() == []


@pytest.mark.parametrize("role", ["init", "trainer", "evaluator"])
def test_RX2_a_role_that_is_missing_is_named(load, store, role):
    module = load((f"@model.{role}\n", ""))
    with pytest.raises(BadStage, match=f"has no {role}"):
        module.model.train(GOOD)
    assert store.drefs() == []


def test_a_reader_that_returns_nothing_is_told(load, store):
    with pytest.raises(BadStage, match="returned nothing"):
        tried(load(("return frame.assign(kind=np.arange(rows) % 2)", "frame")))


def test_a_reader_may_end_with_any_value(load, store):
    returned = "return frame.assign(kind=np.arange(rows) % 2)"
    assert tried(load((returned, "frame['kind'] = [0, 1] * (rows // 2)\n    return frame")))


def test_an_evaluator_that_returns_text_is_told(load, store):
    text = "return accuracy(target.squeeze(), estimator.predict(features))"
    with pytest.raises(BadStage, match="returned no number"):
        tried(load((text, "return 'x'")))


def test_a_target_that_is_no_column_is_named(load, store):
    with pytest.raises(BadStage, match="species"):
        tried(load(('targets=["kind"]', 'targets=["species"]')))


@pytest.mark.parametrize("size", ["2", "0", "-0.1", "1.0"])
def test_a_test_part_of_no_share_is_refused(load, size):
    with pytest.raises(BadStage, match="shares"):
        load(("test_size=0.25", f"test_size={size}"))


def test_a_reader_without_a_cache_reads_each_time(load, store, tmp_path):
    log = tmp_path / "log"
    note = f"open({str(log)!r}, 'a').write('x')\n    random ="
    module = load(("random =", note), ("@dataset.reader", "@dataset.reader(cache=False)"))
    tried(module)
    tried(module)
    assert log.read_text() == "xx"


def test_a_trainer_without_a_cache_is_refused(load):
    with pytest.raises(BadStage, match="always kept"):
        load(("@model.trainer", "@model.trainer(cache=False)"))


# --- predictions -------------------------------------------------------------------------


def test_TR2_a_predictor_that_fails_costs_no_training(load, store):
    module = load(("[int(one) for one in estimator.predict(features)]", "1 / 0"))
    with pytest.warns(match="ZeroDivisionError"):
        run = tried(module)
    assert run.metrics["test"] > 0.5
    assert "ZeroDivisionError" in run.loaded.signature.failure


def test_the_kinds_of_predictions_become_plain_values(load, store):
    for text in ("estimator.predict(features)", "pd.Series(estimator.predict(features))"):
        model = load(("[int(one) for one in estimator.predict(features)]", text)).model
        model.train(GOOD, progress=False)
        assert model.predict([[3.0, 3.0, 3.0]]) == [1]


def test_features_of_another_width_are_refused(load, store):
    model = load().model
    model.train(GOOD, progress=False)
    for wrong in ([[1.0, 2.0]], [["x", "y", "z"]], [[1.0, 2.0, np.inf]], {"a": 1.0, "b": 2.0}):
        with pytest.raises(BadFeatures):
            model.predict(wrong)
    with pytest.raises(BadFeatures, match="missing value"):
        model.predict([[1.0, 2.0, None]])


def test_LM2_a_realization_that_predicts_otherwise_is_refused(load, store):
    from pystore.app import Refused

    run = tried(load())
    run.loaded.check()
    run.loaded.estimator.named_steps["fit"].coef_ *= -1
    with pytest.raises(Refused, match="otherwise"):
        run.loaded.check()


def test_LM2_another_predictor_must_only_predict(load, store):
    tried(load())
    run = tried(load(TRAINS_NOTHING["predictor"]))
    assert run.loaded.code_differs
    run.loaded.check()


def test_errors_are_the_rows_that_were_predicted_wrong(load, store):
    run = tried(load(("% 2 * 2", "% 2 * 0.3")))
    wrong = run.errors()
    rows = run.loaded.evidence()["test"]["rows"]
    assert rows == 20
    assert len(wrong) == round((1 - run.metrics["test"]) * rows) > 0
    assert all(one["truth"] != one["prediction"] for one in wrong)


def test_a_model_is_named_in_its_own_words(load):
    module = load()
    assert isinstance(module.model, Model)
    assert repr(module.model) == "<model classifier>"


DECLARED = ('Model("classifier", ', 'Model("classifier", outputs={"kind": int, "p": float}, ')
AS_DECLARED = ("[int(one) for one", '[{"p": 1, "kind": int(one)} for one')


def test_OT1_a_model_gives_the_outputs_that_it_declares(load, store):
    plain = load().model
    assert plain.outputs == {"prediction": object}
    run = load(DECLARED, AS_DECLARED).model.train(GOOD, progress=False)
    assert run.rref == tried(load()).rref  # what answers is no part of what is trained
    model = load(DECLARED, AS_DECLARED).model
    assert model.outputs == {"kind": int, "p": float}
    assert model.use(run.rref).predict_values([[3.0, 3.0, 3.0]]) == [{"kind": 1, "p": 1.0}]
    wrong = load(DECLARED).model
    with pytest.raises(Refused, match="cannot predict"):
        wrong.use(run.rref)
    with pytest.raises(BadStage, match="names with their types"):
        load(("Model(", "Model(outputs={'a b': int}, name="))


@pytest.mark.parametrize(
    ("outputs", "predictor"),
    [
        ({"label": str, "p": float}, "{'label': str(one), 'p': 0.9}"),
        ({"p": float, "kind": int}, "{'kind': int(one), 'p': 0.9}"),
        ({"label": int, "p": float}, "{'label': int(one), 'p': 7.5}"),
        ({"no": float, "yes": float}, "{'no': 0.5 - one, 'yes': one - 0.5}"),
    ],
)
def test_EV3_a_prediction_of_several_outputs_is_judged_by_one(load, store, outputs, predictor):
    named = {name: kind.__name__ for name, kind in outputs.items()}
    declared = ", ".join(f"{name!r}: {kind}" for name, kind in named.items())
    edits = [
        ("dataset=dataset)", f"dataset=dataset, outputs={{{declared}}})"),
        ("[int(one) for one in estimator", f"[{predictor} for one in estimator"),
    ]
    if "yes" in outputs:
        edits += [
            ("kind=np.arange(rows) % 2", "kind=np.array(['no', 'yes'])[np.arange(rows) % 2]"),
            (
                "for one in estimator.predict(features)",
                "for one in estimator.predict(features) == 'yes'",
            ),
        ]
    run = load(*edits).model.train({"fit__C": 1.0}, progress=False)
    assert run.loaded.evidence()["test"]["interval"] == "Wilson, 95 %"
    assert len(run.errors()) == round((1 - run.metrics["test"]) * 20)


def test_a_dict_that_is_no_confidences_says_nothing_of_the_truth(load, store):
    found = "[{'label': int(one), 'why': 'x'} for one in estimator"
    run = load(("[int(one) for one in estimator", found)).model.train(GOOD, progress=False)
    assert "interval" not in run.loaded.evidence()["test"]
    with pytest.raises(BadStage, match="keeps no predictions"):
        run.errors()
    run.loaded.check()


def test_a_model_predicts_one_value_for_each_value(load, store):
    loader = "@dataset.feature_loader\ndef f(raw): return None if raw == '' else [[raw] * 3] * {}\n"
    model = load(("@model.init", loader.format(1) + "\n@model.init")).model
    loaded = model.train(GOOD, progress=False).loaded
    assert loaded.predict_values([3.0, "", [3.0, 3.0, 3.0], -3.0]) == [1, None, 1, 0]
    twice = load(("@model.init", loader.format(2) + "\n@model.init")).model.use(loaded.rref)
    with pytest.raises(BadFeatures, match="several predictions"):
        twice.predict_values([3.0])


def test_DA2_the_default_split_keeps_row_numbers_and_follows_from_its_settings(load, store):
    module = load()
    parts = [module.dataset.parts(module.dataset.derivation().run()) for _ in range(2)]
    (train, truth), (test, _) = parts[0]["train"], parts[0]["test"]
    assert len(train) == len(truth) == 60
    assert len(test) == 20
    assert sorted([*train.index, *test.index]) == list(range(80))
    assert list(parts[0]["test"][0].index) == list(parts[1]["test"][0].index)
    names = [path.name for path in module.dataset.derivation().run().path.iterdir()]
    assert names == ["rows.npz"]


def test_DA2_a_third_part_is_kept_to_choose_by(load, store):
    run = tried(load(("test_size=0.25", "test_size=0.25, valid_size=0.25")))
    assert set(run.metrics) == {"train", "valid", "test"}


@pytest.mark.parametrize(
    ("edit", "parts"),
    [
        (("return frame.assign(kind=np.arange(rows) % 2)",
          "return frame.to_numpy(), np.arange(rows) % 2"), 2),
        (("return frame.assign(kind=np.arange(rows) % 2)",
          "return frame.to_numpy().tolist(), (np.arange(rows) % 2).tolist()"), 2),
    ],
    ids=["arrays", "lists"],
)  # fmt: skip
def test_data_of_each_kind_is_split_into_rows(load, store, edit, parts):
    module = load(edit)
    found = module.dataset.parts(module.dataset.derivation().run())
    assert all(len(part) == parts for part in found.values())
    assert [len(found[name][0]) for name in ("train", "test")] == [60, 20]


def test_the_output_of_another_stage_is_a_source(load, store):
    source = (
        "from pystore import output, stage\n\n@stage\n"
        "def made(seed: int = 0, out=output('x.npy')):\n"
        "    np.save(out, np.random.RandomState(seed).normal(size=(80, 3)))\n\n@dataset.reader\n"
    )
    module = load(
        ("@dataset.reader\n", source),
        ("def reader(rows: int = 80)", "def reader(rows: int = 80, made=made)"),
        ("random.normal(size=(rows, 3))", "np.load(made.out)"),
    )
    one = tried(module)
    other = module.model.train(GOOD, progress=False, made=module.made(seed=1))
    assert one.view.data.rref != other.view.data.rref
    assert len(module.reader()) == 80


def test_LM1_several_questions_are_answered_at_once(load, store):
    log = "seen = []\n\n@model.predictor"
    module = load(
        ("@model.predictor", log),
        (
            "    return [int(one) for one",
            "    seen.append(len(features))\n    return [int(one) for one",
        ),
    )
    loaded = tried(module).loaded
    module.seen.clear()
    questions = [loaded.features([[3.0, 3.0, 3.0]]), loaded.features([[0.0, 0.0, 0.0]] * 2)]
    assert loaded.predict(questions) == [[1], [0, 0]]
    assert module.seen == [3]


def test_OP1_a_realization_from_elsewhere_loads_known_types_only(load, store, tmp_path):
    from pystore import Store, pull, push
    from pystore.errors import UntrustedType

    forest = (
        ("from sklearn.linear_model import LogisticRegression",
         "from sklearn.ensemble import RandomForestClassifier"),
        ("LogisticRegression()", "RandomForestClassifier(n_estimators=3)"),
    )  # fmt: skip
    module = load(*forest)
    run = module.model.train({}, progress=False)
    push(run.rref, tmp_path / "remote", progress=False)
    with Store(tmp_path / "elsewhere", durable=False).use():
        pull(run.rref, tmp_path / "remote", progress=False)
        with pytest.raises(UntrustedType) as caught:
            module.model.load(run.rref)
    trusted = ", ".join(repr(one) for one in caught.value.types.split(", "))
    module = load(*forest, ('Model("classifier", ', f'Model("classifier", trusted=[{trusted}], '))
    with Store(tmp_path / "elsewhere", durable=False).use():
        module.model.load(run.rref).check()


def test_TR1_the_files_follow_from_the_inputs_and_the_seed(load, store):
    from pystore import replay

    model = load(("LogisticRegression()", "LogisticRegression(solver='saga')")).model
    run = model.train(GOOD, progress=False)
    assert replay(model(**GOOD), run.rref).agrees
