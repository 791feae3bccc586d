"""Places: code in extensions, packages, notebooks, and behind import hooks."""

import ast
import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import warnings
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from own_warnings import ours

from pystore.declare.identity import project, warn
from pystore.declare.identity.code import code_of
from pystore.errors import PystoreWarning

ANSWER = """
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(41); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "quick41", 0, -1, methods};
PyMODINIT_FUNC PyInit_quick41(void) { return PyModule_Create(&module); }
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(warn, "_warned", set())
    project.distributions.cache_clear()
    project.installed_from_folder.cache_clear()
    project._beside.cache_clear()


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Writes files, and imports a module from among them as if for the first time."""

    def put(module, files):
        folder = tmp_path / "lib" / "python3" / "site-packages"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.syspath_prepend(str(tmp_path))
        for known in list(sys.modules):
            if known.partition(".")[0] in ("mylab", "mytools", "script"):
                del sys.modules[known]
        importlib.invalidate_caches()
        return importlib.import_module(module)

    return put


def test_a_compiled_extension_counts_by_its_bytes_with_a_warning(tmp_path, monkeypatch):
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not shutil.which("cc") or not header.exists():
        pytest.skip("no C compiler, or no headers of Python")
    monkeypatch.syspath_prepend(str(tmp_path))
    digests = set()
    for number in ("41", "42"):
        source, name = tmp_path / "quick.c", f"quick{number}"
        source.write_text(ANSWER.replace("41", number))
        file = tmp_path / (name + sysconfig.get_config_var("EXT_SUFFIX"))
        include = f"-I{header.parent}"
        subprocess.run(["cc", "-shared", "-fPIC", include, source, "-o", file], check=True)
        importlib.invalidate_caches()
        quick = importlib.import_module(name)
        script = tmp_path / f"script{number}.py"
        script.write_text(f"import {name} as quick\ndef train():\n    return quick.answer()\n")
        train = importlib.import_module(script.stem).train
        with pytest.warns(PystoreWarning, match=f"{name} is a compiled extension|quick is a comp"):
            digests.add(code_of(train).digest)
        assert quick.answer() == int(number)
    assert len(digests) == 2


STAGE = "from .helpers import f\ndef train():\n    return f(1)\n"


def test_a_helper_counts_that_is_installed_with_its_stage(put):
    files = {"mylab/train.py": STAGE, "mylab/helpers.py": "def f(x):\n    return x + 1\n"}
    one = code_of(put("mylab.train", files).train)
    assert "f" in one.parts
    files["mylab/helpers.py"] = "def f(x):\n    return x + 5\n"
    assert code_of(put("mylab.train", files).train) != one


def test_a_helper_counts_in_another_package_of_the_same_distribution(put):
    record = "mylab/train.py,,\nmytools/helpers.py,,\nlab-1.0.dist-info/RECORD,,\n"
    files = {
        "mylab/train.py": "from mytools.helpers import f\ndef train():\n    return f(1)\n",
        "mytools/helpers.py": "def f(x):\n    return x + 1\n",
        "lab-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n",
        "lab-1.0.dist-info/RECORD": record,
    }
    one = code_of(put("mylab.train", files).train)
    files["mytools/helpers.py"] = "def f(x):\n    return x + 5\n"
    assert code_of(put("mylab.train", files).train) != one


def test_pystore_is_no_code_of_the_user_where_it_was_installed_from_a_folder(put, monkeypatch):
    files = {
        "pystore_stages-1.0.dist-info/direct_url.json": '{"url": "file:///tmp/p", "dir_info": {}}',
        "pystore_stages-1.0.dist-info/RECORD": "pystore/__init__.py,,\n",
        "../../../script.py": """
            import pystore
            def train(b):
                return pystore.build_seed(b)
        """,
    }
    script = put("script", files)
    site = Path(script.__file__).parent / "lib" / "python3" / "site-packages"
    monkeypatch.setattr(sys.modules["pystore"], "__file__", str(site / "pystore" / "__init__.py"))
    assert "pystore" in project.installed_from_folder(str(site))
    assert code_of(script.train).parts  # a warning would be an error


@pytest.mark.parametrize("editable", [False, True])
def test_a_copy_of_ones_own_package_counts_by_name_with_a_warning(put, tmp_path, editable):
    told = {"url": "file:///home/me/tools", "dir_info": {"editable": True} if editable else {}}
    files = {
        "mytools/__init__.py": "def f(x):\n    return x + 1\n",
        "tools-1.0.dist-info/RECORD": "mytools/__init__.py,,\ntools-1.0.dist-info/RECORD,,\n",
        "tools-1.0.dist-info/direct_url.json": json.dumps(told),
    }
    tmp_path.joinpath("script.py").write_text("import mytools\ndef train(): return mytools.f(1)")
    train = put("script", files).train
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        code_of(train)
    expected = [] if editable else ["mytools comes from mytools, which was installed from a folder"]
    assert [str(one.message)[:61] for one in ours(said)] == [one[:61] for one in expected]


class Doubling(SourceFileLoader):
    """Rewrites a module as it is loaded, as checkers of types do."""

    def source_to_code(self, data, path, *, _optimization=-1):  # type: ignore[override]
        """Compiles it with a statement more in each function."""
        tree = ast.parse(data)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                node.body.insert(0, ast.parse("checked = __name__").body[0])
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def test_a_module_that_a_hook_rewrites_is_compared_as_it_was_loaded(tmp_path):
    def load(kind):
        file = tmp_path / kind.__name__ / "hooked.py"
        file.parent.mkdir()
        file.write_text("def half(x):\n    return x / 2\ndef train():\n    return half(1)\n")
        loader = kind("hooked", str(file))
        spec = importlib.util.spec_from_file_location("hooked", file, loader=loader)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    hooked, plain = load(Doubling), load(SourceFileLoader)
    assert hooked.train.__code__ != plain.train.__code__
    assert code_of(hooked.train) == code_of(plain.train)


def test_cells_of_a_notebook_tell_what_made_a_thing():
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    own = shell.instance()

    def digest(*cells):
        for cell in cells:
            done = own.run_cell(cell, store_history=True)
            assert done.success, done.error_in_exec or done.error_before_exec
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = code_of(own.user_ns["train"]).digest
        return found, [str(one.message) for one in ours(said)]

    try:
        make = "import random\nrng = random.Random({})"
        use = "def draw():\n    return rng.random()\ndef train():\n    return draw()"
        one, said = digest(make.format(1), use)
        assert "by the expression that made it" in said[0]
        assert digest(make.format(2), use)[0] != one
        assert digest(make.format(1), use)[0] != digest(make.format(2))[0]
        again, _ = digest("K = 2", "def draw(x, k=K):\n    return x * k", "K = 3")
        assert digest("def draw(x, k=K):\n    return x * k")[0] != again
    finally:
        shell.clear_instance()
