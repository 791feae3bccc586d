"""By hand: the code of realizers that no config names."""

import ast
import inspect
import linecache
import pkgutil
import textwrap
from importlib import import_module
from types import FunctionType

import pytest

import pystore.core
import pystore.declare
import pystore.store
from pystore.core.realizer import Realizer
from pystore.declare.identity.by_hand import _at_margin, source_digest, source_text

PACKAGES = (pystore.core, pystore.store, pystore.declare)


def functions():
    """The functions of our own modules, which are written in many ways."""
    for package in PACKAGES:
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = import_module(found.name)
            for value in vars(module).values():
                value = inspect.unwrap(value) if callable(value) else value
                if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                    yield value


def normal(source):
    return ast.unparse(ast.parse(source))


def test_the_source_of_a_function_is_that_of_inspect():
    quick = 0
    for function in functions():
        linecache.clearcache()
        if found := _at_margin(function.__code__):
            quick += 1
            assert normal(found) == normal(textwrap.dedent(inspect.getsource(function)))
    assert quick > 500


MODULE = '''
def plain(b):
    """Says this:
   \x20
    and that."""
    b.outpath

@staticmethod
def decorated(b): pass

class Kind:
    def inner(self, b):
        return 1

async def late(b):
    pass

several = [lambda b: 1]
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "byhand_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(import_module("sys").modules, "byhand_module", raising=False)
    return import_module("byhand_module")


@pytest.mark.parametrize("name", ["plain", "decorated", "Kind.inner", "late"])
def test_each_kind_of_function_has_a_digest(module, name):
    function = module
    for part in name.split("."):
        function = getattr(function, part)
    assert len(source_digest(Realizer(function))) == 32
    assert normal(source_text(Realizer(function)).source) == normal(
        textwrap.dedent(inspect.getsource(function))
    )


def test_an_edit_of_the_file_is_seen_by_a_process_that_loads_it_again(module, tmp_path):
    before = source_digest(Realizer(module.plain))
    (tmp_path / "byhand_module.py").write_text(MODULE.replace("b.outpath", "b.seed"))
    space = {}
    text = (tmp_path / "byhand_module.py").read_text()
    exec(compile(text, module.__file__, "exec"), space)
    assert source_digest(Realizer(space["plain"])) != before
