"""A network of PyTorch as a model: identity, the loop, checkpoints, answers, comparison."""

import base64
import io
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from project import importing

import pystore as ps
from pystore import (
    PystoreWarning,
    match_all,
    match_best,
    realize,
    realize_many,
    results,
    stage,
    sweep,
)
from pystore.app import BadFeatures, PredictorFailed, Refused
from pystore.errors import BadStage, BuildError

torch = pytest.importorskip("torch", reason="networks of PyTorch need .[torch]")
pytest.importorskip("safetensors")
from digit_rows import bars, pictures  # noqa: E402  # only where PyTorch is

from pystore.app.torch_checkpoint import read_checkpoint, write_checkpoint  # noqa: E402

PROGRAM = """
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pystore.app import TorchModel
from helpers import accuracy

torch.set_num_threads(1)

class Net(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Dropout(0.2), nn.Linear(width, 2))

    def forward(self, x):
        return self.layers(x)

def preprocess(img):
    grey = np.asarray(img.convert("L").resize((8, 8)), np.float32)
    return torch.from_numpy(grey[None] / 255)

def postprocess(logits):
    return int(logits.argmax())

def augment(x, y):
    return x + 0.01 * torch.randn(x.shape), y

net = TorchModel(
    Net, name="bars", preprocess=preprocess, postprocess=postprocess, augment=augment,
    objective=cross_entropy, metrics={"acc": accuracy},
)
"""
HELPERS = (
    "(truth.to_numpy() == predicted).mean()",
    "sum(map(int.__eq__, truth, predicted)) / len(truth)",
)
HOW: dict[str, Any] = {"batch_size": 8, "steps": 12, "validate_every": 5, "lr": 0.01}


@pytest.fixture
def module(load):
    """The user's program, after edits."""
    return lambda *edits: load(HELPERS, *edits, program=PROGRAM)


@pytest.fixture
def net(module, store):
    return module().net


def trained(net, **more):
    return net.train(bars(count=30), valid=gold(), progress=False, **{**HOW, **more})


def gold(count: int = 12) -> dict[str, Any]:
    return {"gold": bars(count=count, seed=1)}


def picture() -> Any:
    return Image.fromarray(next(pictures(1, seed=5))[0])


# --- the stage -------------------------------------------------------------------------

TRAINS_AGAIN = {
    "network": ("nn.ReLU()", "nn.Tanh()"),
    "preprocess": ("/ 255", "/ 128"),
    "augment": ("0.01 *", "0.02 *"),
    "objective": ("objective=cross_entropy", "objective=nn.CrossEntropyLoss(label_smoothing=0.1)"),
    "a metric": ("sum(map(", "1.0 - sum(map("),
    "optimizer": ('name="bars",', 'name="bars", optimizer="SGD",'),
    "classes": ('name="bars",', 'name="bars", classes=[0, 1],'),
}
TRAINS_NOTHING = {
    "postprocess": ("int(logits.argmax())", "1 - int(logits.argmax())"),
    "outputs": ('name="bars",', 'name="bars", tolerance=0.1,'),
    "a comment": ("return self.layers(x)", "return self.layers(x)  # goes on"),
}


@pytest.mark.parametrize("role", TRAINS_AGAIN)
def test_TO1_an_edit_of_what_trains_trains_again(module, role):
    dref = module().net(bars(), gold(), **HOW).dref
    assert module(TRAINS_AGAIN[role]).net(bars(), gold(), **HOW).dref != dref
    assert module().net(bars(), gold(), **HOW).dref == dref  # edited back


@pytest.mark.parametrize("role", TRAINS_NOTHING)
def test_TO1_an_edit_of_what_answers_trains_nothing(module, role):
    old = module().net
    new = module(TRAINS_NOTHING[role]).net
    assert new(bars(), gold(), **HOW).dref == old(bars(), gold(), **HOW).dref
    assert (new.answering_code() != old.answering_code()) == (role == "postprocess")


def test_TO1_settings_of_an_objective_count_by_their_values(module):
    smooth = "objective=nn.CrossEntropyLoss(label_smoothing={})"
    found = [
        module(("objective=cross_entropy", smooth.format(by))).net(bars(), **HOW).dref
        for by in (0.1, 0.2, 0.1)
    ]
    assert found[0] == found[2] != found[1]


