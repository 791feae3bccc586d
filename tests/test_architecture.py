"""The rooms: who may import whom, how large a file may be, what `import pystore` costs."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from project import importing
from source_tree import FILES, PACKAGE, STAGES, circles, imports, parsed, positional, shown

import pystore

ROOMS = {
    "core": {"core"},
    "store": {"core", "store"},
    "declare": {"core", "store", "declare"},
    "run": {"core", "store", "declare", "run"},
    "ask": {"core", "store", "declare", "run", "ask"},
    "db": {"core", "db"},
    "app": {"core", "store", "declare", "run", "ask", "db", "app"},
    "ui": {"", "core", "store", "declare", "run", "ask", "db", "app", "ui"},  # "": the public names
}
DOORS = {
    ("app/asked.py", "pystore.ui.web.serve"),  # `Model.serve` opens the service
    # A collection has snapshots, listeners and lineage.
    ("db/collection.py", "pystore.app.beside_rows"),
    # The view of a snapshot gives its rows, as frames, arrays, pictures and tensors.
    ("declare/view.py", "pystore.app.stored_rows"),
}
IMPURE = {"os", "time", "random", "logging", "threading", "requests", "subprocess", "pathlib"}
OPEN_TO_STAGES = {"pystore", "pystore.archives", "pystore.errors", "pystore.events"}
# What takes long to import is imported where it is used, within functions. All of that is here.
LATE = """
    PIL aiohttp blake3 certifi click cloudpickle cryptography filelock fsspec keras matplotlib numpy
    mlflow omegaconf optuna pandas polars prometheus_client psycopg pyarrow requests safetensors
    scipy skops sklearn tensorboard torch
    urllib3 xgboost yaml yarl zstandard
    annotationlib base64 concurrent csv ctypes dataclasses datetime decimal difflib email grp html
    http importlib io json lzma multiprocessing pwd resource shutil signal socket struct subprocess
    tarfile tempfile tomllib unicodedata zipfile zlib
"""
PACKAGES = set(LATE.split()) - sys.stdlib_module_names - {"blake3"}  # each program needs blake3
HEAVY = PACKAGES | {"asyncio", "distributed", "rich", "starlette", "tensorflow", "uvicorn"}
MOST_WITHIN = 40  # imports of our own modules within functions


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if parts[0] == "pystore" and len(parts) > 1 else ""


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_data_flows_one_way(path: Path):
    home = shown(path).split("/")[0]
    if home not in ROOMS:
        return
    for found in imports(path):
        if found.name.startswith("pystore"):
            is_door = (shown(path), found.name) in DOORS
            assert room(found.name) in ROOMS[home] or is_door, found
        if home == "core" and (path.stem, found.name) != (
            "ports",
            "pathlib",
        ):
            assert found.name.split(".")[0] not in IMPURE, found


@pytest.mark.parametrize("path", STAGES, ids=shown)
def test_stages_import_public_names_only(path: Path):
    for found in imports(path):
        if found.name.startswith("pystore"):
            assert found.name in OPEN_TO_STAGES or room(found.name) == "stages", found


def test_no_modules_need_each_other_in_a_circle():
    assert circles() == []


def test_our_own_modules_are_imported_within_functions_for_weight_only():
    found = [i for i in _within_functions() if room(i.name)]
    assert len(found) <= MOST_WITHIN, "\n".join(map(str, found))
    assert [f"{i}, and does not say why" for i in found if not i.reason] == []


def test_what_is_imported_late_for_its_weight_is_in_the_list():
    late = {i.name.split(".")[0] for i in _within_functions() if not room(i.name)}
    assert late == set(LATE.split())


def test_what_is_imported_later_is_what_type_checkers_see():
    """`later` stands below the imports of the same modules for type checkers."""
    for path in FILES:
        for node in parsed(path).body:
            if isinstance(node, ast.If) and (named := set(_named_later(node.orelse))):
                seen = {
                    "." * one.level + (f"{one.module}." if one.module else "") + alias.name
                    for one in node.body
                    if isinstance(one, ast.ImportFrom)
                    for alias in one.names
                } | {a.name for one in node.body if isinstance(one, ast.Import) for a in one.names}
                assert named <= seen, shown(path)


def _named_later(statements: list[ast.stmt]):
    for node in (inner for one in statements for inner in ast.walk(one)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "later":
            yield from map(ast.literal_eval, node.args[1:])


def test_few_arguments_are_given_by_their_place():
    found = {f: n for path in FILES + STAGES for f, n in positional(path).items() if n > 6}
    assert found == {}


def test_each_folder_is_a_package():
    """Else a wheel would go without it."""
    folders = {path.parent for path in FILES + STAGES}
    assert [str(one) for one in folders if not (one / "__init__.py").exists()] == []


@pytest.mark.parametrize("path", FILES + STAGES, ids=shown)
def test_a_file_fits_on_a_few_screens(path: Path):
    lines = len(path.read_text().splitlines())
    assert lines <= (250 if "core" in path.parts else 400)


INSIDE = {"Corrupted"}  # raised by readers; who asked for what says of what, and what to try


@pytest.mark.parametrize(
    "path", [p for p in FILES if not shown(p).startswith("core")] + STAGES, ids=shown
)
def test_an_error_says_what_to_try(path: Path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", "")
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
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    seen = next(node for node in tree.body if isinstance(node, ast.If))
    imported = [node for node in seen.body if isinstance(node, ast.ImportFrom)]
    own = [node for node in imported if node.level]
    told = {a.name: node.module or "" for node in own for a in node.names}
    assert told == pystore._HOMES


PROGRAM = """
from pystore import output, realize, stage, view
@stage
def greeting(word="hello", out=output("greeting.txt")):
    out.write_text(word)
print(view(realize(greeting())).out.read_text())
"""


@pytest.mark.parametrize(
    ("program", "needed"),
    [
        ("import pystore", set()),
        ("import pystore.stages", set()),
        (PROGRAM, {"filelock"}),
        ("from pystore.ui.cli.main import main", {"click"}),
    ],
    ids=["import", "stages", "a program", "the command line"],
)
def test_importing_pulls_in_nothing_heavy(program: str, needed: set[str], tmp_path: Path):
    script = tmp_path / "program.py"
    script.write_text(f"{program}\nimport sys; print(*sys.modules)")
    done = subprocess.run(
        [sys.executable, script],
        env={
            **importing(),
            "PYSTORE_ROOT": str(tmp_path / "store"),
            "PYSTORE_SETTINGS": os.devnull,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(done.stdout.split()) <= needed


UNPICKLING = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}


def test_S8_nothing_is_unpickled_but_what_a_worker_and_its_planner_say():
    workers = PACKAGE / "run" / "workers"
    # Reads code that this user's Python compiled, from a folder that nobody else may write to, as
    # Python itself does. It is compared and never run.
    kept = PACKAGE / "declare" / "identity" / "kept_forms.py"
    for path in [p for p in FILES + STAGES if p.parent != workers and p != kept]:
        assert not {i.name.split(".")[0] for i in imports(path)} & UNPICKLING, path
        assert "allow_pickle=True" not in path.read_text()


def _within_functions():
    return [i for path in FILES + STAGES for i in imports(path) if i.within]
