"""A line of a service's log is predicted again, and says whether it agrees."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from pystore.errors import BadStage, NotInStore

GOOD: dict[str, Any] = {"fit__C": 0.1}
ASKED = [[3.0, 3.0, 3.0], [0.0, 0.0, 0.0]]
EDIT = ("[int(one) for one in", "[int(one) + 10 for one in")


@pytest.fixture
def module(load, store):
    found = load()
    found.model.train(GOOD, progress=False)
    return found


def line_of(model, **more) -> dict[str, Any]:
    loaded = model._used
    [reply] = loaded.predict([loaded.features(ASKED)])
    told = {"time": "2026-11-29T02:00:00.000Z", "rref": str(loaded.rref), "key": "0" * 32}
    return {**told, "reply": reply, "input": ASKED, "digest": loaded.digest, **more}


@pytest.mark.parametrize("form", [dict, json.dumps, lambda one: json.dumps(one).encode() + b"\n"])
def test_RY1_what_was_answered_agrees(module, form):
    found = module.model.replay(form(line_of(module.model)))
    assert (found.agrees, found.now, found.then, found.code_differs) == (
        True,
        [1, 0],
        [1, 0],
        False,
    )
    assert str(found) == f"{found.rref} predicts the same"


def test_RY1_another_answer_does_not_agree(module):
    found = module.model.replay(line_of(module.model, reply=[1, 1]))
    assert (found.agrees, found.now, found.then) == (False, [1, 0], [1, 1])
    assert str(found) == f"{found.rref} predicts [1, 0], and predicted [1, 1]"


def test_RY1_it_is_the_realization_of_the_line_that_predicts_again(module):
    line = line_of(module.model)
    module.model.train({"fit__C": 1e-9}, progress=False)
    assert module.model.replay(line).rref == line["rref"] != module.model._used.rref


@pytest.mark.parametrize("more", [{}, {"digest": None}])
def test_RY1_other_code_that_answers_is_told(module, load, more):
    line = line_of(module.model, **more)
    found = load(EDIT).model.replay(line)
    assert (found.agrees, found.now, found.code_differs) == (False, [11, 10], True)
    assert str(found).endswith("; its code is another now")


def test_without_an_input_it_is_passed(module):
    line = line_of(module.model)
    del line["input"]
    with pytest.raises(BadStage, match="this line has no input") as caught:
        module.model.replay(line)
    assert caught.value.remedy == "pass raw, or serve with --log-inputs"
    assert module.model.replay(line, ASKED).agrees


@pytest.mark.parametrize("text", ["aGk=", "!", 3])
def test_a_picture_that_cannot_be_read_is_told(module, text):
    line = line_of(module.model, picture=text)
    del line["input"]
    with pytest.raises(BadStage, match="picture of this line cannot be read"):
        module.model.replay(line)
    assert module.model.replay(line, ASKED).agrees


LOADER = """
@dataset.feature_loader
def feature_loader(picture):
    return pd.DataFrame([[float(np.asarray(picture).mean())] * 3], columns=["a", "b", "c"])
"""


def test_a_logged_picture_is_asked_again(load, store):
    found = load(("@model.init", LOADER + "\n@model.init"))
    found.model.train(GOOD, progress=False)
    for grey, reply in ((0, [0]), (255, [1])):
        file = io.BytesIO()
        Image.new("L", (4, 4), grey).save(file, "PNG")
        line = line_of(found.model, reply=reply, picture=base64.b64encode(file.getvalue()).decode())
        del line["input"]
        assert found.model.replay(line).agrees


def test_what_is_no_line_is_told(module):
    model, line = module.model, line_of(module.model)
    for wrong in ("", "x", "[]", {}, {**line, "reply": 3}, {**line, "rref": None}):
        with pytest.raises(BadStage, match="no line of the log"):
            model.replay(wrong)
    with pytest.raises(NotInStore):
        model.replay(line | {"rref": "rref:" + "0" * 32 + line["rref"][37:]})
