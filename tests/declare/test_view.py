"""Views: a realization as a value, until it is closed."""

import copy
import pickle

import pytest

import pystore as ps
from pystore.errors import BadStage, NotInStore


@ps.stage
def data(words=3, text=ps.output("words.txt")):
    text.write_text("a " * words)


@ps.stage
def train(data=data(), rate=0.5, weights=ps.output("weights.bin")):
    weights.write_bytes(b"1")


@pytest.fixture
def rref(store):
    return ps.realize(train())


def test_a_view_has_config_files_and_inputs(rref):
    with ps.view(rref) as view:
        assert view.rate == 0.5
        assert view.weights.read_bytes() == b"1"
        assert (view.data.path / "words.txt").read_text() == "a a a "
        assert view.path == ps.rref2path(rref)


def test_a_closed_view_says_so_when_its_files_are_asked_for(rref):
    with ps.view(rref) as view:
        inner, weights = view.data, view.weights
    for ask in (
        lambda: view.path,
        lambda: view.weights,
        lambda: view.data,
        lambda: view.config,
        lambda: inner.path,
    ):
        with pytest.raises(BadStage, match="this view is closed"):
            ask()
    assert weights.is_file(), "closing removes nothing"


def test_a_closed_view_still_says_what_it_is_and_its_plain_values(rref):
    view = ps.view(rref)
    view.close()
    view.close()
    assert (view.rref, view.dref, view.rate) == (rref, rref.dref, 0.5)
    assert len(view.attempts) == 1
    assert view == ps.view(rref)
    assert repr(view) == f"<View {rref}, closed>"
    assert "rref" in view._repr_html_()
    assert "close" in dir(view)
    assert copy.deepcopy(view) is view
    with pytest.raises(AttributeError, match="has no 'other'"):
        view.other  # noqa: B018


def test_IU1_closing_a_view_lets_go_of_the_inputs_that_were_reached_through_it(store, rref):
    store.release(store.held)
    with ps.view(rref) as view:
        assert view.data.path.is_dir()
        assert store.held == {rref, view.data.rref}
    assert store.held == frozenset()


def test_IU1_a_view_of_what_is_not_there_holds_nothing(store, rref):
    store.release(store.held)
    ps.rmref(rref)
    with pytest.raises(NotInStore):
        ps.view(rref)
    assert store.held == frozenset()


def test_a_view_that_is_sent_to_another_process_is_open_there(rref):
    view = ps.view(rref)
    sent = pickle.dumps(view)
    view.close()
    assert pickle.loads(sent).weights.read_bytes() == b"1"


def test_IU1_the_best_of_a_sweep_is_closed_with_the_view_that_chose_it(store):
    best = ps.realize(ps.best_of(ps.sweep(scored, x=[1, 2]), "score"))
    store.release(store.held)
    with ps.view(best) as view:
        assert view.x == 2
        assert len(store.held) == 2
        chosen = view.chosen
    assert store.held == frozenset()
    with pytest.raises(BadStage, match="closed"):
        chosen.path  # noqa: B018
    other = ps.view(best)
    other.close()
    with pytest.raises(BadStage, match="closed"):
        other.x  # noqa: B018


@ps.stage
def scored(build, x=1):
    ps.build_metric(build, "score", float(x))


def test_a_parameter_that_would_hide_how_a_view_is_closed_is_refused():
    with pytest.raises(BadStage, match="would hide the close of its view"):

        @ps.stage
        def prices(build, close=1.0): ...
