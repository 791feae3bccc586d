"""pystore run: a stage of a user's file, what is told about it, and what goes wrong."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from command import PROGRAM as COMMAND
from command import environment, in_terminal, pystore_command
from project import importing

from pystore import Context, Store
from pystore.errors import BadConfig
from pystore.store.current import ProcessWide
from pystore.store.defaults import InForce
from pystore.ui.cli import main
from pystore.ui.cli.parameters import parse_value
from pystore.ui.cli.program import parse_target

PROGRAM = """
from helper import square

from pystore import match_best, output, stage

@stage
def numbers(n=3, file=output("numbers.txt")):
    print("numbers are made")
    file.write_text("\\n".join(map(str, range(n))))

@stage(matcher=match_best("score.txt"))
def train(data=numbers(), epochs=2, fail=False, score=output("score.txt")):
    print("epoch", epochs)
    if fail:
        square("no number")
    score.write_text(f"{len(data.file.read_text().split()) + square(epochs)}\\n")

if __name__ == "__main__":
    print(train().dref)
"""
HANGS = """
import time
from pystore import output, stage

@stage
def hangs(o=output("o")):
    time.sleep(1000)
"""
HELPER = """
def square(number):
    return number ** 2
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a program, in which commands run in this process."""
    (tmp_path / "first.py").write_text(PROGRAM)
    (tmp_path / "helper.py").write_text(HELPER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYSTORE_ROOT", str(tmp_path / "store"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    monkeypatch.setattr(ProcessWide, "store", None)
    monkeypatch.setattr(InForce, "defaults", InForce.defaults)
    yield tmp_path
    forget(tmp_path)
    if (tmp_path / "store").exists():
        Store(tmp_path / "store").destroy()


def forget(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def run(here, capfd, monkeypatch):
    """Runs `pystore run` in this process: its code, output and errors, digests left out."""

    def run(*arguments):
        forget(here)
        for number, name in ((1, "stdout"), (2, "stderr")):  # on the descriptors, as in a terminal
            monkeypatch.setattr(sys, name, os.fdopen(number, "w", 1, closefd=False))
        code = main.run(["run", *arguments])
        out, err = capfd.readouterr()
        return code, plain(out, here), plain(err, here)

    return run


def plain(text: str, folder: Path) -> str:
    text = re.sub(r"\b[0-9a-f]{32}\b", "#", text.replace(str(folder), "HERE"))
    text = re.sub(r", [0-9]+ times", ", # times", text)
    return re.sub(r"\b([dr]ref:)[0-9a-f]{8}\b", r"\1#", text)


def test_it_builds_the_stage_that_no_other_uses_and_prints_what_was_chosen(run):
    assert run("-q", "first.py") == (
        0,
        "first.py:train: 2 built\n"
        "  rref:       rref:#-#-train\n"
        "  path:       HERE/store/drv/#-train/#/out\n"
        "  score.txt:  7.0\n",
        "",
    )
    assert run("-q", "first.py")[1].startswith("first.py:train: 2 up to date\n")


def test_a_stage_may_be_named(run):
    assert run("-q", "first.py:numbers")[1].startswith("first.py:numbers: 1 built\n")


def test_parameters_go_to_the_stage_and_to_its_inputs(run):
    assert "score.txt:  12.0" in run("-q", "first.py", "-p", "epochs=3")[1]
    assert "score.txt:  19.0" in run("-q", "first.py", "-p", "epochs=3", "-p", "data.n=10")[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 1e-3),
        ("[1, 2]", [1, 2]),
        ("true", True),
        ("True", True),
        ("None", None),
        ("adam", "adam"),
        ('"3"', "3"),
        ("NaN", "NaN"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_the_value_of_a_parameter_is_json_or_else_text(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_a_key_that_stands_twice_in_the_value_of_a_parameter_is_an_error():
    with pytest.raises(BadConfig, match="not well-formed") as caught:
        parse_value('{"opt": {"lr": 1, "lr": 2}}')
    assert "'lr' stands twice" in caught.value.because


DICTS = """
from pystore import build_cattrs, build_outpath, build_wrapper, match_latest, mkdrv, output, stage

