"""--config and -p @FILE: parameters in YAML, TOML and JSON."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from command import pystore_command

from pystore.errors import BadConfig
from pystore.ui.cli.config_files import read_config

FILE = """
from pystore import output, stage

@stage
def prepare(n: int = 1, seed: int = 0, file=output("data.txt")):
    file.write_text(str(n))

@stage
def train(data=prepare(), rate: float = 0.1, opt={"name": "sgd", "decay": 0.0}, tags=["a"],
          models={"a": prepare}, accuracy=output("accuracy.txt")):
    accuracy.write_text(f"{rate}")
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture
def run(tmp_path):
    """Builds `exp.py` with these arguments; returns the config of the stage."""
    written(tmp_path, "exp.py", FILE)

    def ran(*arguments):
        root = str(tmp_path / "store")
        done = pystore_command("run", "exp.py:train", "-q", "--json", *arguments, cwd=tmp_path,
                               PYSTORE_ROOT=root)  # fmt: skip
        assert done.returncode == 0, done.stderr
        chosen = json.loads(done.stdout.splitlines()[-1])["chosen"]
        found = []
        for one in chosen:
            (told,) = json.loads(pystore_command("show", one["rref"], "--json", cwd=tmp_path,
                                                 PYSTORE_ROOT=root).stdout)  # fmt: skip
            inputs = [r for rrefs in told["inputs"].values() for r in rrefs]
            within = [
                json.loads(pystore_command("show", r, "--json", cwd=tmp_path,
                                           PYSTORE_ROOT=root).stdout)[0]["config"]
                for r in inputs
            ]  # fmt: skip
            found.append({**told["config"], "inputs": within})
        return found[0] if len(found) == 1 else found

    return ran


YAML = """
rate: 1e-3
opt: {name: adam, decay: .5}
tags: [b, 'c']
data:
  n: 7
models:
  a: {seed: 3}
"""
TOML = """
rate = 1e-3
tags = ["b", "c"]
opt = {name = "adam", decay = 0.5}
data.n = 7
models.a.seed = 3
"""
JSON = """{"rate": 0.001, "opt": {"name": "adam", "decay": 0.5}, "tags": ["b", "c"],
"data": {"n": 7}, "models": {"a": {"seed": 3}}}"""


@pytest.mark.parametrize(
    ("name", "text"), [("c.yaml", YAML), ("c.toml", TOML), ("c.json", JSON)], ids=["y", "t", "j"]
)
def test_YJ1_each_format_gives_the_same_stage(run, tmp_path, name, text):
    if name == "c.yaml":
        pytest.importorskip("yaml")
    written(tmp_path, name, text)
    given = run("--config", name)
    by_hand = run(
        "-p", "rate=0.001", "-p", 'opt={"name": "adam", "decay": 0.5}', "-p", 'tags=["b", "c"]',
        "-p", "data.n=7", "-p", "models.a.seed=3",
    )  # fmt: skip
    assert given == by_hand == run("-p", f"@{name}")
    assert (given["rate"], given["tags"]) == (0.001, ["b", "c"])
    assert sorted((c["n"], c["seed"]) for c in given["inputs"]) == [(1, 3), (7, 0)]


def test_the_command_has_the_last_word_and_later_files_go_before_earlier_ones(run, tmp_path):
    written(tmp_path, "a.json", '{"rate": 1, "tags": ["a", "b"], "opt": {"name": "x", "decay": 1}}')
    written(tmp_path, "b.json", '{"rate": 2, "data": {"n": 5, "seed": 6}}')
    given = run("-p", "data.n=8", "--config", "a.json", "--config", "b.json", "-p", "opt.decay=3")
    assert (given["rate"], given["tags"]) == (2.0, ["a", "b"])
    assert given["opt"] == {"name": "x", "decay": 3}
    assert (8, 6) in [(c["n"], c["seed"]) for c in given["inputs"]]
    swept = run("--config", "a.json", "-p", "rate=3", "-p", "rate=4")
    assert [one["rate"] for one in swept] == [3.0, 4.0]


