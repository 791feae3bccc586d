"""pystore reject and compare."""

import json

import pytest
from small_store import train

from pystore import Derivation, Store, build_seed, match_some, realize_many


def _score(b):
    (b.outpath / "score.txt").write_text(f"{b.config['rate'] + build_seed(b) % 10 / 100}")


def stage(rate, n=4, name="fit"):
    return Derivation({"name": name, "rate": rate}, match_some(n), _score)


@pytest.fixture
def fitted(tmp_path, pystore):
    store = Store(tmp_path / "store", durable=False)
    for rate in (1, 2):
        realize_many(stage(rate), store=store)
    realize_many(stage(1, 1, "once"), store=store)
    return [stage(rate).dref for rate in (1, 2)]


def test_what_was_rejected_is_not_chosen_and_says_why(pystore):
    code, out, _ = pystore("reject", "train@latest", "a label\nleak")
    assert code == 0
    assert out.startswith("rejected rref:")
    assert out.endswith(": a label\\nleak\n")
    shown = pystore("ls", train(1.0).dref)[1]
    assert "rejected" in shown
    (told,) = json.loads(pystore("reject", "odd@latest", "x", "--json")[1])
    assert told["reason"] == "x"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("odd", "why"), "a realization is rejected, and this is a derivation"),
        (("odd@latest", " "), "a rejection needs its reason"),
        (("odd@latest",), "missing argument 'REASON'"),
        (("nothing", "why"), "nothing here is called so"),
    ],
)
def test_a_rejection_needs_a_realization_and_a_reason(pystore, arguments, says):
    code, out, err = pystore("reject", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"pystore: {says}")


def test_two_sides_are_compared(pystore, fitted):
    code, out, _ = pystore("compare", *fitted, "score.txt")
    assert code == 0
    assert "Welch's t" in out
    (told,) = json.loads(pystore("compare", *fitted, "score.txt", "--min", "--json")[1])
    assert (told["a"]["n"], told["b"]["n"], told["mode"]) == (4, 4, "min")
    assert told["difference"]["value"] < -0.5
    assert told["difference"]["p"] < 0.01
    some = pystore("compare", *fitted, "score.txt", "--where", "attempt>=2", "--json")[1]
    assert [json.loads(some)[0][side]["n"] for side in "ab"] == [2, 2]


def test_too_few_attempts_leave_numbers_open(pystore, fitted):
    (told,) = json.loads(pystore("compare", "once", fitted[1], "score.txt", "--json")[1])
    assert told["difference"]["p"] is None
    assert told["a"]["std"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fit", "nothing", "score.txt"), "nothing here is called so"),
        (("fit", "once", "none.txt"), "no attempt has the metric 'none.txt'"),
        (("fit", "once", "score.txt", "--paired", "speed"), "paired='speed' is no parameter"),
        (("fit", "once", "score.txt", "--paired", "rate"), "fewer than two pairs"),
    ],
)
def test_mistakes_in_a_comparison_are_told(pystore, fitted, arguments, says):
    code, out, err = pystore("compare", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"pystore: {says}")