@stage
def train(opt={"lr": 0.1, "more": {"steps": 3}}, score=output("score.txt")):
    score.write_text(str(opt["lr"] + opt["more"]["steps"]))

@stage
def both(models={"a": train}, share: float = 0.5, score=output("score.txt")):
    score.write_text(str(float(models["a"].score.read_text()) + share))

def by_hand(m, opt={"lr": 0.1}):
    def write(b):
        (build_outpath(b) / "score.txt").write_text(str(build_cattrs(b).opt["lr"]))
    return mkdrv(m, {"name": "by_hand", "opt": opt}, match_latest(), build_wrapper(write))
"""


@pytest.mark.parametrize(
    ("stage", "given", "score"),
    [
        ("train", ["opt.lr=0.5"], "3.5"),
        ("train", ["opt.more.steps=7", "opt.lr=1"], "8"),
        ("by_hand", ["opt.lr=0.5"], "0.5"),
        ("both", ["models.a.opt.more.steps=4"], "4.6"),
        ("both", ["share=1"], "4.1"),
    ],
)
def test_a_key_of_a_dict_may_be_given(stage, given, score, run, here):
    (here / "dicts.py").write_text(DICTS)
    options = [word for text in given for word in ("-p", text)]
    code, out, _ = run("-q", f"dicts.py:{stage}", *options)
    assert code == 0 and f"score.txt:  {score}" in out
    assert run("-q", f"dicts.py:{stage}")[1].startswith(f"dicts.py:{stage}: ")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("opt.rate=1", "opt has no parameter rate\n  parameters:  lr, more\n"),
        ("opt.lr.x=1", "lr has no parameter x\n  parameters:  none\n"),
        ("opt.lr=many", "lr of opt is a number\n"),
        ("opt.more.steps=many", "steps of more is a whole number\n"),
    ],
)
def test_a_key_that_a_dict_has_not_is_a_mistake(given, told, run, here):
    (here / "dicts.py").write_text(DICTS)
    code, _, err = run("-q", "dicts.py:train", "-p", given)
    assert code == 2 and err.startswith(f"pystore: {told}")


def test_a_whole_number_is_the_same_training_where_a_float_is_due(run, here):
    (here / "dicts.py").write_text(DICTS)
    run("-q", "dicts.py:both", "-p", "share=1.0")
    told = run("-q", "dicts.py:both", "-p", "share=1")[1]
    assert told.startswith("dicts.py:both: 2 up to date\n")


def test_a_parameter_that_is_given_again_makes_a_sweep(run):
    given = ["-p", "epochs=1", "-p", "epochs=3", "-p", "data.n=4", "-p", "data.n=5"]
    out = run("-q", "first.py", *given)[1].splitlines()
    assert out[0] == "first.py:train: 6 built"
    assert [row.split()[:2] for row in out[2:]] == [
        ["epochs=1", "data.n=4"],
        ["epochs=1", "data.n=5"],
        ["epochs=3", "data.n=4"],
        ["epochs=3", "data.n=5"],
    ]
    once = run("-q", "first.py", "-p", "epochs=1", "-p", "epochs=1")[1]
    assert once.startswith("first.py:train: 2 built\n  rref:")


def test_forced_stages_are_built_again(run):
    run("-q", "first.py")
    told = run("-q", "first.py", "--force", "numbers", "--force", "train")[1]
    assert told.startswith("first.py:train: 2 built\n")


def test_attempts_are_built_until_there_are_so_many(run, here):
    (here / "dice.py").write_text(
        "from pystore import build_seed, output, stage\n"
        "@stage\n"
        "def dice(build, eyes=output('eyes.txt')):\n"
        "    eyes.write_text(str(build_seed(build)))\n"
    )
    assert run("-q", "dice.py", "--attempts", "3")[1].startswith("dice.py:dice: 3 built\n")
    assert run("-q", "dice.py", "--attempts", "4")[1].startswith("dice.py:dice: 1 built\n")


def test_several_targets_are_a_table(run, here):
    (here / "many.py").write_text(PROGRAM + "from pystore import sweep\n"
                                  "trained = sweep(train, epochs=[1, 3])\n")  # fmt: skip
    rows = run("-q", "many.py")[1].splitlines()
    assert rows[0] == "many.py:trained: 3 built"
    assert [row.split() for row in rows[1:]] == [
        ["stage", "rref", "score.txt"],
        ["epochs=1", "rref:#-#-train", "4"],
        ["epochs=3", "rref:#-#-train", "12"],
    ]


def test_stages_by_hand_run_too(run, here):
    (here / "hand.py").write_text(
        "from pystore import build_cattrs, build_outpath, build_wrapper\n"
        "from pystore import match_latest, mkconfig, mkdrv\n"
        "def write(b):\n"
        "    (build_outpath(b) / 'x').write_text(str(build_cattrs(b).size))\n"
        "def data(m, size=3):\n"
        "    return mkdrv(m, mkconfig(locals()), match_latest(), build_wrapper(write))\n"
        "def model(m, size):\n"
        "    config = dict(name='model', dataset=[data(m, size), 'x'], size=size)\n"
        "    return mkdrv(m, config, match_latest(), build_wrapper(write))\n"
        "def best(m):\n"
        "    return model(m, 4)\n"
    )
    assert run("-q", "hand.py:model", "-p", "size=3")[1].startswith("hand.py:model: 2 built\n")
    assert run("-q", "hand.py")[1].startswith("hand.py:best: 2 built\n")
    code, _, told = run("-q", "hand.py:model")
    assert code == 2
    assert told == (
        "pystore: model needs a value for size\n  parameters:  size\n  try: give it: -p size=…\n"
    )


def test_LD2_results_are_those_of_the_script(here):
    """The code of a stage does not depend on how its file was loaded."""
    (here / "both.py").write_text(
        PROGRAM.replace(
            "@stage(matcher",
            "class Rate:\n    value = 0.5\n\nRATES = [Rate(), 1]\n\n"
            "def rate():\n    return Rate.value * RATES[0].value\n\n@stage(matcher",
        ).replace('print("epoch", epochs)', "print(rate())")
    )
    script = subprocess.run(
        [sys.executable, "both.py"], env=importing(),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ran = pystore_command("run", "--json", "both.py", cwd=here, PYSTORE_ROOT=str(here / "store"))
    chosen = json.loads(ran.stdout.splitlines()[-1])["chosen"][0]
    assert chosen["rref"][38:] == script.stdout.strip()[5:]


def test_json_is_all_that_comes_on_standard_output(run, here):
    (here / "loud.py").write_text("print('loading')\n" + PROGRAM)
    code, out, err = run("--json", "-v", "loud.py")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [event["event"] for event in events] == [
        "Started", "Succeeded", "Started", "Succeeded", "Ended",
    ]  # fmt: skip
    assert events[-1] == {
        "event": "Ended",
        "code": 0,
        "stage": "loud.py:train",
        "done": {"built": 2},
        "chosen": [
            {
                "rref": "rref:#-#-train",
                "path": "HERE/store/drv/#-train/#/out",
                "metrics": {"score.txt": 7.0},
            }
        ],
    }
    made = "pystore: made a store in HERE/store"
    assert err.splitlines() == ["loading", made, "numbers are made", "epoch 2"]


def test_what_stages_print_is_in_their_logs_unless_verbose(run, here):
    assert "epoch" not in "".join(run("-q", "first.py")[1:])
    logs = [p.read_text() for p in (here / "store" / "drv").glob("*/attempts/*.log")]
    assert sorted(logs) == ["epoch 2\n", "numbers are made\n"]
    assert "epoch 3\n" in run("-q", "-v", "first.py", "-p", "epochs=3")[1]


# --- what goes wrong -------------------------------------------------------------------


def test_a_failed_build_shows_the_users_own_lines_and_its_last_words(run):
    code, out, err = run("-q", "first.py", "-p", "fail=true")
    assert (code, out) == (1, "")
    assert err == (
        "pystore: the realizer train raised TypeError\n"
        "  because:  unsupported operand type(s) for ** or pow(): 'str' and 'int'\n"
        "  at:       first.py:15 in train\n"
        '              square("no number")\n'
        "            helper.py:3 in square\n"
        "              return number ** 2\n"
        "  output:   epoch 2\n"
        "  dref:     dref:#-train\n"
        "  try: pystore logs dref:# for all that it printed\n"
    )
    code, _, err = run("-q", "--debug", "first.py", "-p", "fail=true")
    assert code == 1
    assert err.startswith("Traceback (most recent call last):\n")


def test_a_failed_build_ends_the_events_with_the_error(run):
    code, out, _ = run("--json", "first.py", "-p", "fail=true")
    last = json.loads(out.splitlines()[-1])
    assert (code, last["event"], last["code"]) == (1, "Ended", 1)
    assert last["what"] == "the realizer train raised TypeError"
    assert last["done"] == {"built": 1, "failed": 1}


def test_an_error_of_ours_inside_a_realizer_is_a_failed_build_too(run, here):
    (here / "wrong.py").write_text(
        "from pystore import stage\n@stage\ndef wrong():\n    return [].count(3)\n"
    )
    code, _, err = run("-q", "wrong.py")
    assert code == 1
    assert err.startswith("pystore: the stage wrong returned a value, which would be lost\n")


def test_with_keep_going_each_failure_is_told(run, here):
    (here / "many.py").write_text(
        "from pystore import stage, sweep\n"
        "@stage\n"
        "def wrong(n):\n"
        "    raise ValueError(n)\n"
        "wrongs = sweep(wrong, n=[1, 2])\n"
    )
    code, _, err = run("-q", "many.py", "--keep-going")
    assert code == 1
    assert err.count("  at:       many.py:4 in wrong\n") == 2
    assert "pystore: 2 derivations failed\n" in err


def test_with_keep_going_what_was_skipped_is_named(run, here):
    (here / "many.py").write_text(
        "from pystore import stage, sweep\n"
        "@stage\n"
        "def data(n=1):\n"
        "    if n > 1: raise ValueError(n)\n"
        "@stage\n"
        "def train(data=data, rate=1): ...\n"
        "@stage\n"
        "def report(train=train): ...\n"
        "three = sweep(report, train=[train(data(1)), train(data(2)), train(data(3))])\n"
        "one = report(train(data(2), 3))\n"
    )
    code, _, err = run("-q", "many.py:one", "--keep-going")
    assert code == 1 and "  skipped:  train\n            report\n" in err
    code, out, err = run("-q", "many.py:three", "--keep-going", "--json")
    assert code == 1 and len(json.loads(out.splitlines()[-1])["skipped"]) == 4
    last = err.partition("pystore: 2 derivations failed\n")[2]
    assert re.search(r"  skipped:  train [0-9a-f]{6}\n +(train|report) ", last)
    assert last.endswith("  try: each is told above; run it again: what was built is kept\n")
    assert "skipped" not in run("-q", "many.py:one")[2]


LOADING = {
    "def x(:\n": (
        "pystore: bad.py is no Python\n"
        "  because:  invalid syntax\n"
        "  at:       bad.py:1\n"
        "              def x(:\n"
        "  try: python bad.py\n"
    ),
    "import helper\nhelper.square('x')\n": (
        "pystore: bad.py failed when it was loaded\n"
        "  because:  TypeError: unsupported operand type(s) for ** or pow(): 'str' and 'int'\n"
        "  at:       bad.py:2 in <module>\n"
        "              helper.square('x')\n"
        "            helper.py:3 in square\n"
        "              return number ** 2\n"
        "  try: python bad.py\n"
    ),
    "import nothing_of_this_name\n": (
        "pystore: bad.py failed when it was loaded\n"
        "  because:  ModuleNotFoundError: No module named 'nothing_of_this_name'\n"
        "  at:       bad.py:1 in <module>\n"
        "              import nothing_of_this_name\n"
        "  try: python bad.py\n"
    ),
    "import sys\nsys.exit(4)\n": (
        "pystore: bad.py called sys.exit() when it was loaded\n"
        "  because:  4\n"
        "  at:       bad.py:2 in <module>\n"
        "              sys.exit(4)\n"
        '  try: put what only the script does under: if __name__ == "__main__":\n'
    ),
    "def f():\n    f()\nf()\n": (
        "pystore: bad.py failed when it was loaded\n"
        "  because:  RecursionError: maximum recursion depth exceeded\n"
        "  at:       bad.py:3 in <module>\n"
        "              f()\n"
        "            bad.py:2 in f, # times\n"
        "              f()\n"
        "  try: python bad.py\n"
    ),
    "def model(m):\n    raise SystemExit(3)\n": (
        "pystore: the stage model raised SystemExit\n"
        "  because:  3\n"
        "  at:       bad.py:2 in model\n"
        "              raise SystemExit(3)\n"
        "  try: run it again with --debug for the whole traceback\n"
    ),
    "x = 1\n": (
        "pystore: no stages in bad.py\n"
        "  try: write @stage above a function, or def model(m): return mkdrv(m, …)\n"
    ),
    "from pystore import stage\n@stage\ndef a(x=1): ...\n@stage\ndef b(y, z=2): ...\n": (
        "pystore: bad.py has several final stages\n"
        "  stages:  a(x=1)\n"
        "           b(y, z=2)\n"
        "  try: name one of them: bad.py:a\n"
    ),
    "def model(m):\n    return 1 / 0\n": (
        "pystore: the stage model raised ZeroDivisionError\n"
        "  because:  division by zero\n"
        "  at:       bad.py:2 in model\n"
        "              return 1 / 0\n"
        "  try: run it again with --debug for the whole traceback\n"
    ),
}


def test_imports_that_a_script_cannot_do_are_explained(run, here):
    (here / "part").mkdir()
    (here / "part" / "near.py").write_text("from .other import f\n")
    assert "  try: make its folder a package: touch part/__init__.py\n" in run("part/near.py")[2]
    (here / "part" / "far.py").write_text("import helper\n")
    told = "  try: PYTHONPATH=. before the command: part/far.py's own folder is looked in"
    assert told in run("part/far.py")[2]


def test_inputs_are_shown_by_their_names(run, here):
    (here / "many.py").write_text(
        "from pystore import output, stage, sweep\n"
        "@stage\n"
        "def train(rate=1): ...\n"
        "@stage\n"
        "def other(): ...\n"
        "@stage\n"
        "def a(models=sweep(train, rate=[1, 2, 3]), more=[train, other()], n={'x': 1}): ...\n"
        "@stage\n"
        "def b(model=train, plain=[1, 2]): ...\n"
    )
    assert run("many.py")[2] == (
        "pystore: many.py has several final stages\n"
        "  stages:  a(models={3 of train}, more=[1 of train, 1 of other], n={'x': 1})\n"
        "           b(model=train(), plain=[1, 2])\n"
        "  try: name one of them: many.py:a\n"
    )


@pytest.mark.parametrize("workers", [(), ("-j", "1")])
@pytest.mark.parametrize("where", [".", "proj/models"])
def test_LD3_a_file_of_a_package_is_run_as_part_of_it(here, where, workers):
    models = here / "proj" / "models"
    models.mkdir(parents=True)
    for folder in (models, models.parent):
        (folder / "__init__.py").write_text("")
    (here / "proj" / "data.py").write_text(HELPER)
    (models / "types.py").write_text("a module of Python's own has this name")
    (models / "near.py").write_text("EPOCHS = 2\n")
    (models / "net.py").write_text(
        PROGRAM.replace("from helper", "from near import EPOCHS\nfrom ..data").replace(
            "epochs=2", "epochs=EPOCHS"
        )
    )
    folder = here / where
    file = os.path.relpath(models / "net.py", folder)
    settings = {"PYSTORE_ROOT": str(here / "store"), "PYTHONSAFEPATH": "1"}  # as by the command
    ran = pystore_command("run", "-q", *workers, file, cwd=folder, **settings)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"{file}:train: 2 built\n")
    script = pystore_command("run", "-q", "first.py", cwd=here, **settings)
    assert script.stdout.startswith("first.py:train: 2 up to date\n")


@pytest.mark.parametrize("code", LOADING)
def test_a_file_that_cannot_be_used_is_a_mistake_of_usage(code, run, here):
    (here / "bad.py").write_text(code)
    assert run("bad.py") == (2, "", LOADING[code])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["frist.py"], "no such file\n  given:    frist.py\n  closest:  first.py\n"),
        (["."], "not a file\n  given:  .\n"),
        (["first.py:trian"], "no stage of this name in first.py\n"),
        (["first.py:square"], "no stage of this name in first.py\n"),
        (["first.py", "-p", "epoch=3"], "train has no parameter epoch\n"),
        (["first.py", "-p", "data=3"], "data is an input of train: another stage\n"),
        (["first.py", "-p", "data.m=3"], "numbers has no parameter m\n"),
        (["first.py", "-p", "epochs.x=3"], "epochs is no input of train\n"),
        (["first.py", "-p", "score=3"], "score is a file that train writes, and no parameter\n"),
        (["first.py", "-p", "epochs"], "invalid value for '-p': 'epochs' is no key=value"),
        (["first.py", "-p", "n=5"], "train has no parameter n\n"),
        (["first.py", "-p", "data.n=few"], "n of numbers is a whole number\n"),
        (["first.py", "-p", "epochs=many"], "epochs of train is a whole number\n"),
        (["first.py", "--force"], "option '--force' requires an argument\n  usage:  pystore run "),
        (
            ["first.py", "--attempts", "some"],
            "invalid value for '--attempts': 'some' is not a whole",
        ),
        (["first.py", "--force", "trian"], "--force names no stage of this run\n"),
        (["first.py", "--attempts", "0"], "invalid value for '--attempts': 0 is not in the range"),
        (["notes.txt"], "not a Python file\n"),
        (["json.py"], "json.py has the name of a module that is in use\n"),
    ],
)
def test_a_mistake_is_told_before_anything_is_made(arguments, told, run, here):
    (here / "notes.txt").write_text("")
    (here / "json.py").write_text("")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"pystore: {told}")
    assert not (here / "store").exists()


def test_a_parameter_of_an_input_is_pointed_out(run):
    assert "of an input: -p data.n=value\n" in run("first.py", "-p", "n=5")[2]


def test_a_timeout_stops_an_attempt_though_no_workers_were_asked_for(run, here):
    (here / "first.py").write_text(HANGS)
    code, _, err = run("first.py", "-q", "--timeout", "0.3")
    assert code == 1
    assert "the realizer ran for longer than 0.3 s" in err


def test_the_wait_for_another_process_has_a_limit_of_its_own(run, here):
    run("-q", "first.py")
    store = Store(here / "store")
    (dref,) = [dref for dref in store.drefs() if dref.name == "numbers"]
    lock = store.lock(dref, Context())
    assert lock.acquire()
    code, _, err = run("-q", "first.py", "--force", "numbers", "--lock-timeout", "0.1")
    lock.release()
    assert (code, "another process is building this" in err) == (1, True)


def test_the_store_that_was_named_counts_more_than_that_of_the_file(run, here):
    (here / "own.py").write_text(
        "from pystore import store_initialize\nstore_initialize('own')\n" + PROGRAM
    )
    assert "HERE/own/drv" in run("-q", "own.py")[1]
    ProcessWide.store = None
    assert "HERE/other/drv" in run("-q", "own.py", "--store", "other")[1]
    for name in ("own", "other"):
        Store(here / name).destroy()


def test_a_colon_parts_the_file_from_the_stage(here):
    (here / "a:b.py").write_text("")
    assert parse_target("first.py:train") == (Path("first.py"), "train")
    assert parse_target("first.py") == (Path("first.py"), None)
    assert parse_target("first.py:") == (Path("first.py"), None)
    assert parse_target("a:b.py") == (Path("a:b.py"), None)


def test_a_dry_run_says_what_would_be_done_and_leaves_nothing(run, here):
    assert run("--dry-run", "first.py") == (
        0,
        "numbers  build 1  will build: no realization in this context\n"
        "train    build 1  will build: no realization in this context\n"
        "2 to build\n",
        "",
    )
    assert not (here / "store").exists()
    run("-q", "first.py")
    out = run("-n", "first.py", "-p", "epochs=3", "--json")[1]
    assert [step["action"] for step in json.loads(out)["steps"]] == ["reuse", "build"]


ASKING = """
from pystore import output, stage