def test_an_empty_mapping_changes_nothing(run, tmp_path):
    written(tmp_path, "c.json", "{}")
    assert run("--config", "c.json") == run()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("c.yaml", "- 1\n- 2\n", "holds no mapping"),
        ("c.yaml", "", "holds no mapping"),
        ("c.yaml", "rate", "holds no mapping"),
        ("c.json", "[1]", "holds no mapping"),
        ("c.ini", "[a]", "the ending of this file"),
        ("conf", "rate: 1", "the ending of this file"),
        ("c.yaml", "rate: 1\nrate: 2\n", "'rate' stands twice"),
        ("c.yaml", "opt:\n  a: 1\n  a: 2\n", "'a' stands twice"),
        ("c.json", '{"rate": 1, "rate": 2}', "'rate' stands twice"),
        ("c.toml", "rate = 1\nrate = 2\n", "not well-formed"),
        ("c.yaml", "rate: [1\n", "not well-formed"),
        ("c.json", "{", "not well-formed"),
        ("c.yaml", "a: 1\n---\nb: 2\n", "not well-formed"),
        ("c.yaml", "a: !!python/object/apply:os.system ['true']\n", "not well-formed"),
        ("c.yaml", "day: 2026-11-29\n", "day is a date"),
        ("c.toml", "day = 2026-11-29\n", "day is a date"),
        ("c.yaml", "rate: .nan\n", "rate is nan"),
        ("c.json", '{"rate": Infinity}', "rate is inf"),
        ("c.yaml", "1: a\n", "the key 1 in it is no text"),
        ("c.yaml", "opt: {true: 1}\n", "the key True in opt is no text"),
        ("c.yaml", "a: &a [*a]\n", "holds itself"),
        ("c.yaml", "b: !!set {x}\n", "b is a set"),
        ("c.yaml", "land: no\n", "no is one value in YAML 1.1"),
        ("c.yaml", "time: 12:30:00\n", "12:30:00 is one value"),
        ("c.yaml", "n: 010\n", "010 is one value"),
        ("c.json", '{"opt.lr": 1, "opt": {"lr": 2}}', "opt.lr stands twice"),
        ("c.toml", '"a.b.c" = 1\na.b.c = 2\n', "a.b.c stands twice"),
    ],
)
def test_YJ1_what_is_no_mapping_of_parameters_is_refused(tmp_path, name, text, says):
    if name.endswith(".yaml"):
        pytest.importorskip("yaml")
    with pytest.raises(BadConfig) as told:
        read_config(written(tmp_path, name, text))
    assert says in str(told.value)
    assert told.value.remedy


def test_YJ1_aliases_that_stand_for_too_much_are_refused(tmp_path):
    pytest.importorskip("yaml")
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(BadConfig, match="not well-formed"):
        read_config(written(tmp_path, "c.yaml", "\n".join(lines)))


def test_YJ1_a_file_that_cannot_be_read_is_told(tmp_path):
    for place in (tmp_path / "no.yaml", tmp_path / "folder.json"):
        (tmp_path / "folder.json").mkdir(exist_ok=True)
        with pytest.raises(BadConfig, match="cannot be read"):
            read_config(place)
    with pytest.raises(BadConfig, match="not well-formed"):
        read_config(written(tmp_path, "large.json", f'"{"x" * (1 << 20)}"'))
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(BadConfig, match="not well-formed"):
        read_config(tmp_path / "latin.json")


def test_YJ1_numbers_in_yaml_are_those_of_json(tmp_path):
    pytest.importorskip("yaml")
    text = "a: 1e-3\nb: 1E5\nc: .5\nd: 3\ne: '1e-3'\nf: 1.\ng: -2.5e+3\nh: e5\ni: 1e\n"
    text += "j: 'no'\nk: \"010\"\nl: 0\nm: true\na.b: 1\n"
    assert read_config(written(tmp_path, "c.yml", text)).values == {
        "a": 1e-3, "b": 1e5, "c": 0.5, "d": 3, "e": "1e-3", "f": 1.0, "g": -2500.0, "h": "e5",
        "i": "1e", "j": "no", "k": "010", "l": 0, "m": True, "a.b": 1,
    }  # fmt: skip


def test_YJ1_without_the_package_the_remedy_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(BadConfig, match="needs the package PyYAML"):
        read_config(written(tmp_path, "c.yaml", "a: 1"))


HYDRA = "rate: ${base}\nbase: 0.5\nopt:\n  name: ${oc.select:none,adam}\n"


@pytest.mark.skipif(find_spec("omegaconf") is None, reason="needs omegaconf")
def test_YJ2_what_hydra_has_written_is_resolved(tmp_path):
    values = read_config(written(tmp_path, "config.yaml", HYDRA)).values
    assert values == {"rate": 0.5, "base": 0.5, "opt": {"name": "adam"}}
    for text in ("a: ${nothing}\n", "a: ???\n", "a: ${hydra:job.name}\n", "a: ${a}\n", "a: ${\n"):
        with pytest.raises(BadConfig, match="not well-formed"):
            read_config(written(tmp_path, "config.yaml", text))


def test_YJ2_without_the_package_interpolations_are_an_error(tmp_path, monkeypatch):
    pytest.importorskip("yaml")
    monkeypatch.setitem(sys.modules, "omegaconf", None)
    for text in (HYDRA, "a: ???\n"):
        with pytest.raises(BadConfig, match="need omegaconf"):
            read_config(written(tmp_path, "config.yaml", text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"speed": 1}', "train has no parameter speed"),
        ('{"data": {"speed": 1}}', "prepare has no parameter speed"),
        ('{"rate": "fast"}', "rate of train is a number"),
        ('{"accuracy": "x.txt"}', "accuracy is a file that train writes"),
        ('{"data": 3}', "data is an input of train"),
        ("[]", "this file holds no mapping"),
    ],
)
def test_mistakes_are_told_before_anything_is_built(tmp_path, text, says):
    written(tmp_path, "exp.py", FILE)
    written(tmp_path, "c.json", text)
    for option in (["--config", "c.json"], ["-p", "@c.json"]):
        done = pystore_command("run", "exp.py:train", *option, cwd=tmp_path,
                               PYSTORE_ROOT=str(tmp_path / "store"))  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"pystore: {says}")
        assert "c.json" in done.stderr
        assert not (tmp_path / "store").exists()