def test_TO1_what_a_package_defines_counts_by_its_name(module):
    pytest.importorskip("sklearn")
    scored = ("metrics={", "metrics={'f1': f1_score, ")
    score = ("from helpers", "from sklearn.metrics import {} as f1_score\nfrom helpers")
    nets = [
        module(scored, (score[0], score[1].format(n))).net for n in ("f1_score", "recall_score")
    ]
    drefs = [net(bars(), **HOW).dref for net in nets]
    assert drefs[0] != drefs[1]
    parts = nets[0].code().parts
    assert "accuracy" in parts and "cross_entropy" not in parts and "f1_score" not in parts


def test_TO1_a_function_below_a_decorator_of_a_package_counts_by_its_code(module):
    below = ("def preprocess", "@torch.no_grad()\ndef preprocess")
    nets = [module(below, edit).net for edit in (("#", "#"), TRAINS_AGAIN["preprocess"])]
    assert nets[0](bars(), **HOW).dref != nets[1](bars(), **HOW).dref


def test_TO1_an_edit_of_postprocess_predicts_again(module, store):
    old = trained(module().net)
    new = module(TRAINS_NOTHING["postprocess"]).net
    assert trained(new).rref == old.rref
    assert (
        new.predict_one(picture()) == 1 - module().net.use(old.rref).predict_values([picture()])[0]
    )
    assert new.load(old.rref).code_differs


def test_TO2_loader_and_device_are_no_identity(net):
    plain = trained(net)
    workers = trained(net, loader={"num_workers": 0, "drop_last": True}, device="cpu")
    assert workers.rref == plain.rref


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no length": ({"steps": None}, "how long"),
    "two lengths": ({"epochs": 2}, "how long"),
    "an unknown name": ({"widht": 3}, "does not take this"),
    "a batch of none": ({"batch_size": 0}, "above 0"),
    "a batch that is a text": ({"batch_size": "8"}, "batch_size of bars"),
    "an unknown metric": ({"monitor": "gold/f1"}, "no such metric"),
    "a loader that shuffles": ({"loader": {"shuffle": True}}, "no option of the loader"),
    "a name of our own": ({"code": "x"}, "cannot be called code"),
    "a validation set that is no derivation": ({"valid": {"gold": [1]}}, "no derivation of rows"),
    "a name with a slash": ({"valid": {"a/b": None}}, "no names of validation sets"),
    "a set that is called train": ({"valid": {"train": None}}, "no names of validation sets"),
    "an optimizer of the user's": ({"optimizer": int}, "belongs to the model"),
}


@pytest.mark.parametrize("what", WRONG)
def test_TO2_a_wrong_option_costs_no_training(net, store, what):
    given, message = WRONG[what]
    with pytest.raises(BadStage, match=message):
        net(**{"rows": bars(), "valid": gold(), **HOW, **given})


def test_a_function_may_make_the_network(module, store):
    net = module(("    Net, name", "    lambda: Net(3), name")).net
    with pytest.warns(PystoreWarning, match="not trained"):
        assert net.predict_one(Image.fromarray(next(pictures(1))[0])) in (0, 1)


def test_a_network_that_is_made_already_is_refused(module):
    with pytest.raises(BadStage, match=r"lambda: Net\(…\)"):
        module(("    Net, name", "    Net(), name"))
    with pytest.raises(BadStage, match="no objective"):
        module(("objective=cross_entropy, ", "")).net(bars(), **HOW)


def test_a_network_is_a_stage_for_all_that_takes_one(net, store):
    runs = sweep(net, rows=bars(count=30), valid=gold(), **HOW, width=[4, 6])
    realize(runs, attempts=2, progress=False)
    assert len(results(net)) == 4
    assert net.history().parameters == ("width",)
    traces = results(runs).traces("gold/acc")
    assert [p.step for p in traces][:3] == [5, 10, 12]  # the last step, too
    assert net.best("gold/acc") == net.best("gold/loss", mode="min") or len(net.comparable()) == 2
    assert ps.explain(net(bars(count=30), gold(), **HOW, width=5)) is not None


def test_a_network_goes_to_workers(net, store):
    runs = sweep(net, rows=bars(count=30), valid=gold(), **HOW, width=[4, 6])
    found = realize(runs, workers=2, progress=False)
    again = realize(runs, progress=False, force_rebuild=False)
    assert found == again
    for rref in found.values():
        assert not net.load(rref).code_differs


def test_a_network_of_a_module_is_pickled_by_its_name(net):
    assert pickle.loads(pickle.dumps(net)) is net


@stage
def nothing(build):
    (build.outpath / "a.txt").write_text("a")