@stage
def asks(how="input()", answer=output("name.txt")):
    answer.write_text(str(eval(how)))
"""


@pytest.mark.parametrize("how", ["input()", "breakpoint()"])
@pytest.mark.parametrize("workers", [(), ("-j", "1")])
def test_a_stage_that_asks_where_nobody_sees_it_is_an_error(here, how, workers):
    (here / "asking.py").write_text(ASKING)
    store = {"PYSTORE_ROOT": str(here / "store")}
    ran = pystore_command("run", "-q", *workers, "asking.py", "-p", f"how={how}", cwd=here, **store)
    assert ran.returncode == 1
    assert "a stage asks for input, and what it prints goes to its log" in ran.stderr
    assert "pystore run -v" in ran.stderr


def test_a_stage_may_ask_where_it_prints_on_the_terminal(here):
    (here / "asking.py").write_text(ASKING)
    child = in_terminal("run", "-v", "asking.py", cwd=here, PYSTORE_ROOT=str(here / "store"))
    child.sendline("Ada")
    child.expect(pexpect.EOF)
    (name,) = (here / "store" / "drv").rglob("name.txt")
    assert name.read_text() == "Ada"


def test_a_dry_run_knows_where_no_store_can_be_made(run, here):
    for place in ("helper.py", "helper.py/store", "."):
        for dry in (["-n"], []):
            code, out, err = run("first.py", "--store", place, *dry)
            assert (code, out) == (2, "") and "no" in err and "store" in err


def test_that_a_store_is_made_is_said_once(run):
    said = "pystore: made a store in HERE/store\n"
    assert said not in run("-n", "first.py")[2]
    assert run("first.py")[2].startswith(said)
    assert said not in run("first.py", "-p", "epochs=3")[2]


def test_workers_run_what_the_file_defines_and_show_its_lines_when_it_fails(run):
    assert run("-q", "-j", "1", "first.py")[1].startswith("first.py:train: 2 built\n")
    code, _, err = run("-q", "-j", "1", "first.py", "-p", "fail=true")
    assert code == 1
    assert "            helper.py:3 in square\n" in err


def test_what_is_no_exception_is_a_failed_build_as_well(run, here):
    (here / "odd.py").write_text(
        "from pystore import stage\n@stage\ndef odd():\n    raise BaseException('odd')\n"
    )
    code, _, err = run("-q", "odd.py")
    assert code == 1
    assert err.startswith("pystore: BaseException: odd\n  at:  odd.py:4 in odd\n")


def test_a_reader_of_events_that_goes_away_does_not_hide_a_failure(here):
    (here / "wrong.py").write_text(
        "import os\nfrom pystore import stage\n@stage\ndef wrong():\n    raise ValueError('odd')\n"
    )
    line = f"{' '.join(COMMAND)} run -q --json wrong.py | true; exit ${{PIPESTATUS[0]}}"
    env = environment(PYSTORE_ROOT=str(here / "store"))
    done = subprocess.run(["bash", "-c", line], cwd=here, env=env, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"pystore: the realizer wrong raised ValueError\n")


UNGUARDED = """
from pystore import build_cattrs, build_outpath, build_wrapper, match_latest, mkdrv, output
from pystore import realize, stage

