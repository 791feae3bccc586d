"""push, pull, copy, export, import, key: results on other machines."""

import json
import re
import sys

import pexpect
import pytest
from command import environment, pystore_command

import pystore as ps
from pystore import Store, build_seed, match_some, output, realize_many, stage
from pystore.store.current import ProcessWide
from pystore.ui.cli import main


@stage
def data(n=10, numbers=output("numbers.txt")):
    numbers.write_text("x" * n)


@stage(matcher=match_some(2))
def train(build, numbers=data(), score=output("score.txt")):
    score.write_text(f"0.{build_seed(build):010}")


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A store with one dataset, and two trainings on it."""
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "store"))
    store = Store(tmp_path / "store", durable=False)
    yield realize_many(train(), store=store)
    store.destroy()


@pytest.fixture
def pystore(built, capsys, tmp_path):
    """Runs a command in this process: its code, output and errors; HERE is the folder."""

    def run(*arguments):
        code = main.run([str(a).replace("HERE", str(tmp_path)) for a in arguments])
        out, err = capsys.readouterr()
        return code, *(re.sub(re.escape(str(tmp_path)), "HERE", text) for text in (out, err))

    return run


def test_push_and_pull_by_name_say_what_moved(pystore, built):
    moved = "moved 3 realizations, 3 attempts, 34 B\n"
    assert pystore("push", "train", "HERE/lab") == (0, moved, "")
    assert pystore("pull", "train", "HERE/lab", "--store", "HERE/other") == (0, moved, "")
    again = (0, "nothing to move: all of it is there already\n", "")
    assert pystore("push", "train", "HERE/lab") == again
    assert pystore("pull", "train", "HERE/lab", "--store", "HERE/other") == again


def test_notes_that_moved_are_told_with_and_without_results(pystore, built):
    ps.note(built[0], "the baseline")
    first = "moved 3 realizations, 3 attempts, 1 note, 34 B\n"
    assert pystore("push", "train", "HERE/lab")[1] == first
    ps.tag(built[0], "paper", "best")
    assert pystore("push", "train", "HERE/lab")[1] == "moved 2 notes\n"
    first = "moved 3 realizations, 3 attempts, 3 notes, 34 B\n"
    assert pystore("pull", "train", "HERE/lab", "--store", "HERE/other")[1] == first
    pystore("tag", built[0], "late")
    pystore("pin", "thesis", built[0])
    told = pystore("push", "--pin", "thesis", "HERE/lab")
    assert told == (0, "moved 1 note, pin thesis moved\n", "")


@pytest.mark.parametrize(("progress", "seen"), [(True, True), (False, False)])
def test_a_script_in_a_terminal_shows_how_far_it_is(built, tmp_path, progress, seen):
    script = f"from pystore import push; push({str(built[0])!r}, 'lab', progress={progress})"
    child = pexpect.spawn(
        sys.executable,
        ["-c", script],
        cwd=str(tmp_path),
        encoding="utf-8",
        env=environment(PYSTORE_ROOT=str(tmp_path / "store")),
    )
    child.expect(pexpect.EOF)
    assert ("━" in child.before) == seen
    assert (tmp_path / "lab").is_dir()


def test_pull_takes_the_first_digits_of_what_is_there(pystore, built):
    pystore("push", "train", "HERE/lab")
    rref = built[0]
    for text in (rref, rref[:12], rref[5:11]):
        code, out, _ = pystore("pull", text, "HERE/lab", "--store", "HERE/other", "--json")
        assert (code, json.loads(out)[0]["rrefs"]) == (0, [rref])
    code, _, err = pystore("pull", "absent", "HERE/lab", "--store", "HERE/other")
    assert code == 2
    assert "names:  data, train" in err


def test_what_is_there_twice_is_told(pystore, built):
    pystore("push", "train", "HERE/lab")
    firsts = {rref[5] for rref in built}
    code, _, err = pystore("pull", "rref:", "HERE/lab", "--store", "HERE/other")
    assert code == 2
    if len(firsts) == 1:
        code, _, err = pystore("pull", built[0][:6], "HERE/lab", "--store", "HERE/other")
        assert "this may mean several" in err


def test_copy_and_archives(pystore, built):
    moved = "moved 3 realizations, 3 attempts, 34 B\n"
    assert pystore("copy", "train", "HERE/copied") == (0, moved, "")
    assert pystore("export", "archive", "train", "HERE/x.tar.zst") == (0, moved, "")
    came = pystore("import", "archive", "HERE/x.tar.zst", "--store", "HERE/other")
    assert came == (0, moved, "")
    assert pystore("verify", "--store", "HERE/other")[0] == 0
    code, _, err = pystore("export", "archive", "train", "HERE/x.zip")
    assert code == 2
    assert "try: x.tar.zst" in err


@stage
def fragile(n=1, out=output("n.txt")):
    if n > 2:
        raise ValueError("too much")
    out.write_text(str(n))


@pytest.mark.parametrize("named", ["fragile", "fragil*"])
@pytest.mark.parametrize(
    ("how", "lacking"),
    [(("push", "HERE/lab"), "1 has"), (("copy", "HERE/copied"), "2 have")],
)
def test_a_config_that_failed_holds_up_no_other(pystore, built, named, how, lacking):
    rejected, _ = (ps.realize(fragile(n)) for n in (1, 2))
    ps.reject(rejected, "a leak")
    with pytest.raises(ps.errors.BuildError):
        ps.realize(fragile(3))
    told = (
        f"pystore: warning: {named}: of 3 derivations, {lacking} no realization to send: none "
        "succeeded, or it was rejected or removed\n"
    )
    assert pystore(how[0], named, how[1]) == (0, "moved 1 realization, 1 attempt, 1 B\n", told)


def test_a_rejection_of_one_config_of_a_name_is_sent(pystore, built):
    one, _ = (ps.realize(fragile(n)) for n in (1, 2))
    assert pystore("push", "fragile", "HERE/lab")[0] == 0
    ps.reject(one, "a leak")
    assert pystore("push", "fragile", "HERE/lab") == (0, "moved 1 note\n", "")


@pytest.mark.parametrize("named", ["fragile", "fragil*"])
def test_all_configs_of_a_name_are_pulled(pystore, built, named):
    one, two = (ps.realize(fragile(n)) for n in (1, 2))
    assert pystore("push", named, "HERE/lab")[0] == 0
    told = (0, "moved 2 realizations, 2 attempts, 2 B\n", "")
    assert pystore("pull", named, "HERE/lab", "--store", "HERE/other") == told
    assert pystore("reject", one, "a leak")[0] == 0
    assert pystore("push", named, "HERE/lab") == (0, "moved 1 note\n", "")
    told = (0, "moved 1 realization, 1 attempt, 1 B\n", "")
    assert pystore("pull", named, "HERE/lab", "--store", "HERE/third") == told
    assert two.dref in pystore("ls", "--store", "HERE/third", "--json")[1]


def test_what_is_named_alone_is_an_error_where_there_is_nothing_to_send(pystore, built):
    with pytest.raises(ps.errors.BuildError):
        ps.realize(fragile(3))
    code, out, err = pystore("push", "fragile", "HERE/lab")
    assert (code, out) == (2, "")
    assert "no realization to send" in err


def test_latest_says_that_the_results_were_rejected(pystore, built):
    ps.reject(ps.realize(fragile(1)), "a leak")
    code, _, err = pystore("cat", "fragile@latest", "n.txt")
    assert code == 2
    assert "that can be used" in err
    assert "rejected:  1" in err


def test_a_place_that_was_left_out_is_told(pystore):
    told = "pystore: missing argument: REF... and URL are needed\n"
    assert pystore("push", "train")[2].startswith(told)


def test_keys(pystore, built):
    code, public, _ = pystore("key", "HERE/lab.key")
    assert code == 0
    pystore("push", "train", "HERE/lab")
    pull = ("pull", "train", "HERE/lab", "--trust", public.strip(), "--store", "HERE/other")
    code, _, err = pystore(*pull)
    assert code == 1
    assert "no trusted key has signed this" in err
    pystore("push", "train", "HERE/lab", "--key", "HERE/lab.key")
    assert pystore(*pull)[0] == 0


def test_a_pin_travels_and_its_history_shows_a_rollback(pystore, built):
    pystore("pin", "serving", built[0])
    moved = "moved 2 realizations, 3 attempts, 22 B, pin serving moved\n"
    assert pystore("push", "HERE/lab", "--pin", "serving") == (0, moved, "")
    there = ("HERE/lab", "--store", "HERE/other")
    assert pystore("pull", "--pin", "serving", *there) == (0, moved, "")
    pinned = f"pin      realization\nserving  {built[0]}\n"
    assert pystore("pins", "--store", "HERE/other") == (0, pinned, "")
    assert pystore("pins", "--at", "HERE/lab") == (0, pinned, "")
    for rref in (built[1], built[0]):
        pystore("pin", "serving", rref)
        assert pystore("push", "--pin", "serving", "HERE/lab")[0] == 0
    told = json.loads(pystore("pins", "--at", "HERE/lab", "--history", "--json")[1])
    assert [(one["pin"], one["number"], one["rref"]) for one in told] == [
        ("serving", 1, built[0]), ("serving", 2, built[1]), ("serving", 3, built[0]),
    ]  # fmt: skip
    assert [one["before"] for one in told] == [None, built[0], built[1]]
    assert all(one["by"].endswith(f"@{one['host']}") for one in told)
    story = json.loads(pystore("pins", "serving", "--history", "--json")[1])
    assert [one["number"] for one in story] == [None, 1, None, 2, None, 3]
    assert [one for one in story if one["number"]] == told
    seen = json.loads(pystore("pins", "--history", "--json", "--store", "HERE/other")[1])
    assert seen[0] == told[0]
    assert (seen[1]["rref"], seen[1]["url"]) == (built[0], "HERE/lab")
    shown = pystore("pins", "--history", "--store", "HERE/other")[1].splitlines()
    assert "at the remote, 1" in shown[1]
    assert "as at HERE/lab" in shown[2]
    again = "all of it is there already; pin serving moved\n"
    assert pystore("pull", "train", *there)[0] == 0
    pystore("pin", "serving", built[1], "--store", "HERE/other")
    assert pystore("pull", "--pin", "serving", *there) == (0, again, "")


def test_a_pin_that_a_remote_lacks_is_told(pystore, built):
    pystore("push", "train", "HERE/lab")
    assert pystore("pins", "--at", "HERE/lab") == (0, "", "")
    code, _, err = pystore("pull", "--pin", "serving", "HERE/lab", "--store", "HERE/other")
    assert (code, err.splitlines()[0]) == (2, "pystore: the remote has no such pin")
    code, _, err = pystore("push", "--pin", "serving", "HERE/lab")
    assert (code, err.splitlines()[0]) == (2, "pystore: no such pin")
    told = "pystore: missing argument: REF... and URL are needed"
    assert pystore("pull", "HERE/lab")[2].splitlines()[0] == told


def test_pins_are_signed_and_believed_by_key(pystore, built):
    public = pystore("key", "HERE/lab.key")[1].strip()
    pystore("pin", "serving", built[0])
    pystore("push", "--pin", "serving", "HERE/lab")
    assert pystore("pins", "--at", "HERE/lab", "--trust", public)[1] == ""
    pystore("push", "--pin", "serving", "HERE/lab", "--key", "HERE/lab.key")
    assert built[0] in pystore("pins", "--at", "HERE/lab", "--trust", public)[1]


def test_nothing_is_pushed_where_nothing_stays(pystore, built):
    code, _, err = pystore("push", "train", "memory://lab")
    assert code == 2
    assert "nothing stays" in err


def test_a_damaged_remote_is_told(pystore, built, tmp_path):
    pystore("push", "train", "HERE/lab")
    for part in (p for p in (tmp_path / "lab" / "parts").rglob("*") if p.is_file()):
        part.chmod(0o644)
        part.write_text("?")
    code, out, err = pystore("pull", "train", "HERE/lab", "--store", "HERE/other")
    assert (code, out) == (1, "")
    assert "not what its name says" in err


def test_run_takes_from_a_remote_what_is_there(tmp_path):
    (tmp_path / "greet.py").write_text(
        "from pystore import output, stage\n\n\n@stage\n"
        "def hello(x=output('x.txt')):\n    x.write_text('1')\n"
    )

    def run(*arguments, store):
        return pystore_command(*arguments, cwd=tmp_path, PYSTORE_ROOT=str(tmp_path / store))

    assert "hello: 1 built" in run("run", "greet.py", store="mine").stdout
    assert run("push", "hello", "lab", store="mine").returncode == 0
    came = run("run", "greet.py", "--substitute", "lab", store="yours")
    assert "hello: 1 fetched" in came.stdout
    dead = run("run", "greet.py", "--substitute", "nowhere", store="other")
    assert "hello: 1 built" in dead.stdout
    assert "no remote is here" in dead.stderr


def test_a_form_that_was_left_out_is_told(pystore):
    for name in ("export", "import"):
        code, _, err = pystore(name)
        assert (code, err.splitlines()[0]) == (2, "pystore: missing command")
        assert f"try: pystore {name} --help" in err
