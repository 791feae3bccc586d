"""Forgetting: what was made of the content of one row is named, and what may go is deleted."""

import shlex
import subprocess

import numpy as np
import pytest

from pystore import (
    Store,
    match_best,
    match_latest,
    output,
    pull,
    push,
    realize,
    stage,
    verify,
)
from pystore.app import predictor
from pystore.ask.inspection.details import details
from pystore.db import BadRow, connect, image
from pystore.errors import NotInStore


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
        people.wait(60)
        found = people.forget(1)
        assert (found.rows, found.predictions, found.is_deleted) == ([1, 2], 1, False)
        assert [one.split("-")[1] for one in found.snapshots] == [snapshot.dref[5:37]]
        assert found.models == [model]
        assert found.commands[0] == f"pystore rm {model}"
        assert people.forget(found.key).rows == [1, 2]
        assert people.find_one(id=1)["_outputs"] == {"one": 1}
    finally:
        listener.remove()


def test_FG1_a_row_whose_key_looks_like_that_of_a_content_is_the_row(store: Store, tmp_path):
    db = connect(f"sqlite:///{tmp_path}/people.db")
    own = "0123456789abcdef" * 2
    with db.write() as connection:
        connection.exec_driver_sql("CREATE TABLE people (id text PRIMARY KEY, name text)")
        connection.exec_driver_sql(f"INSERT INTO people VALUES ('{own}', 'Ann'), ('7', 'Bob')")
    people = db.attach("people", name=str)
    taken = people.snapshot(x="name")
    found = people.forget(own, on="name")
    assert [one.split("-")[1] for one in found.snapshots] == [taken.dref[5:37]]
    assert people.forget(found.key, on="name").snapshots == found.snapshots
    with pytest.raises(BadRow, match="no row with this key"):
        people.forget("007", on="name")


def test_FG2_deleting_takes_predictions_and_leaves_rows_and_models(people):
    model = realize(learnt(people.snapshot(x="img", y="label")))
    listener = people.listen(one, match_best("score.txt"), on="img")
    people.wait(60)
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


@stage
def prepared(rows, table=output("table.txt")):
    table.write_text(str(rows.frame()["label"].sum()))


@stage
def learnt_of_prepared(table, score=output("score.txt")):
    score.write_text("1")


@predictor(of=learnt_of_prepared)
def two(view, pictures):
    return [2] * len(pictures)


def parted(people):
    """A row, a snapshot that holds it, and one that does not."""
    mine = {row["id"] for row in people.find(fold=(0.0, 0.5))}
    halves = [people.snapshot(x="img", y="label", fold=half) for half in ((0.0, 0.5), (0.5, 1.0))]
    return 1, *(halves if 1 in mine else halves[::-1])


def test_FG3_a_model_is_marked_that_has_seen_a_forgotten_row_at_any_distance(people, store):
    row, held, other = parted(people)
    model = realize(learnt_of_prepared(prepared(held)))
    innocent = realize(learnt_of_prepared(prepared(other)))
    people.snapshot(x="img", y="label", name="all")
    listener = people.listen(
        two, match_latest(), on="img", target=learnt_of_prepared(prepared(held))
    )
    try:
        people.wait(60)
        assert people.forget(row).models == sorted([model, realize(prepared(held))])
        assert people.lineage(3, "two").forgotten is None
        assert details(model, store).verdicts == {}
        people.forget(row, dry_run=False)
        told = details(model, store).verdicts["forgotten"]
        assert told.startswith("was made of rows that were forgotten at 2")
        assert people.lineage(3, "two").forgotten == told
        assert [one["forgotten"] for one in people.database.show().to_dict()["models"]] == [told]
        assert "that were forgotten" in str(people.database.show())
    finally:
        listener.remove()
    assert details(innocent, store).verdicts == {}
    assert details(realize(held), store).verdicts["forgotten"].startswith("holds rows that were")
    assert realize(learnt_of_prepared(prepared(held))) == model  # a mark forbids nothing
    assert verify().sound


def shell(command: str) -> None:
    subprocess.run(shlex.split(command), check=True)


def test_FG3_HO1_a_remote_that_still_holds_it_is_named_with_the_command(people, store, tmp_path):
    row, held, other = parted(people)
    model, innocent = realize(learnt(held)), realize(learnt(other))
    remote, elsewhere = tmp_path / "remote", tmp_path / "nowhere"
    push([model, innocent], remote)
    told = people.forget(row, remotes=[remote, elsewhere], dry_run=False)
    assert f"still at {remote}: {model}" in str(told)
    assert f"not looked at: {elsewhere}: no remote is here" in str(told)
    for rref in (model, realize(held)):
        store.remove(rref)
    again = people.forget(told.key, remotes=[remote])  # it is gone here, and not there
    assert {*again.remotes[0].rrefs} == {model, realize_nothing(held, store)} and not again.models
    shell(again.commands[-1])
    assert people.forget(told.key, remotes=[remote]).remotes == []
    fresh = Store(tmp_path / "fresh")
    pull(innocent, remote, store=fresh)
    assert fresh.path(innocent).is_dir() and verify(store=fresh).sound
    with pytest.raises(NotInStore):
        pull(model, remote, store=fresh)


def realize_nothing(snapshot, store):
    """The realization of a snapshot whose bytes are gone."""
    return next(one.rref for one in store.attempts(snapshot.dref))


def test_FG3_a_remote_whose_lists_cannot_be_read_names_no_parts(people, tmp_path):
    row, held, other = parted(people)
    model, innocent = realize(learnt(held)), realize(learnt(other))
    push([model, innocent], tmp_path / "remote")
    listed = tmp_path / "remote" / "drv" / innocent[38:] / f"{innocent[5:37]}.json"
    listed.write_text("{}")
    [found] = people.forget(row, remotes=[tmp_path / "remote"]).remotes
    assert model in found.rrefs and found.command is None
    assert found.because.startswith(f"{innocent} cannot be read")


def test_HO1_a_command_for_a_url_removes_what_it_names(people):
    row, held, _ = parted(people)
    push([realize(learnt(held))], "memory://forgetting")
    [found] = people.forget(row, remotes=["memory://forgetting"]).remotes
    program = shlex.split(found.command)
    assert program[:2] == ["python", "-c"]
    exec(program[2], {})  # what is in memory is in this process alone
    assert people.forget(row, remotes="memory://forgetting").remotes == []