LINE = "{}\\n"

def text(n):
    return LINE.format(n * n)

def write(b):
    (build_outpath(b) / "n.txt").write_text(text(build_cattrs(b).n))

def by_hand(m, n=2):
    return mkdrv(m, {"name": "by_hand", "n": n}, match_latest(), build_wrapper(write))

@stage
def decorated(n=3, file=output("n.txt")):
    file.write_text(text(n))

realize(decorated())
"""


def test_workers_do_not_run_again_a_file_that_realizes_when_it_is_loaded(run, here):
    (here / "whole.py").write_text(UNGUARDED)
    for name in ("by_hand", "decorated"):
        code, out, err = run("-q", "-j", "1", f"whole.py:{name}", "-p", "n=5")
        assert (code, err) == (0, "")
        assert "25" in out


def test_an_edit_of_the_same_size_in_the_same_second_counts(here):
    for text in ("2", "3"):
        program = PROGRAM.replace("epochs=2", f"epochs={text}")
        (here / "first.py").write_text(program)
        os.utime(here / "first.py", (1_700_000_000, 1_700_000_000))
        environment = {"PYSTORE_ROOT": str(here / "store"), "PYTHONDONTWRITEBYTECODE": ""}
        ran = pystore_command("run", "-q", "first.py", cwd=here, **environment)
        assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("first.py:train: 1 built, 1 up to date\n")


LISTS = """
from pystore import output, stage

