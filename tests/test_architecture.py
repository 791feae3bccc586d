"""The rooms: who may import whom, how large a file may be, what `import pystore` costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pystore

ROOT = Path(pystore.__file__).parent
ROOMS = {
    "core": {"core"},
    "store": {"core", "store"},
    "declare": {"core", "store", "declare"},
    "run": {"core", "store", "declare", "run"},
    "ask": {"core", "store", "declare", "run", "ask"},
    "ui": {"core", "store", "declare", "run", "ask", "ui"},
}
IMPURE = {"os", "time", "random", "logging", "threading", "requests", "subprocess", "pathlib"}
FILES = sorted(p for p in ROOT.rglob("*.py") if "stages" not in p.relative_to(ROOT).parts)
STAGES = sorted((ROOT / "stages").glob("*.py"))


def imports(path: Path):
    """The absolute names that a file imports."""
    package = ["pystore", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])])


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if parts[0] == "pystore" and len(parts) > 1 else ""


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_data_flows_one_way(path):
    home = path.relative_to(ROOT).parts[0]
    if home not in ROOMS:
        return
    for name in imports(path):
        if name.startswith("pystore"):
            assert room(name) in ROOMS[home], f"{path} imports {name}"
        if home == "core" and (path.stem, name) != ("ports", "pathlib"):  # of what stores return
            assert name.split(".")[0] not in IMPURE, f"{path} imports {name}"


@pytest.mark.parametrize("path", STAGES, ids=lambda p: p.name)
def test_stages_import_public_names_only(path):
    for name in imports(path):
        allowed = ("", "archives", "errors", "events", "stages")  # public modules
        assert not name.startswith("pystore") or room(name) in allowed, f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES + STAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_fits_on_a_few_screens(path):
    lines = len(path.read_text().splitlines())
    assert lines <= (250 if "core" in path.parts else 400)


INSIDE = {"Corrupted"}  # raised by readers; who asked for what says of what, and what to try


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if p.relative_to(ROOT).parts[0] != "core"] + STAGES,
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_an_error_says_what_to_try(path):
    for node in ast.walk(ast.parse(path.read_text())):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if name in set(pystore.errors.__all__) - INSIDE - {"PystoreWarning"}:
            told = {keyword.arg for keyword in node.keywords}
            assert told & {"remedy", None}, f"{path}:{node.lineno}: {name}"


def test_the_public_names():
    """A name is added here on purpose, with a docstring."""
    names = dir(pystore)
    assert names == sorted(pystore.__all__)
    homes = {name for name in names if name not in vars(pystore) or name in pystore._HOMES}
    assert homes == set(pystore._HOMES)
    asked = """Store store_initialize instantiate realize realize_many instantiate_inplace
        realize_inplace mkconfig mkdrv build_wrapper selfref Build build_outpath build_path
        build_paths build_cattrs build_config build_name build_deref build_context build_seed
        match match_latest match_best match_only match_all match_some match_exact Need lsref catref
        rmref rref2dref rref2path dref2path config_of context_of attempts deps_of Config DRef RRef
        RefPath Registry Derivation Closure errors events"""
    assert set(asked.split()) <= set(names)
    for name in pystore.__all__:
        if name not in ("__version__", "selfref"):
            assert getattr(pystore, name).__doc__, name


def test_what_type_checkers_see_is_what_is_imported_late():
    tree = ast.parse((ROOT / "__init__.py").read_text())
    seen = next(node for node in tree.body if isinstance(node, ast.If))
    told = {a.name: node.module or "" for node in seen.body for a in node.names}
    assert told == pystore._HOMES


@pytest.mark.parametrize("module", ["pystore", "pystore.stages"])
def test_importing_pulls_in_nothing_heavy(module):
    heavy = "'numpy', 'requests', 'filelock', 'tensorflow', 'asyncio', 'sklearn', 'zstandard'"
    heavy += ", 'scipy', 'pandas', 'matplotlib', 'click', 'rich', 'fsspec', 'cloudpickle'"
    script = f"import {module}, sys; print(sorted({{{heavy}}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_S8_nothing_is_unpickled_but_what_a_worker_and_its_planner_say():
    workers = ROOT / "run" / "workers"
    for path in [p for p in FILES + STAGES if p.parent != workers]:
        text = path.read_text()
        assert "pickle" not in text.replace("unpickle", "").replace("allow_pickle=False", ""), path
        assert "import marshal" not in text
