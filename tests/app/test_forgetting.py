"""Forgetting: what was made of the content of one row is named, and what may go is deleted."""

import numpy as np
import pytest

from pystore import Store, match_best, output, realize, stage
from pystore.app import predictor
from pystore.db import BadRow, connect, image


@stage
def learnt(rows, size=output("size.txt"), score=output("score.txt")):
    size.write_text(str(len(rows.frame())))
    score.write_text("1")


@predictor(of=learnt)
def one(view, pictures):
    return [1] * len(pictures)


@pytest.fixture
def people(store: Store):
    """A collection with predictions, whose first two rows have the same picture."""
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 255, (4, 4)).astype("uint8") for _ in range(10)]
    people = connect("sqlite://").collection("people", img=image(), label=int)
    people.insert([{"img": picture, "label": 0} for picture in (pictures[0], *pictures)])
    return people


def test_FG1_what_there_is_of_a_content_is_named(people):
    snapshot = people.snapshot(x="img", y="label")
    model = realize(learnt(snapshot))
    listener = people.listen(one, match_best("score.txt"), on="img")
    try:
        people.wait(30)
        found = people.forget(1)
        assert (found.rows, found.predictions, found.is_deleted) == ([1, 2], 1, False)
        assert [one.split("-")[1] for one in found.snapshots] == [snapshot.dref[5:37]]
        assert found.models == [model]
        assert found.commands[0] == f"pystore rm {model}"
        assert people.forget(found.key).rows == [1, 2]
        assert people.find_one(id=1)["_outputs"] == {"one": 1}
    finally:
        listener.remove()


def test_FG2_deleting_takes_predictions_and_leaves_rows_and_models(people):
    model = realize(learnt(people.snapshot(x="img", y="label")))
    listener = people.listen(one, match_best("score.txt"), on="img")
    people.wait(30)
    listener.stop()
    told = people.forget(1, dry_run=False)
    assert told.is_deleted and "deleted: predictions 1" in str(told)
    assert [row["_outputs"] for row in people.find(limit=3)] == [{}, {}, {"one": 1}]
    assert told.models == [model] and len(people) == 11
    assert people.lineage(1, "one").prediction is None
    listener.remove()


def test_a_row_that_is_not_there_is_an_error(people):
    with pytest.raises(BadRow, match="no row with this key"):
        people.forget(99)
