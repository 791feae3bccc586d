"""pystore reject: a result that must not be used."""

import pytest

from pystore import Derivation, Store, attempts, build_metric, match_latest, realize, rejected


def _train(b):
    build_metric(b, "score", b.config["rate"])
    (b.outpath / "score.txt").write_text(f"{b.outpath}\n")  # each realization is another


def train(rate: float) -> Derivation:
    return Derivation({"name": "train", "rate": rate}, match_latest(), _train)


@pytest.fixture
def several(store: Store) -> Store:
    """A store with a derivation of two realizations, and one of another name."""
    realize(train(0.5), attempts=2, store=store)
    realize(Derivation({"name": "odd", "rate": 1.0}, match_latest(), _train), store=store)
    return store


def test_what_is_rejected_counts_nowhere_and_is_told(call, several):
    rref = attempts(train(0.5).dref, store=several)[-1].rref
    code, out, err = call("reject", "train@latest", "label leak")
    assert (code, out, err) == (0, f"rejected {rref}: label leak\n", "")
    assert rejected(rref, store=several) == {rref: "label leak"}
    assert call("reject", rref[:13], "worse")[1].endswith(": worse (before: label leak)\n")
    assert rejected(rref, store=several) == {rref: "worse"}


def test_a_derivation_with_one_realization_means_it(call, several):
    code, out, _ = call("reject", "odd", "diverged")
    assert (code, out.startswith("rejected rref:")) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "why"], "this derivation has 2 realizations"),
        (["train@latest", "  "], "a rejection needs its reason"),
        (["train@latest", ""], "a rejection needs its reason"),
        (["train@latest", "red \x1b[31m"], "control character"),
        (["train@latest"], "missing argument"),
        (["gone", "why"], "nothing here is called so"),
        (["bare", "why"], "no realization of this is here"),
        ([f"rref:{'0' * 32}-{train(0.5).dref[5:]}", "why"], "no attempt made this"),
    ],
    ids=lambda value: repr(value[:-1]) if isinstance(value, list) else None,
)
def test_mistakes_are_told_and_nothing_is_rejected(call, several, arguments, says):
    from pystore import instantiate

    instantiate(Derivation({"name": "bare"}, match_latest(), _train), store=several)
    code, out, err = call("reject", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert rejected(train(0.5).dref, store=several) == {}