@stage(name="rows")
def unlabelled(build):
    from digit_rows import FIELDS, stored

    from pystore.app import write_rows

    write_rows(build.outpath, ["img"], None, FIELDS, stored(5))


def test_what_holds_no_rows_is_refused(net, store):
    for rows, message in ((nothing(), "no rows of a snapshot"), (unlabelled(), "have no y")):
        with pytest.raises(BadStage) as error:
            realize(net(rows, **HOW), progress=False)
        assert message in str(error.value)


def test_a_label_that_is_no_class_is_told_with_its_row(module, store):
    net = module(('name="bars",', 'name="bars", classes=[0, 7],')).net
    with pytest.raises(BadStage, match="label that is no class") as error:
        trained(net)
    assert (error.value.part, error.value.what.split()[1]) == ("train", "1")
    assert not ps.attempts(net.comparable()[0])[0].metrics  # nothing was trained


# --- the loop --------------------------------------------------------------------------


def test_TH1_the_same_seed_makes_the_same_bytes(net, store):
    training = net(bars(count=30), gold(), **HOW)
    rref = realize(training, progress=False)
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    assert ps.replay(training, rref).agrees
    every = training.replace(matcher=match_all())
    several = realize_many(every, attempts=2, progress=False)
    assert len(several) == 2  # with another seed, other bytes


def test_TH1_workers_of_the_loader_change_no_byte(net, store):
    training = net(bars(count=30), gold(), **HOW, loader={"num_workers": 2})
    rref = realize(training, progress=False)
    plain = net(bars(count=30), gold(), **HOW)
    assert plain.dref == training.dref
    assert ps.replay(plain, rref).agrees


def test_the_caller_keeps_its_random_numbers_when_a_network_is_loaded(net, store):
    run = trained(net)
    before = torch.get_rng_state()
    net.load(run.rref)
    assert torch.equal(before, torch.get_rng_state())


STOPPING = ("return self.layers(x)", "stop(self)\n        return self.layers(x)")
STOP = """
import os
FILE = {file!r}
def stop(network):
    if network.training and os.path.exists(FILE):
        left = int(open(FILE).read()) - 1
        open(FILE, "w").write(str(left))
        if left < 0:
            os.remove(FILE)
            {end}
"""


def stopping(module, file: Path, end: str = "raise RuntimeError('no power')"):
    text = STOP.format(file=str(file), end=end)
    return module(STOPPING, ("torch.set_num_threads(1)", f"torch.set_num_threads(1)\n{text}")).net


@pytest.mark.parametrize("at", [6, 11, 12, 17])
def test_TT1_a_training_that_goes_on_ends_with_the_same_bytes(module, store, tmp_path, at):
    net = stopping(module, tmp_path / "stop")
    how = {**HOW, "steps": 18, "patience": 9, "monitor": "gold/acc", "clip": 1.0}
    training = net(bars(count=30), gold(), **how)
    (tmp_path / "stop").write_text(str(at))
    with pytest.raises(BuildError, match="no power"):
        realize(training, progress=False)
    rref = realize(training, progress=False)
    failed, ended = ps.attempts(rref.dref)
    assert ended.seed == failed.seed
    assert ended.notes["resumed at step"] == at // 5 * 5
    assert ps.replay(training, rref).agrees  # from the first step on
    assert [p.step for p in results(training).traces("gold/acc") if p.attempt.succeeded] == [
        5, 10, 15, 18,
    ]  # fmt: skip