@stage
def split(seed: int = 0, out=output("o.txt")):
    out.write_text(str(seed))

@stage
def train(data=split(), n_iter: int = 2, optim={"lr": 0.1, "decay": 0.5}, out=output("o.txt")):
    out.write_text(f"{n_iter} {data.seed} {optim}")

@stage
def pick(candidates=[train(n_iter=1), train(n_iter=2)], data=split(), out=output("o.txt")):
    out.write_text(" ".join([*(f"{c.n_iter}/{c.data.seed}" for c in candidates), str(data.seed)]))
"""


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["candidates.0.n_iter=1_0"], "10/0 2/0 0"),
        (["candidates.*.n_iter=7"], "7/0 7/0 0"),
        (["*.data.seed=1", "data.seed=1"], "1/1 2/1 1"),
    ],
)
def test_inputs_in_a_list_are_set_from_outside(given, made, run, here):
    (here / "lists.py").write_text(LISTS)
    options = [part for one in given for part in ("-p", one)]
    code, _, err = run("-q", "lists.py:pick", *options)
    assert code == 0, err
    assert err == ""
    assert made in {path.read_text() for path in (here / "store").glob("drv/*-pick/*/out/o.txt")}


@pytest.mark.filterwarnings("always")
def test_a_change_that_reaches_only_some_uses_of_an_input_says_so(run, here):
    (here / "lists.py").write_text(LISTS)
    code, _, err = run("-q", "lists.py:pick", "-p", "*.data.seed=1")
    assert code == 0
    assert "*.data.seed reaches some uses of split, and not those by pick" in err
    (made,) = (here / "store").glob("drv/*-pick/*/out/o.txt")
    assert made.read_text() == "1/1 2/1 0"


def test_an_input_in_a_list_needs_its_place(run, here):
    (here / "lists.py").write_text(LISTS)
    code, _, err = run("-q", "lists.py:pick", "-p", "candidates.n_iter=4")
    assert code == 2
    assert err.startswith("pystore: candidates is a list of 2\n")


def test_a_whole_dict_replaces_and_one_key_keeps_the_others(run, here):
    (here / "lists.py").write_text(LISTS)
    for given, made in [('optim={"lr": 1}', {"lr": 1}), ("optim.lr=.5", {"lr": 0.5, "decay": 0.5})]:
        code, _, err = run("-q", "lists.py:train", "-p", given)
        assert code == 0, err
        texts = {path.read_text() for path in (here / "store").glob("drv/*-train/*/out/o.txt")}
        assert any(text.endswith(str(dict(sorted(made.items())))) for text in texts)  # type: ignore[attr-defined]  # a dict


def test_a_value_that_is_written_in_two_ways_is_one_training(run, here):
    (here / "lists.py").write_text(LISTS)
    code, out, _ = run("-q", "lists.py:train", "-p", "n_iter=1000", "-p", "n_iter=1_000")
    assert code == 0
    assert out.count("path:") == 1
