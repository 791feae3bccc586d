"""gc, pin, unpin, pins, rm, verify: what stays, what goes, and what is damaged."""

import json
import os
import re
import time

import pexpect
import pytest
from command import in_terminal

from pystore import Store, build_seed, catref, match_latest, output, realize, stage
from pystore.store.current import ProcessWide
from pystore.ui.cli import main


@stage
def data(n=10, numbers=output("numbers.txt")):
    numbers.write_text("x" * n)


@stage(matcher=match_latest())
def train(build, numbers=data(), rate=1, score=output("score.txt")):
    score.write_text(f"0.{build_seed(build):010}")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A store with one dataset, and three trainings on it, oldest first."""
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "store"))
    store = Store(tmp_path / "store", durable=False)
    rrefs = [realize(train(), attempts=n, store=store) for n in (1, 2, 3)]
    store.parts.session.end()  # as if another process had built them
    yield rrefs
    Store(tmp_path / "store").destroy()


@pytest.fixture
def pystore(kept, capsys, tmp_path):
    """Runs a command in this process: its code, output and errors."""

    def run(*arguments):
        code = main.run([*arguments])
        out, err = capsys.readouterr()
        return code, out.replace(str(tmp_path), "HERE"), err.replace(str(tmp_path), "HERE")

    return run


def test_gc_shows_and_removes_nothing(pystore, kept):
    assert pystore("gc", "--keep-latest", "1") == (
        0,
        "would remove 2 realizations, 24 B\n"
        "stage  realizations  size\n"
        "train             2  24 B\n"
        "try: pystore gc --delete, or pystore pin NAME REF for what should stay\n",
        "",
    )
    assert "would remove 4 realizations, 46 B\n" in pystore("gc", "--all")[1]
    code, _, err = pystore("gc", "--all", "--keep-latest", "1")
    assert code == 2 and "--all keeps nothing more" in err
    assert len(Store(os.environ["PYSTORE_ROOT"]).realizations(kept[0].dref)) == 3


def test_gc_keeps_pins_policies_and_what_they_were_built_from(pystore, kept):
    pystore("pin", "champion", kept[0])
    code, out, _ = pystore("gc", "--keep-best", "score.txt:1", "--delete", "--yes", "--json")
    (removed,) = json.loads(out)
    store = Store(os.environ["PYSTORE_ROOT"])
    best = max(kept, key=lambda r: store.attempts(r.dref)[kept.index(r)].metrics["score.txt"])
    assert (code, removed["removed"]) == (0, True)
    assert {one["rref"] for one in removed["realizations"]} == set(kept) - {kept[0], best}
    assert main.run(["verify"]) == 0


def test_gc_keeps_the_lowest_where_that_is_the_best(pystore, kept):
    lowest = min(kept, key=lambda rref: catref(rref, "score.txt")[0])
    assert pystore("gc", "--keep-best", "score.txt:min", "--delete", "--yes")[0] == 0
    assert Store(os.environ["PYSTORE_ROOT"]).realizations(kept[0].dref) == [lowest]
    assert pystore("gc", "--keep-best", "score.txt:min:2")[1] == "nothing to remove\n"


def test_gc_names_each_realization_when_asked(pystore, kept):
    out = pystore("gc", "--keep-latest", "2", "-v")[1]
    assert re.search(rf"^train\s+12 B  {kept[0]}$", out, re.M)


def test_gc_removes_leftovers(pystore, tmp_path):
    (tmp_path / "store" / "tmp" / "left").mkdir()
    out = pystore("gc", "--keep-latest", "9", "--delete", "--yes")[1]
    assert out == (
        "would remove 0 realizations, 0 B, and 1 leftover of ended processes\n"
        "removed 0 realizations, 0 B, and 1 leftover of ended processes\n"
    )
    assert pystore("gc", "--keep-latest", "9") == (0, "nothing to remove\n", "")


def test_compact_joins_what_is_older_than_a_day(pystore, tmp_path):
    two_days = 2 * 86_400 * 10**9
    old = Store(tmp_path / "store", durable=False, clock=lambda: time.time_ns() - two_days)
    realize(train(rate=2), attempts=5, store=old)
    shown = pystore("log", "train", "--json")[1]
    code, out, err = pystore("compact")
    assert (code, err) == (0, "")
    assert out.startswith("joined 5 attempts of 1 derivation: 8 files fewer, ")
    assert pystore("log", "train", "--json")[1] == shown
    assert pystore("verify")[0] == 0
    assert "9 attempts; 1 pack" in pystore("doctor")[1]
    assert pystore("compact")[1] == "nothing to join\n"
    (found,) = json.loads(pystore("compact", "--json")[1])
    assert found == {"derivations": 0, "attempts": 0, "files": 0, "size": 0, "left": []}


@pytest.mark.parametrize("arguments", [["gc", "--delete"], ["rm", "train@latest"]])
def test_without_a_terminal_nothing_is_removed_unless_told(arguments, pystore, kept):
    code, out, err = pystore(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(
        "pystore: this removes something, and there is no terminal to ask on: add --yes\n"
    )


@pytest.mark.parametrize(("answer", "left"), [("n", 3), ("y", 0)])
def test_in_a_terminal_gc_asks(answer, left, kept, tmp_path):
    child = in_terminal(
        "gc", "--all", "--delete", cwd=tmp_path, PYSTORE_ROOT=str(tmp_path / "store")
    )
    child.expect_exact("Remove them? [y/N]: ")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert len(Store(tmp_path / "store").realizations(kept[0].dref)) == left


def test_pins_are_listed_and_moved_and_ended(pystore, kept):
    assert pystore("pin", "champion", kept[0])[1] == f"champion is {kept[0]}\n"
    assert pystore("pin", "champion", "train@latest")[1] == (
        f"champion is {kept[2]} (it was {kept[0]})\n"
    )
    assert pystore("pins")[1] == f"pin       realization\nchampion  {kept[2]}\n"
    assert json.loads(pystore("pins", "--json")[1]) == [{"pin": "champion", "rref": kept[2]}]
    assert pystore("unpin", "champion") == (0, "", "")
    assert pystore("pins") == (0, "", "")
    assert pystore("unpin", "champion")[0] == 2


def test_a_pin_that_hides_a_stage_says_so(pystore, kept):
    code, out, err = pystore("pin", "train", kept[0])
    assert (code, out) == (0, f"train is {kept[0]}\n")
    assert "a stage is called train too" in err
    assert pystore("pin", "best", kept[0])[2] == ""


def test_rm_refuses_what_is_needed_and_says_by_whom(pystore, kept):
    pystore("pin", "champion", kept[2])
    code, _, err = pystore("rm", "data", "--yes")
    assert code == 2
    assert err.startswith("pystore: something else needs this\n  ref:        dref:")
    assert str(kept[0]) in err
    assert "  try: remove what needs it first, or add --force\n" in err
    assert "  pinned as:  champion\n" in pystore("rm", kept[2], "--yes")[2]


def test_rm_removes_together_what_needs_one_another(pystore, kept):
    dataset = Store(os.environ["PYSTORE_ROOT"]).context(kept[0])
    ((needed, *_),) = dataset.values()
    code, out, _ = pystore("rm", needed, *kept, "--yes")
    assert code == 0
    assert out.endswith(f"{kept[2]}: its artifacts; its attempts stay\nremoved 4\n")
    store = Store(os.environ["PYSTORE_ROOT"])
    assert store.realizations(kept[0].dref) == []
    assert len(store.attempts(kept[0].dref)) == 3


def test_rm_of_a_derivation_takes_all_of_it(pystore, kept):
    code, out, _ = pystore("rm", "train", "--yes")
    assert code == 0
    assert "its config, 3 realizations and 3 attempts\n" in out
    assert kept[0].dref not in Store(os.environ["PYSTORE_ROOT"]).drefs()


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_rm_works_beside_a_damaged_derivation_and_takes_it_too(pystore, kept, force):
    other = realize(data(n=1), store=(store := Store(os.environ["PYSTORE_ROOT"])))
    store.parts.session.end()
    config = store.parts.layout.drv / other.dref[5:] / "config.json"
    config.chmod(0o644)
    config.write_text("{")
    assert pystore("rm", "--yes", *force, str(kept[0])) == (
        0, f"{kept[0]}: its artifacts; its attempts stay\nremoved 1\n", ""
    )  # fmt: skip
    assert pystore("rm", "--yes", *force, str(other.dref))[0] == 0
    assert other.dref not in store.drefs()


def test_rm_of_a_family_shows_it_and_removes_it_when_told(pystore, kept):
    shown = "would remove 1 derivation, 3 realizations, 3 attempts of train\n"
    assert pystore("rm", "--family", "train") == (
        0,
        f"{shown}try: pystore rm --family train --yes\n",
        "",
    )
    assert pystore("ls", "train")[0] == 0
    removed = shown.replace("would remove", "removed")
    assert pystore("rm", "--family", "train", "--yes") == (0, shown + removed, "")
    assert pystore("rm", "--family", "train")[0] == 2


def test_rm_of_a_family_that_is_needed_says_by_whom(pystore, kept):
    pystore("pin", "champion", kept[2])
    for options in ([], ["--yes"]):
        code, out, err = pystore("rm", "--family", "train", *options)
        assert (code, out) == (2, "")
        assert f"pinned as:  champion: {kept[2]}\n" in err
        assert "try: pystore unpin champion\n" in err


@pytest.mark.parametrize(
    "arguments", [[], ["train", "--family", "train"], ["--family", "train", "--force"]]
)
def test_rm_takes_references_or_a_family(pystore, kept, arguments):
    code, out, err = pystore("rm", *arguments)
    assert (code, out) == (2, "") and "name what to remove" in err


def test_rm_asks_in_a_terminal(kept, tmp_path):
    child = in_terminal("rm", kept[0], cwd=tmp_path, PYSTORE_ROOT=str(tmp_path / "store"))
    child.expect_exact("Remove this? [y/N]: ")
    child.sendline("")
    child.expect_exact("nothing is removed")
    child.expect(pexpect.EOF)
    assert kept[0] in Store(tmp_path / "store").realizations(kept[0].dref)


def damage(rref):
    file = Store(os.environ["PYSTORE_ROOT"]).path(rref) / "score.txt"
    file.chmod(0o644)
    file.write_text("0.9999999999")
    file.chmod(0o444)


def test_verify_says_that_a_store_is_sound(pystore):
    assert pystore("verify") == (0, "4 realizations, 46 B: sound\n", "")
    assert json.loads(pystore("verify", "--json")[1])[0]["sound"] is True


def test_verify_ends_with_3_where_there_is_damage_and_says_how_to_restore_it(pystore, kept):
    damage(kept[1])
    code, out, err = pystore("verify")
    assert (code, err) == (3, "")
    assert re.fullmatch(
        r"4 realizations, 46 B: 1 damage\n"
        r"drv/\w+-train/\w+/out/score.txt: its bytes have changed: .*\n"
        r"  try: pull it from where it is whole, or pystore rm it; a run that needs it builds it "
        r"with its seed\n",
        out,
    )
    (found,) = json.loads(pystore("verify", "--json")[1])[0]["damages"]
    assert (found["ref"], found["kind"]) == (kept[1], "changed")


def test_verify_may_be_told_what_to_look_at(pystore, kept):
    damage(kept[1])
    assert pystore("verify", kept[0])[:2] == (0, "1 realization, 12 B: sound\n")
    assert pystore("verify", kept[1])[0] == 3
    assert pystore("verify", "data")[0] == 0
    assert pystore("verify", "train")[0] == 3


def test_verify_moves_what_is_damaged_away_when_asked(pystore, kept):
    damage(kept[1])
    code, out, _ = pystore("verify", "--quarantine")
    assert code == 3
    assert out.endswith(f"{kept[1]} is in trash/ until the next gc\n")
    assert pystore("verify")[0] == 0


def test_verify_shows_its_progress_in_a_terminal(kept, tmp_path):
    child = in_terminal("verify", cwd=tmp_path, PYSTORE_ROOT=str(tmp_path / "store"))
    child.expect(r"━.*\d/\d derivations")
    child.expect_exact("4 realizations, 46 B: sound")
    child.expect(pexpect.EOF)
