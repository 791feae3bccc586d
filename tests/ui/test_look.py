"""Commands that look into a store, against a small one that is the same each time.

`golden/*.txt` shows what they print, in a terminal of 100 characters and elsewhere. After a change
that is meant, write them anew and read the difference:

    PYSTORE_GOLDEN=write python -m pytest tests/ui/test_look.py; git diff tests/ui/golden
"""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
from command import PROGRAM, environment, in_terminal
from small_store import BORN, ODD, make, train

from pystore import (
    Derivation,
    DRef,
    RRef,
    Store,
    attempts,
    build_cattrs,
    build_note,
    build_outpath,
    catref,
    lsref,
    match_latest,
    realize,
)
from pystore.errors import Corrupted
from pystore.store import tree
from pystore.ui.cli import columns
from pystore.ui.cli.commands import COMMANDS
from pystore.ui.cli.main import pystore, run

GOLDEN = Path(__file__).parent / "golden"
SHOWN = {
    "ls": ["ls", "ls 't*'", "ls dref:7751", "ls baseline", "ls odd@latest", "ls nothing"],
    "show": ["show baseline", "show digits", "show train"],
    "tree": ["tree baseline", "tree odd"],
    "cat": ["cat train report.md", "cat train@best:accuracy.txt:min accuracy.txt", "cat odd no"],
    "path": ["path baseline digits"],
    "find": ["find train --name '*.md'", "find --newer train@latest", "find --name '*/*/*.bin'"],
    "log": ["log", "log -n 2 train", "log baseline"],
    "logs": ["logs train", "logs --attempt 0 train", "logs dref:99c4", "logs digits"],
    "metrics": ["metrics train", "metrics train --min", "metrics train -m loss"],
    "diff": ["diff baseline train", "diff dref:7751 dref:99c4", "diff odd odd"],
    "graph": ["graph baseline", "graph dref:99c4", "graph baseline --mermaid"],
    "du": ["du", "du --by realization train"],
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Store:
    return make(tmp_path_factory.mktemp("look") / "store")


@pytest.fixture
def call(small, capfd, monkeypatch):
    """Runs one command line, and returns its exit code and what it printed."""
    monkeypatch.setenv("PYSTORE_ROOT", str(small.root))

    def called(*arguments):
        code = run([*map(str, arguments)])
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return called


@pytest.fixture
def terminal(monkeypatch):
    """Lets the commands believe that they print into a terminal of 100 characters."""
    monkeypatch.setattr(columns, "in_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")


def settled(text: str, store: Store) -> str:
    """The text without what differs between machines and runs."""
    text = text.replace(str(store.root), "STORE")
    text = re.sub(r"process \d+ on \S+", "process 123 on HOST", text)
    text = re.sub(r"(host +)\S+, process \d+", r"\1HOST, process 123", text)
    text = re.sub(r"(source +)[0-9a-f]{32}", r"\1<hex>", text)
    # Which packages are imported, and whether the tests stand in a checkout, is no matter here.
    return re.sub(r"^versions\n(  .*\n)*", "versions\n  …\n", text, flags=re.M)


def transcript(call, store: Store, lines: list[str]) -> str:
    parts = []
    for line in lines:
        code, out, err = call(*shlex.split(line))
        parts.append(f"$ pystore {line}\n{out}{err}" + (f"[{code}]\n" if code else ""))
    return settled("\n".join(parts), store)


def check_golden(name: str, text: str) -> None:
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("PYSTORE_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("name", SHOWN)
def test_in_a_terminal_it_prints_what_its_golden_file_shows(name, call, small, terminal):
    text = transcript(call, small, SHOWN[name])
    check_golden(name, text)
    assert max(
        map(len, text.replace("STORE", "").replace("HOST", "").splitlines())
    ) <= 100 or name in ("path", "cat")


def test_in_few_columns_the_point_is_shown(call, small, terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = ["ls train", "ls baseline", "ls dref:7751", "log", "find train --name '*.md'", "du"]
    text = transcript(call, small, [*lines, "metrics train"])
    check_golden("narrow", text)
    tables = text.partition("best of")[0]
    assert max(map(len, tables.splitlines())) <= 40


def test_elsewhere_nothing_is_cut_and_references_are_whole(call, small):
    lines = ["ls train", "log", "find train --name '*.md'", "metrics train", "du --by derivation"]
    text = transcript(call, small, lines)
    check_golden("piped", text)
    assert "…" not in text
    assert re.search(r"rref:[0-9a-f]{32}-[0-9a-f]{32}-train", text)


def test_every_command_that_looks_is_shown(small):
    elsewhere = {"compare", "errors", "explain", "get", "ps", "replay", "ui", "watch"}
    assert set(SHOWN) | elsewhere >= set(COMMANDS["Look"])


# --- JSON ------------------------------------------------------------------------------


def in_json(call, line: str):
    command, *words = shlex.split(line)
    return call(command, "--json", *words)


def is_whole(text: str) -> bool:
    return (RRef if text.startswith("rref:") else DRef)(text) == text


@pytest.mark.parametrize("line", [line for name in SHOWN for line in SHOWN[name]])
def test_json_is_a_list_of_objects_with_whole_references(line, call):
    code, out, err = in_json(call, line)
    if code:
        assert (code, out) == (2, "") and err
        return
    records = json.loads(out)
    assert isinstance(records, list) and all(isinstance(record, dict) for record in records)
    refs = re.findall(r'"([dr]ref:[^"]*)"', out)
    assert all(is_whole(ref) for ref in refs if ref != "dref:self")
    assert out.isascii(), "what could steer a terminal is escaped"


def records_of(call, line: str) -> list[dict]:
    code, out, err = in_json(call, line)
    assert (code, err) == (0, "")
    return json.loads(out)


def test_json_has_the_keys_that_the_help_names(call):
    context = click.Context(pystore)
    for name in COMMANDS["Look"]:
        command = pystore.get_command(context, name)
        if name not in SHOWN or name in ("ls", "log", "find"):  # told by kinds, or elsewhere
            continue
        promised = set(re.findall(r"`(\w+)`", command.help.partition("--json:")[2]))
        record = records_of(call, SHOWN[name][0])[0]
        nested = {key for value in record.values() if isinstance(value, list)
                  for one in value if isinstance(one, dict) for key in one}  # fmt: skip
        alternatives = {"base64", "rref", "dref", "name"}
        assert set(record) <= promised, name
        assert promised - set(record) - nested <= alternatives | {"executable", "digest", "size"}


def test_ls_tells_derivations_realizations_and_artifacts(call, small):
    held = records_of(call, "ls train")
    assert {one["dref"]: one["realizations"] for one in held} == {
        train(0.5).dref: 2,
        train(1.0).dref: 1,
        train(3.0).dref: 0,
    }
    assert [one["parameters"]["rate"] for one in held] == [3.0, 0.5, 1.0]
    assert held[-1]["built"] > BORN
    made = records_of(call, f"ls {train(0.5).dref}")
    assert [(one["state"], one["pins"]) for one in made] == [
        ("here", ["baseline"]),
        ("rejected", []),
    ]
    assert {one["rref"] for one in made} == set(lsref(train(0.5).dref, store=small))
    artifacts = records_of(call, "ls baseline")
    assert {one["path"]: one["kind"] for one in artifacts} == {
        "accuracy.txt": "file",
        "report.md": "file",
        "weights/empty": "directory",
        "weights/latest": "link",
        "weights/layers/0.bin": "file",
    }


def test_log_is_the_attempts_the_newest_first(call, small):
    found = records_of(call, "log train")
    assert [one["outcome"] for one in found] == ["died", "failed", *["succeeded"] * 3]
    starts = [one["start"] for one in found]
    assert starts == sorted(starts, reverse=True)
    known = {a.id for a in attempts(train(0.5).dref, store=small)}
    assert known < {one["id"] for one in found}


def test_find_newer_takes_a_reference_a_date_and_a_span(call):
    def names(newer):
        return {one["rref"] for one in records_of(call, f"find --newer '{newer}'")}

    everything = names("2023-11-14 22:13:20")
    assert names("2023-11-14") == everything and len(everything) == 5
    assert names("2023-11-14T23:13:20+01:00") == everything
    assert names("baseline") < everything
    assert names("odd") == names("1s") == names("2d") == set()
    code, _, err = call("find", "--newer", "soon")
    assert code == 2 and "no time either" in err


def test_diff_gives_both_values_of_what_differs(call):
    (found,) = records_of(call, "diff baseline train")
    assert found["config"] == [{"key": "rate", "a": 0.5, "b": 1.0}]
    assert [one["key"] for one in found["code"]] == ["experiment.RATE"]
    assert [one["path"] for one in found["artifacts"]] == ["accuracy.txt", "report.md"]
    (metric,) = found["metrics"]
    assert metric["key"] == "accuracy.txt" and metric["b"] > metric["a"]


def test_du_counts_a_file_with_two_names_once(call, small, tmp_path):
    rref = lsref(train(1.0).dref, store=small)[0]
    file = Path(small.parts.layout.out(rref)) / "report.md"
    before = records_of(call, "du train@latest")[0]
    os.link(file, tmp_path / "elsewhere")
    after = records_of(call, "du train@latest")[0]
    (tmp_path / "elsewhere").unlink()
    assert before["shared"] == 0 and after["shared"] == file.stat().st_size
    assert before["disk"] == after["disk"] == after["size"]


def test_metrics_draws_a_plot(call, tmp_path):
    pytest.importorskip("matplotlib")
    code, _, _ = call("metrics", "train", "--plot", tmp_path / "points.png")
    assert code == 0 and (tmp_path / "points.png").read_bytes().startswith(b"\x89PNG")
    for file in ("points.nothing", "no/points.png"):
        code, out, err = call("metrics", "train", "--plot", tmp_path / file)
        assert code == 2 and "--plot" in err
        assert out.startswith("rate"), "the table is there nevertheless"


# --- contents and their names ----------------------------------------------------------


@pytest.mark.parametrize("name", ODD)
def test_cat_prints_the_bytes_as_they_are(name, small):
    path = os.fsdecode(name)
    words = [*PROGRAM, "--store", str(small.root), "cat", "odd", "--", path]
    done = subprocess.run(words, env=environment(), capture_output=True, check=True)
    assert done.stdout == b"\x1b[2J\xff\0" + name


def test_cat_in_json_is_text_or_base64(call):
    (text,) = records_of(call, "cat baseline report.md")
    assert text["text"].startswith("# Report")
    (binary,) = records_of(call, "cat odd -- -n")
    assert binary["base64"] and binary["size"] == 8


@pytest.mark.parametrize(
    "path", ["", ".", "..", "../../config.json", "/etc/passwd", "weights", "a/"]
)
def test_cat_stays_inside_of_the_realization(path, call):
    code, out, err = call("cat", "baseline", path)
    assert (code, out) == (2, "") and "try:" in err


@pytest.mark.parametrize(
    "line", ["ls odd@latest", "tree odd", "find odd", "cat odd x", "diff odd baseline"]
)
def test_names_of_artifacts_cannot_steer_a_terminal(line, call):
    _, out, err = call(*line.split())
    text = (out + err).replace("\n", "")
    assert text.isprintable()
    assert "\\x1b[31m" in text and "not-\\xff" in text and "two\\nlines" in text


def test_what_is_typed_cannot_steer_a_terminal(call):
    for line in ("show \x1b[2J", "cat baseline \x1b[2J", "metrics train -m \x1b[2J"):
        code, out, err = call(*line.split())
        assert (code, out) == (2, "") and "\\x1b[2J" in err and "\x1b" not in err


def test_what_a_realizer_says_cannot_steer_a_terminal(call, small, tmp_path):
    def evil(b):
        build_note(b, "\x1b[2J", "\x1b]0;title\x07")
        (build_outpath(b) / "a.txt").write_text("\x1b[31m1\n")

    def evil_and_failing(b):
        raise ValueError("\x1b[2Jgone")

    other = Store(tmp_path / "other", durable=False)
    realize(
        Derivation({"name": "evil", "text": "\x1b[5m\u202e"}, match_latest(), evil), store=other
    )
    failing = Derivation({"name": "failing"}, match_latest(), evil_and_failing)
    with pytest.raises(Exception, match="raised ValueError"):
        realize(failing, store=other)
    for line in ("ls e*", "show evil", "show failing", "log", "metrics evil"):
        code, out, err = call(*line.split(), "--store", other.root)
        assert code == 0 and (out + err).replace("\n", "").isprintable(), line


# --- what is not as it should be --------------------------------------------------------


@pytest.fixture
def other(tmp_path) -> Store:
    """A small store that a test may spoil."""
    return make(tmp_path / "other")


def test_ls_alone_opens_no_record_and_lists_what_is_damaged(other, call):
    for file in [*other.root.glob("drv/*/config.json"), *other.root.glob("drv/*/attempts/*")]:
        file.unlink()
    code, out, _ = call("ls", "--store", other.root)
    assert code == 0 and len(out.splitlines()) == 6
    assert out.count("config=damaged") == 3  # of those which a name alone does not tell apart


def test_a_damaged_store_ends_with_3(other, call):
    config = Path(other.parts.layout.config(train(1.0).dref))
    config.unlink()
    config.write_text("{}")
    code, out, err = call("show", train(1.0).dref, "--store", other.root)
    assert (code, out) == (3, "") and "damaged" in err
    manifest = next(other.root.glob("drv/*-digits/*/manifest.json"))
    manifest.parent.chmod(0o755)
    manifest.unlink()
    manifest.write_text("{}")
    code, out, err = call("tree", "digits", "--store", other.root)
    assert (code, out) == (3, "") and "pystore verify" in err


def test_an_artifact_that_is_lost_is_a_damage(other, call):
    rref = lsref(train(1.0).dref, store=other)[0]
    out = Path(other.parts.layout.out(rref))
    out.chmod(0o755)
    (out / "report.md").unlink()
    tree.remove(out / "weights")
    for path in ("report.md", "weights/layers/0.bin", "weights/layers"):
        code, out, err = call("cat", rref, path, "--store", other.root)
        assert (code, out) == (3, "")
        assert "an artifact is missing on the disk" in err and "try: pystore verify" in err
        with pytest.raises(Corrupted, match="missing"):
            catref(rref, path.split("/"), store=other)
    assert call("cat", rref, "nothing", "--store", other.root)[0] == 2


def test_what_is_gone_is_shown_as_gone(other, call):
    rref = lsref(train(1.0).dref, store=other)[0]
    data = lsref(train(1.0).config.inputs[0], store=other)[0]
    for gone in (data, rref):
        other.remove(gone)
    texts = {line: call(*line.split(), rref[:13], "--store", other.root) for line in
             ("show", "log", "tree", "graph", "path", "diff baseline")}  # fmt: skip
    assert {line: code for line, (code, _, _) in texts.items()} == {
        "show": 0, "log": 0, "graph": 0, "tree": 2, "path": 2, "diff baseline": 2,
    }  # fmt: skip
    assert "its bytes are gone" in texts["show"][1]
    assert "(gone)" in texts["graph"][1]
    assert all("does not hold this" in err for code, _, err in texts.values() if code)
    code, out, _ = call("ls", train(1.0).dref, "--store", other.root)
    assert code == 0 and "gone" in out
    code, out, _ = call("graph", "baseline", "--store", other.root)
    assert code == 0 and "(gone)" in out


def test_what_is_running_says_so(other, call):
    context = other.context(lsref(train(1.0).dref, store=other)[0])
    staging = other.begin(train(1.0).config, context)
    _, out, _ = call("log", "-n", "1", "--store", other.root)
    staging.discard()
    assert "running" in out


MISTAKES = """cat; cat train; metrics; diff train; log -n 0; logs --attempt -1 train; du --by size
ls a b; metrics train --over nothing; graph train@newest; find --newer soon"""


@pytest.mark.parametrize("line", re.split("; |\n", MISTAKES))
def test_a_mistake_ends_with_2_and_says_what_to_try(line, call):
    code, out, err = call(*line.split())
    assert (code, out) == (2, "")
    assert err.startswith("pystore: ") and "\n  try: " in err and "Traceback" not in err


def test_without_a_store_it_says_how_to_make_one(call, tmp_path):
    code, _, err = call("ls", "--store", tmp_path / "nothing")
    assert code == 2 and "pystore init" in err


# --- in a real terminal ----------------------------------------------------------------


def test_a_terminal_shows_short_references_in_colour(small, tmp_path):
    child = in_terminal("--store", small.root, "log", cwd=tmp_path)
    shown = child.read()
    assert "\x1b[31m" in shown and "rref:" in shown
    assert not re.search("[0-9a-f]{32}", shown)
    plain = [re.sub(r"\x1b\[\d*m", "", line) for line in shown.splitlines()]
    assert max(map(len, plain)) <= 100
    child = in_terminal("--store", small.root, "log", cwd=tmp_path, NO_COLOR="1")
    assert "\x1b[" not in child.read()


def test_diff_tells_null_from_what_is_absent(call, tmp_path):
    store = Store(tmp_path / "other")
    made = [
        realize(Derivation({"name": "a", **more}, match_latest(), build_outpath), store=store)
        for more in ({"x": None}, {})
    ]
    assert "x  null → (none)" in call("diff", *made, "--store", store.root)[1]
    store.destroy()


def test_lines_that_look_like_a_head_are_shown_too(call, tmp_path):
    def write(b):
        (build_outpath(b) / "a.sql").write_text(build_cattrs(b).text)

    other = Store(tmp_path / "other", durable=False)
    made = [
        realize(Derivation({"name": "sql", "text": text}, match_latest(), write), store=other)
        for text in ("-- old\n", "++ new\n")
    ]
    code, out, _ = call("diff", *made, "--store", other.root)
    assert code == 0 and "--- old" in out and "+++ new" in out