def test_TT1_after_kill_9_a_training_goes_on(module, store, tmp_path):
    net = stopping(module, tmp_path / "stop", end="os.kill(os.getpid(), 9)")
    folder = Path(sys.modules["flowers"].__file__).parent
    (folder / "killed.py").write_text(
        textwrap.dedent(f"""
        import sys, torch, pystore
        from digit_rows import bars
        from flowers import net
        with pystore.Store({str(store.root)!r}, durable=False).use():
            pystore.realize(net(bars(count=30), {{"gold": bars(count=12, seed=1)}}, **{HOW!r}))
        """)
    )
    (tmp_path / "stop").write_text("7")
    here = os.pathsep.join([importing()["PYTHONPATH"], str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, folder / "killed.py"], env={**importing(), "PYTHONPATH": here}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    training = net(bars(count=30), gold(), **HOW)
    rref = realize(training, progress=False)
    assert ps.attempts(rref.dref)[-1].notes["resumed at step"] == 5
    assert ps.replay(training, rref).agrees


def test_TB1_a_checkpoint_comes_back_and_a_torn_one_is_none(tmp_path):
    path = tmp_path / "checkpoint"
    tied = torch.arange(3.0)
    state = {
        "a": tied, "b": {"c": tied}, 0: [(1, 2.5), None, "x", True], "nan": float("inf"),
        "short": torch.ones(2, dtype=torch.bfloat16), "none": torch.zeros(0),
        "one": torch.tensor(7),
    }  # fmt: skip
    write_checkpoint(path, state)
    found: Any = read_checkpoint(path)
    for name in ("a", "short", "none", "one"):
        assert torch.equal(found[name], state[name]) and found[name].dtype == state[name].dtype
    assert found[0] == state[0] and found["nan"] == state["nan"]
    whole = path.read_bytes()
    for torn in (b"", whole[:7], whole[:-1], b"\0" * 40):
        path.write_bytes(torn)
        assert read_checkpoint(path) is None
    with pytest.raises(TypeError):
        write_checkpoint(path, {"a": object()})


def test_TT2_the_metrics_are_those_of_the_weights_that_are_saved(module, store):
    """A learning rate that spoils the network: the best weights are among the first ones."""
    net = module().net
    run = trained(net, steps=60, lr=0.5, optimizer="SGD", patience=3, monitor="gold/loss")
    told = [p.value for p in run.traces["gold/loss"]]
    assert run.metrics["gold/loss"] == min(told)
    assert len(told) <= 60 // 5
    loaded = net.load(run.rref)
    truth = [kind for _, kind in pictures(12, seed=1)]
    found = loaded.predict_values([Image.fromarray(p) for p, _ in pictures(12, seed=1)])
    right = sum(map(int.__eq__, found, truth)) / 12
    assert right == run.metrics["gold/acc"] == run.view.attempts[0].metrics["gold/acc"]


def test_early_stopping_ends_before_the_last_step(net, store):
    run = trained(net, steps=200, lr=1e-12, patience=2, monitor="gold/acc:max")
    assert [p.step for p in run.traces["gold/acc"]] == [5, 10, 15]


def test_epochs_are_validated_at_their_ends(net, store):
    options = {"batch_size": 8, "epochs": 2, "lr": 0.01}
    run = net.train(bars(count=30), valid=gold(), progress=False, **options)
    assert [p.step for p in run.traces["train/loss"]] == [4, 8]
    only = net.train(bars(count=30), progress=False, **options)
    assert list(only.metrics) == ["train/loss"]


def test_a_loss_that_is_no_number_ends_the_training(module, store):
    net = module(("return self.layers(x)", "return self.layers(x) * float('nan')")).net
    with pytest.raises(BuildError, match="no number"):
        net.train(bars(count=30), progress=False, **HOW)


def test_a_metric_that_raises_is_named(module, store):
    net = module(("sum(map(", "nonsense(map(")).net
    with pytest.raises(BadStage, match="the metric acc cannot be taken"):
        trained(net)


def test_regression_pairs_each_row_with_its_own(module, store):
    """[n] beside [n, 1] would be paired each with each: the least loss would be the variance."""
    net = module(
        ("nn.Linear(width, 2)", "nn.Linear(width, 1)"),
        ("objective=cross_entropy", "objective=lambda a, b: pairs(a, b)"),
        ("net = TorchModel", "def pairs(a, b):\n    assert a.shape == b.shape, 'pairs'\n"
         "    return ((a - b) ** 2).mean()\n\nnet = TorchModel"),
        ("int(logits.argmax())", "float(logits)"),
        (', metrics={"acc": accuracy}', ""),
    ).net  # fmt: skip

    with pytest.warns(PystoreWarning, match="20 of 20 rows"):  # trained and judged on the same
        rref = realize(net(shares(), valid=shares(), **HOW), progress=False)
    assert ps.view(rref).attempts[0].metrics["valid/loss"] < 10


@stage(name="rows")
def shares(build, count=20):
    from digit_rows import FIELDS, stored

    from pystore.app import write_rows
    from pystore.db.fields import field_of

    fields = {"img": FIELDS["img"], "share": field_of("share", float)}
    rows = ((key, {**one, "share": one["class"] / 2}) for key, one in stored(count))
    write_rows(build.outpath, ["img"], "share", fields, rows)


# --- what answers ----------------------------------------------------------------------


def test_an_untrained_network_predicts_one_and_says_so(net, store):
    with pytest.warns(PystoreWarning, match="learnt nothing"):
        first = net.predict_one(picture())
    with pytest.warns(PystoreWarning, match="learnt nothing"):
        assert net.predict_one(picture()) == first
    with pytest.raises(BadStage, match="not trained yet"):
        net.predict([picture()])


def test_TQ1_questions_in_any_form_are_prepared_as_rows_are(net, store):
    run = trained(net, steps=300)
    asked, other = (Image.fromarray(p) for p, _ in pictures(2, seed=1))
    file = run.loaded.example()
    assert base64.b64decode(file).startswith(b"\x89PNG")
    forms = [asked, np.asarray(asked), np.asarray(asked).tolist(), file]
    assert {json.dumps(net.predict(one)) for one in forms} == {json.dumps(net.predict([asked]))}
    several = [[asked, other], [np.asarray(one).tolist() for one in (asked, other)]]
    assert [net.predict(one) for one in several] == [[0, 1]] * 2
    assert run.loaded.predict_values([asked, other]) == [0, 1]
    for wrong in ("no base64", [[-1]], {"a": 1}, 5):
        with pytest.raises(BadFeatures):
            net.predict(wrong)


def test_a_picture_that_asks_nothing_has_no_prediction(module, store):
    net = module(("    grey =", "    if img.getextrema()[1] == 0: return None\n    grey =")).net
    run = trained(net)
    blank = Image.new("L", (20, 20))
    assert net.predict(blank) == [None]
    assert run.loaded.predict_values([blank, picture()])[0] is None


def test_examples_and_evidence_are_kept(net, store):
    run = trained(net)
    assert len(run.loaded.signature.predictions) == 5
    run.loaded.check()
    told = run.loaded.evidence()["gold/acc"]
    assert told["value"] == run.metrics["gold/acc"] and told["low"] < told["value"]
    assert told["rows"] == 12
    assert len(run.errors()) == round(12 * (1 - told["value"]))
    other = trained(net, width=3)
    assert net.mcnemar(run.rref, other.rref).rows == 12


def test_a_realization_that_predicts_otherwise_is_refused(module, store):
    run = trained(module().net)
    path = run.view.path / "signature.json"
    told = json.loads(path.read_text())
    told["predictions"] = [1 - one for one in told["predictions"]]
    path.chmod(0o644), path.write_text(json.dumps(told))
    with pytest.raises(Refused, match="otherwise"):
        module().net.use(run.rref)


def test_a_service_answers_pictures_and_numbers(net, store):
    starlette = pytest.importorskip("starlette.testclient")
    run = trained(net, steps=40)
    asked = Image.fromarray(next(pictures(1, seed=7))[0])
    file = io.BytesIO()
    asked.save(file, "PNG")
    with starlette.TestClient(net.asgi(match_best("gold/acc"), every=0.01)) as client:
        while client.get("/ready").status_code != 200:
            pass
        kind = {"Content-Type": "image/png"}
        replies = [
            client.post("/predict", content=file.getvalue(), headers=kind),
            client.post("/predict", json={"features": np.asarray(asked).tolist()}),
            client.post(
                "/predict", json={"features": [run.loaded.example(), run.loaded.example()]}
            ),
        ]
        assert [reply.status_code for reply in replies] == [200] * 3
        assert replies[0].json()["predictions"] == replies[1].json()["predictions"]
        assert len(replies[2].json()["predictions"]) == 2
        assert "pad" in client.get("/").text
        assert client.get("/model").json()["evidence"]["gold/acc"]["rows"] == 12
        assert client.post("/predict", json={"features": {"a": 1}}).status_code == 422
        text = client.get("/openapi.json").text
        assert run.loaded.example() in text


DECLARED = ('name="bars",', 'name="bars", outputs={"class": int, "p": float},')
ANSWERS = {
    "as declared": ('{"class": int(logits.argmax()), "p": 0.5}', None),
    "a name is missing": ('{"class": 1}', "p is missing"),
    "a name is not declared": ('{"class": 1, "p": 0.1, "q": 1}', "q is not declared"),
    "another type": ('{"class": "a", "p": 0.1}', "class is no int"),
    "not finite": ('{"class": 1, "p": float("nan")}', "finite"),
    "no dict": ("1", "it is no dict"),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_OT1_predictions_are_as_declared_or_told_with_their_row(module, store, what):
    answer, because = ANSWERS[what]
    net = module(DECLARED, ("int(logits.argmax())", answer)).net
    assert net.outputs == {"class": int, "p": float}
    if because is None:
        assert trained(net).metrics["gold/acc"] >= 0  # of the output that is called as y is
        assert net.predict_one(picture())["p"] == 0.5
        return
    with pytest.raises(PredictorFailed) as error:
        trained(net)
    assert because in str(error.value) and "row 0" in str(error.value)


def test_OT1_nan_is_no_prediction_without_declared_outputs_either(module, store):
    net = module((', metrics={"acc": accuracy}', ""), ("int(logits.argmax())", "float('inf')")).net
    with pytest.raises(PredictorFailed, match="not finite"):
        trained(net)
    with pytest.raises(PredictorFailed), pytest.warns(PystoreWarning):
        net.predict_one(picture())


# --- which one -------------------------------------------------------------------------


def test_TN1_what_was_validated_on_the_same_rows_is_compared(net, store):
    few = trained(net)
    more = net.train(bars(count=40), valid=gold(), progress=False, **{**HOW, "steps": 9})
    assert {*net.comparable()} == {few.view.dref, more.view.dref}
    chosen = net.follow(match_best("gold/acc"))
    with chosen:
        best = max((few, more), key=lambda run: run.metrics["gold/acc"])
        assert net.load(chosen.look()).metrics["gold/acc"] == best.metrics["gold/acc"]
    other = net.train(bars(count=30), valid=gold(10), progress=False, **HOW)
    assert net.comparable() == [other.view.dref]


def test_TN1_other_code_is_not_compared(module, store):
    trained(module().net)
    other = module(TRAINS_AGAIN["preprocess"]).net
    other(bars(count=30), gold(), **HOW)
    assert other.comparable() == []


def test_TN1_a_program_that_names_no_validation_sets_compares_only_what_is_alike(module, store):
    run = trained(module().net)
    fresh = module().net
    assert fresh.comparable() == [run.view.dref]
    assert fresh.predict_one(picture()) == run.loaded.predict_values([picture()])[0]
    module().net.train(bars(count=30), valid=gold(10), progress=False, **HOW)
    for ask in (lambda: module().net.comparable(), lambda: module().net.predict_one(picture())):
        with pytest.raises(BadStage, match="by which validation sets"):
            ask()
    named = module(
        ('name="bars",', 'name="bars", valid={"gold": bars(count=12, seed=1)},'),
        ("from helpers", "from digit_rows import bars\nfrom helpers"),
    ).net
    assert named.comparable() == [run.view.dref]


def test_a_call_without_rows_takes_those_of_the_model(module, store):
    net = module(
        (
            'name="bars",',
            'name="bars", rows=bars(count=30), valid={"gold": bars(count=12, seed=1)},',
        ),
        ("from helpers", "from digit_rows import bars\nfrom helpers"),
    ).net
    assert net(**HOW).dref == module().net(bars(count=30), gold(), **HOW).dref
    with pytest.raises(BadStage, match="rows is no derivation"):
        module().net(**HOW)


# --- what answers otherwise --------------------------------------------------------------


def test_LM3_another_preprocess_and_another_postprocess_are_no_way_around(module, store):
    old = trained(module().net)
    both = module(TRAINS_AGAIN["preprocess"], TRAINS_NOTHING["postprocess"]).net
    with pytest.raises(Refused, match="prepared otherwise"):
        both.use(old.rref)
    network = module(TRAINS_AGAIN["network"], TRAINS_NOTHING["postprocess"]).net
    with pytest.raises(Refused, match="nothing shows that it predicts as it did"):
        network.use(old.rref)


UNSTEADY = {
    "the second time": ("int(logits.argmax())", "int(torch.randint(0, 10**9, ()))"),
    "for one row than for several": (
        "return self.layers(x)",
        "return self.layers(x) if self.training else x.flatten(1)[:, :2] - x.mean() * len(x)",
    ),
    "changes the estimator": (
        "return self.layers(x)",
        "self.layers[1].bias.data += 0 if self.training else 1e-4\n        return self.layers(x)",
    ),
}


@pytest.mark.parametrize("why", UNSTEADY)
def test_SY1_an_unsteady_network_is_told_and_answers_nothing(module, store, why):
    edits = [UNSTEADY[why]]
    if why == "for one row than for several":
        edits.append(("int(logits.argmax())", "logits.tolist()"))
        edits.append(('metrics={"acc": accuracy}', "metrics={}"))
    net = module(*edits).net
    with pytest.warns(PystoreWarning, match=why):
        run = trained(net)
    assert run.loaded.signature.predictions is None
    with pytest.raises(Refused):
        net.predict([picture()])
