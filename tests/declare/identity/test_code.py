"""Code: which edits make a stage new, and which do not."""

import ast
import dis
import importlib
import itertools
import json
import linecache
import os
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from own_warnings import ours

import pystore
from pystore.declare.identity import functions, listing, reading, warn
from pystore.declare.identity.code import code_of
from pystore.declare.identity.normal import normal
from pystore.declare.identity.reading import reads_of
from pystore.declare.identity.scope import NOTHING
from pystore.errors import BadStage, PystoreWarning

TRAIN = '''
import functools
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import helpers
from helpers import scale as rescale

RATE = 0.1
NAMES = {"x", "y", "z"}
LOSSES = {"square": lambda d: d * d, "abs": abs}
HERE = Path(__file__).parent
log = logging.getLogger(__name__)


def times(n):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            return n * function(*args)

        return wrapper

    return decorate


class Base:
    offset = 1

    def shift(self, x):
        return x + self.offset


@dataclass
class Model(Base):
    """A model."""

    width: int = 3

    def fit(self, x):
        return self.shift(x) * RATE


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


def normalize(x, by=10):
    """Divided."""
    return x / by  # by ten


@times(3)
def augment(x):
    log.info("augmenting")
    return normalize(x) + np.mean(x)


def unused(x):
    return x


half = functools.partial(helpers.divide, by=2)


def train(x: int = 4, *, epochs: int = 1) -> str:
    """Trains."""
    model = Model()
    losses = [LOSSES["square"](rescale(i)) for i in range(epochs)]

    def inner(y):
        return even(y) and sorted(NAMES)

    return f"{augment(x)!r:>{epochs}} {losses}" "." + str((inner(x), model.fit(half(x)), HERE))
'''
HELPERS = """
FACTOR = 2


def scale(x):
    return x * FACTOR


def divide(x, by):
    return x / by


def forgotten(x):
    return x
"""

COUNT = {
    "its own body": ("model = Model()", "model = Model(4)"),
    "a helper": ("return x / by", "return x // by"),
    "a default of a helper": ("by=10", "by=20"),
    "a helper of a helper's recursion": ("n != 0", "n > 0"),
    "a constant": ("RATE = 0.1", "RATE = 0.2"),
    "the type of a constant": ("RATE = 0.1", 'RATE = "0.1"'),
    "a constant set": ('"z"', '"w"'),
    "a lambda in a dict": ("d * d", "d + d"),
    "a builtin in a dict": ('"abs": abs', '"abs": round'),
    "a method": ("self.shift(x) * RATE", "self.shift(x) / RATE"),
    "the method of a base class": ("x + self.offset", "x - self.offset"),
    "a class attribute": ("offset = 1", "offset = 2"),
    "a field of a dataclass": ("width: int = 3", "width: int = 5"),
    "the decorator of a class": ("@dataclass\n", "@dataclass(frozen=True)\n"),
    "a decorator of the project": ("n * function(*args)", "n + function(*args)"),
    "the argument of a decorator": ("@times(3)", "@times(4)"),
    "what a name is imported as": ("import numpy as np", "import json as np"),
    "which name of a project's module": ("import scale as", "import forgotten as"),
    "an argument of a partial": ("by=2)", "by=3)"),
    "a function of another module": ("return x * FACTOR", "return x + FACTOR"),
    "what a partial is of": ("return x / by\n\n\ndef forgotten", "return by\n\n\ndef forgotten"),
    "a constant of another module": ("FACTOR = 2", "FACTOR = 3"),
    "a nested function": ("even(y) and", "even(y) or"),
    "an f-string": ("!r:>", "!s:>"),
    "how a place is found": ("Path(__file__).parent", "Path(__file__).parent.parent"),
    "the name of a parameter": ("x: int = 4", "z: int = 4"),
}
DO_NOT_COUNT = {
    "a comment": ("# by ten", "# by whatever"),
    "a docstring": ('"""Divided."""', '"""Divided by ten."""'),
    "no docstring": ('    """A model."""\n', ""),
    "its own docstring": ('"""Trains."""', '"""Trains\n\n    for long."""'),
    "blank lines": ("    model = Model()\n", "\n\n    model = Model()\n\n\n"),
    "formatting": ("return x / by", "return (x\n            / by)"),
    "quotes": ('LOSSES["square"]', "LOSSES['square']"),
    "a split string": ('} {losses}" "."', '} {losses}."'),
    "an annotation": ("x: int = 4", "x: float = 4"),
    "no annotation": (" -> str:", ":"),
    "an annotation of a local": ("losses = [", "losses: list = ["),
    "an annotation of a helper": ("def normalize(x,", "def normalize(x: float,"),
    "its own default": ("x: int = 4", "x: int = 5"),
    "its own keyword's default": ("epochs: int = 1", "epochs: int = 9"),
    "its own decorator": ("def train", "@functools.lru_cache\ndef train"),
    "what it does not use": ("def unused(x):\n    return x", "def unused(x):\n    return -x"),
    "what it does not use elsewhere": ("def forgotten(x):\n    return x", "other = 1"),
    "an unused import": ("import json", "import csv"),
    "the order of a set": ('{"x", "y", "z"}', '{"z", "y", "x"}'),
    "the spelling of a constant": ("RATE = 0.1", "RATE = 1 / 10"),
    "the order of definitions": ("RATE = 0.1\n", "\n\n\nRATE = 0.1\n"),
    "pass": ("    model = Model()\n", "    pass\n    model = Model()\n"),
}

pytestmark = pytest.mark.filterwarnings("ignore:HERE .* comes from __file__")
_folders = itertools.count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Imports a stage's module from a folder of its own, with helpers beside it."""

    def load(train=TRAIN, helpers=HELPERS, name="trained"):
        folder = tmp_path / f"project-{next(_folders)}"
        folder.mkdir()
        (folder / f"{name}.py").write_text(textwrap.dedent(train))
        (folder / "helpers.py").write_text(textwrap.dedent(helpers))
        monkeypatch.syspath_prepend(str(folder))
        sys.modules.pop("helpers", None)
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    yield load
    for name in ("helpers", "trained", "other_name"):
        sys.modules.pop(name, None)


def edited(load, before, after):
    """The code of the stage as it is, and after an edit of one place."""
    code = code_of(load().train)
    new = [text.replace(before, after) for text in (TRAIN, HELPERS)]
    return code, code_of(load(*new).train)


def changed(old, new):
    """The names of what is otherwise in the new code."""
    return {n for n in {*old.parts, *new.parts} if old.parts.get(n) != new.parts.get(n)}


@pytest.mark.parametrize("edit", COUNT)
def test_NF1_it_counts(load, edit):
    before, after = COUNT[edit]
    assert before in TRAIN + HELPERS
    old, new = edited(load, before, after)
    assert old.digest != new.digest
    assert changed(old, new)


@pytest.mark.parametrize("edit", DO_NOT_COUNT)
def test_NF1_it_does_not_count(load, edit):
    old, new = edited(load, *DO_NOT_COUNT[edit])
    assert changed(old, new) == set()
    assert old.digest == new.digest


def test_SU1_what_a_stage_consists_of_has_names(load):
    parts = code_of(load().train).parts
    assert next(iter(parts)) == "train"
    used = "train Model Base augment wrapper times normalize even odd scale divide RATE NAMES"
    assert {*used.split(), "square", "FACTOR", "HERE", "log", "LOSSES"} <= set(parts)
    assert not {"unused", "forgotten", "json"} & set(parts)


def test_what_changed_can_be_told_by_its_parts(load):
    old, new = edited(load, "return x / by  # by ten", "return abs(x) / FLOOR\n\nFLOOR = 3\n")
    assert changed(old, new) == {"normalize", "FLOOR"}


def test_an_edit_reverted_is_the_old_code(load):
    old, _ = edited(load, "RATE = 0.1", "RATE = 0.2")
    assert code_of(load().train) == old


def test_the_function_alone_does_not_see_its_helpers(load):
    module = load()
    alone = code_of(module.train, depth="function")
    assert list(alone.parts) == ["train"]
    assert alone == code_of(load(TRAIN.replace("x / by", "x // by")).train, depth="function")
    assert alone != code_of(load(TRAIN.replace("Model()", "Model(2)")).train, depth="function")


def test_an_unknown_depth_is_refused(load):
    with pytest.raises(BadStage, match="not a depth of code"):
        code_of(load().train, depth="everything")


def test_what_is_no_function_is_refused():
    with pytest.raises(BadStage, match='code="v1"'):
        code_of(len)


def test_SU1_the_name_of_the_module_does_not_count(load):
    assert code_of(load().train) == code_of(load(name="other_name").train)


def test_KD2_installed_packages_and_pystore_are_named_and_not_read(load):
    stage = "import numpy, pystore\ndef train():\n    return numpy.mean, pystore.match_latest()\n"
    assert list(code_of(load(stage).train).parts) == ["train"]


# --- ways to use a thing -----------------------------------------------------------------

USES = {
    "import in the body": "def train():\n    from helpers import scale\n    return scale(1)",
    "module imported in the body": "def train():\n    import helpers\n    return helpers.scale(1)",
    "attribute": "import helpers\ndef train():\n    return helpers.scale(1)",
    "closure": "import helpers\ndef make(f):\n    def train():\n        return f(1)\n"
    "    return train\ntrain = make(helpers.scale)",
    "list of functions": "import helpers\nALL = [helpers.scale]\n"
    "def train():\n    return [f(1) for f in ALL]",
    "partial": "import helpers, functools\np = functools.partial(helpers.scale, 1)\n"
    "def train():\n    return p()",
    "lambda": "import helpers\ntrain = lambda: helpers.scale(1)",
    "default of a helper": "import helpers\ndef call(f=helpers.scale):\n    return f(1)\n"
    "def train():\n    return call()",
    "first iterable": "from helpers import scale\ndef train():\n"
    "    return [scale for scale in scale(1)]",
    "name bound by a comprehension too": "from helpers import scale\n"
    "def train():\n    return [scale for scale in ()], scale(1)",
    "class body": "import helpers\nclass A:\n    x = helpers.scale(1)\n"
    "def train():\n    return A.x",
    "bound method": "import helpers\nclass A:\n    def f(self):\n        return helpers.scale(1)\n"
    "go = A().f\ndef train():\n    return go()",
    "instance": "import helpers\nclass A:\n    def __init__(self): self.f = helpers.scale\n"
    "a = A()\ndef train():\n    return a.f(1)",
    "decorator that is a class": "import helpers\nclass D:\n    def __init__(self, f):\n"
    "        self.__wrapped__ = f\n    def __call__(self):\n        return self.__wrapped__()\n"
    "@D\ndef h():\n    return helpers.scale(1)\ndef train():\n    return h()",
    "cached": "import helpers, functools\n@functools.lru_cache\ndef h():\n"
    "    return helpers.scale(1)\ndef train():\n    return h()",
    "match": "import helpers\ndef train(x):\n"
    "    match x:\n        case [y]: return helpers.scale(y)",
    "whole module": "import helpers\ndef train(name):\n    return getattr(helpers, name)(1)",
    "base class by expression": "import helpers\nclass A:\n"
    "    def f(self): return helpers.scale(1)\ndef pick(): return A\n"
    "class B(pick()):\n    pass\ndef train():\n    return B().f()",
}


@pytest.mark.parametrize("way", USES)
def test_NF2_a_helper_counts_however_it_is_reached(load, way):
    old = code_of(load(USES[way]).train)
    new = code_of(load(USES[way], HELPERS.replace("x * FACTOR", "x + FACTOR")).train)
    assert old != new
    assert code_of(load(USES[way], HELPERS.replace("FACTOR = 2", "FACTOR = 5")).train) != old
    assert code_of(load(USES[way], HELPERS + "\n# comment\n").train) == old


def test_NF2_a_name_may_be_declared_global_after_an_inner_function_that_uses_it(load):
    text = """
total = {}
def train():
    def inner():
        return total
    global total
    return inner
"""
    assert code_of(load(text.format(1)).train) != code_of(load(text.format(2)).train)


def test_NF2_a_global_statement_at_the_top_of_a_module_says_nothing():
    declared, plain = (normal(ast.parse(text)) for text in ("global x\nx = 1\n", "x = 1\n"))
    assert declared == plain


@pytest.mark.parametrize("reader", [*reading._WORDS])
def test_each_name_by_which_code_reads_other_code_is_seen(reader):
    assert reads_of(f"(Call func=$helpers.{reader} args=[$f,])") != NOTHING
    assert reads_of(f"(Call func=$helpers.{reader}s_of args=[$f,])") == NOTHING


def test_two_imported_names_that_are_swapped_count(load):
    body = "def train():\n    from helpers import {} as f, {} as g\n    return f(1) - g(1, 1)"
    one = code_of(load(body.format("scale", "divide")).train)
    assert one != code_of(load(body.format("divide", "scale")).train)


def test_where_a_keyword_default_stands_counts(load):
    text = "def h(*, a{}, b=None):\n    pass\ndef train():\n    return h"
    assert code_of(load(text.format("")).train) != code_of(load(text.format("=None")).train)


def test_the_stage_within_a_stage_is_followed(load):
    class Stage:
        def __init__(self, function):
            self.__wrapped__ = function

    module = load("def helper():\n    return 1\ndef train():\n    return helper()")
    plain = code_of(module.train)
    module.helper = Stage(module.helper)
    assert "helper" in code_of(Stage(module.train)).parts  # type: ignore[arg-type]  # read as one
    assert set(plain.parts) <= set(code_of(module.train).parts)


def test_two_constants_of_one_name_are_told_apart(load):
    text = "import helpers\nFACTOR = 1\ndef train():\n    return FACTOR, helpers.FACTOR"
    assert set(code_of(load(text).train).parts) == {"train", "FACTOR", "FACTOR (2)"}


# --- state and what has no text ----------------------------------------------------------


def test_what_the_project_fills_counts_by_what_it_holds(load):
    module = load(
        "cache = {}\ncount = None\ndef train(x):\n"
        "    global count\n    count = x\n    cache[x] = x\n    return cache"
    )
    codes = [code_of(module.train)]
    for x in (3, 4, 4):
        module.train(x)
        codes.append(code_of(module.train))
    assert codes[0] != codes[1] != codes[2] == codes[3]


def test_caches_that_python_keeps_do_not_count(load):
    module = load(
        "import functools\n@functools.lru_cache\ndef h(x):\n    return x\n"
        "class A:\n    @functools.cached_property\n    def p(self):\n        return 1\n"
        "a = A()\ndef train(x):\n    return h(x), a.p"
    )
    code = code_of(module.train)
    module.train(3)
    assert code_of(module.train) == code


def test_an_array_counts_by_its_bytes(load):
    text = "import numpy as np\nW = np.array([1.0, {}])\ndef train():\n    return W"
    one = code_of(load(text.format(2)).train)
    assert one == code_of(load(text.format("2.0")).train)
    assert one != code_of(load(text.format(3)).train)


def test_KD3_what_has_no_text_counts_by_its_expression_and_is_named_once(load, monkeypatch):
    monkeypatch.setattr(warn, "_warned", set())
    text = "import random\nrng = random.Random({})\ndef train():\n    return rng.random()"
    module = load(text.format(1))
    with pytest.warns(PystoreWarning, match=r"rng, a random.Random \(trained.py:2\)") as told:
        one = code_of(module.train)
        code_of(module.train, depth="function")
        module.other = 1
        module.rng.random()
        assert code_of(module.train) == one  # its use does not count
    assert len(ours(told)) == 1
    with pytest.warns(PystoreWarning):
        assert code_of(load(text.format(2)).train) != one


@pytest.mark.parametrize("value", ["float('nan')", "10**5000", "'\\udc80'", "b'x'", "object()"])
def test_odd_constants_have_a_text(load, value):
    code_of(load(f"C = {value}\ndef train():\n    return C").train)


def test_a_constant_that_holds_itself_has_a_text(load):
    text = "C = [1]\nC.append(C)\ndef train():\n    return C"
    assert code_of(load(text).train) == code_of(load(text).train)


def test_a_function_without_source_counts_by_its_bytecode():
    def made(text):
        names: dict = {"__name__": "__main__", "N": 1}
        exec(text, names)
        return names["train"]

    one = made("def train():\n    return N + 1")
    assert code_of(one) == code_of(made("\n\ndef train():\n    'doc'\n    return N + 1"))
    assert code_of(one) != code_of(made("def train():\n    return N + 2"))
    assert code_of(one).parts.keys() == {"train", "N"}


MADE = """
from collections import namedtuple
from dataclasses import dataclass
P = namedtuple("P", "x y")
@dataclass
class C:
    n: int = 1
    def f(self): return 2
c = C(3)
def train(): return P, c
"""


@pytest.mark.parametrize("edit", ["x y", "= 1", "return 2", "C(3)"])
@pytest.mark.parametrize("source", [True, False])
def test_classes_that_are_made_by_others_count(load, edit, source):
    def code(text):
        if source:
            return code_of(load(text).train)
        names: dict = {"__name__": "__main__"}
        exec(text, names)
        return code_of(names["train"])

    assert code(MADE) == code(MADE)
    new = edit.replace("y", "z").translate(str.maketrans("123", "456"))
    assert code(MADE) != code(MADE.replace(edit, new))


# --- again in one process ----------------------------------------------------------------


def test_a_redefined_helper_is_noticed(load):
    module = load()
    old = code_of(module.train)
    assert code_of(module.train) is old
    module.normalize = load(TRAIN.replace("x / by", "x // by")).normalize
    assert changed(old, code_of(module.train)) == {"normalize"}


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m, "RATE", 0.5),
        lambda m: m.NAMES.add("new"),
        lambda m: m.LOSSES.update(square=m.unused),
        lambda m: setattr(m, "abs", m.unused) or m.LOSSES.update(other=m.unused),
        lambda m: setattr(m.helpers, "FACTOR", 9),
        lambda m: setattr(m, "range", m.unused),
        lambda m: setattr(m.normalize, "__code__", m.unused.__code__),
    ],
)
def test_SU3_a_name_or_a_value_that_changed_is_noticed(load, change):
    module = load()
    old = code_of(module.train)
    change(module)
    assert code_of(module.train) != old


def test_LI2_a_cell_redefined_is_the_new_one():
    names: dict = {"__name__": "__main__"}

    def cell(number, text):
        file = f"<ipython-input-{number}-{number:012x}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), names)

    cell(1, "def helper(x):\n    return x\n")
    cell(2, "def train(x):\n    return helper(x)\n")
    first = code_of(names["train"])
    cell(3, "def helper(x):\n    return -x\n")
    assert changed(first, code_of(names["train"])) == {"helper"}
    cell(4, "def helper(x):  # as it was\n    return x\n")
    assert code_of(names["train"]) == first


def test_a_reloaded_module_is_the_new_one(load):
    module = load()
    old = code_of(module.train)
    _write_later(Path(module.__file__), TRAIN.replace("x / by", "x // by"))
    importlib.reload(module)
    assert "normalize" in changed(old, code_of(module.train))


def test_LI1_a_file_edited_after_loading_is_not_mistaken_for_the_code(load):
    module = load()
    _write_later(Path(module.__file__), TRAIN.replace("x / by", "x // by"))
    with pytest.raises(BadStage, match="edited after it was loaded"):
        code_of(module.train)


def test_LI1_a_file_edited_elsewhere_or_read_before_its_edit_is_no_matter(load):
    module = load()
    old = code_of(module.train)
    _write_later(Path(module.__file__), "# first line\n" + TRAIN)
    module.RATE = 0.3
    assert changed(old, code_of(module.train)) == {"RATE"}


def test_LI3_a_thread_that_asks_while_a_file_is_read_finds_its_source(load, monkeypatch):
    names, found, real = vars(load()), [], linecache.getlines

    def getlines(*args):
        if not found:
            found.append(None)
            with ThreadPoolExecutor(1) as other:
                found[0] = other.submit(listing.readings_of, names["__file__"], names).result()
        return real(*args)

    listing.refresh()
    monkeypatch.setattr(linecache, "getlines", getlines)
    mine = listing.readings_of(names["__file__"], names)
    assert [one.lines for one in mine] == [real(names["__file__"])]
    assert found == [mine]


def test_a_compiled_file_that_is_older_than_its_source_is_not_mistaken_for_it(load, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = Path(load().__file__)
    seconds = file.stat().st_mtime - 10
    os.utime(file, (seconds, seconds))
    importlib.reload(sys.modules["trained"])  # which compiles it
    file.write_text(TRAIN.replace("x / by", "x * by"))  # as long as before, and as old
    os.utime(file, (seconds, seconds))
    sys.modules.pop("trained")
    with pytest.raises(BadStage, match="edited after it was compiled") as told:
        code_of(importlib.import_module("trained").train)
    assert "trained.cpython-" in told.value.remedy


@pytest.mark.parametrize("other", ["1", "-1", "(1, 2)", "None", "x", "0 if x == 3 else 1"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x + 1", "x - 1"),
        ("[1, x]", "[x, 1]"),
        ("0 if x == 1 else 1", "0 if x == 2 else 1"),
        ("1 / 2 if x in (1, 2) else {1: x}", "1 / 2 if x in (1, 2) else {2: x}"),
        ("1 if x > 1 and x < 5 else (2 if x is None else 3)", "1 if x > 1 else 2"),
        ("True if __debug__ else x", "False if __debug__ else x"),
        ("(1, 2)", "(1, 3)"),
        ("1 + 1", "1 + 2"),
        ("None", "1"),
    ],
)
def test_LI1_each_lambda_of_a_line_is_itself(load, other, before, after):
    told = []
    for body in (before, after):
        module = load(f"both = [lambda x: {other}, lambda x: {body}]\ntrain = both[1]\n")
        told.append(code_of(module.train).digest)
    assert told[0] != told[1]


def _write_later(path, text):
    path.write_text(text)
    later = path.stat().st_mtime + 10
    os.utime(path, (later, later))


@pytest.mark.parametrize("edit", [("x / by", "x * by"), ("x / by", "x / by + by"), ("=10", "=11")])
def test_an_edit_is_noticed_whatever_the_time_of_the_file(load, edit):
    module = load()
    path = Path(module.__file__)
    os.utime(path, (1e9, 1e9))
    path.write_text(TRAIN.replace(*edit))
    os.utime(path, (1e9, 1e9))
    linecache.clearcache()
    if edit[0] == "=10":  # of a default the value counts, and that is the one that is loaded
        assert code_of(module.train).digest == code_of(load().train).digest
    else:
        with pytest.raises(BadStage, match="edited after it was loaded"):
            code_of(module.train)


def test_code_with_a_profilers_instructions_is_still_that_of_its_file(load):
    module = load("def helper(x):\n    return x + 1\ndef train():\n    return helper(1)")
    plain = code_of(module.train)
    code = module.helper.__code__
    nops = bytes([dis.opmap["NOP"], 0]) * 2
    module.helper.__code__ = code.replace(
        co_code=nops + code.co_code, co_linetable=b"\xf9" + code.co_linetable
    )
    assert code_of(module.train) == plain


# --- the same everywhere -----------------------------------------------------------------

GOLDEN = Path(__file__).with_name("code_golden.json")
SHOW = """
if __name__ == "__main__":
    from pystore.declare.identity.code import code_of
    print(code_of(train).digest)
"""


def test_the_digests_never_change(load):
    code = code_of(load().train)
    assert {"digest": code.digest, "parts": dict(code.parts)} == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("seed", ["0", "1", "42"])
@pytest.mark.parametrize("how", ["script", "import", "elsewhere"])
def test_SU2_the_digest_is_the_same_in_every_process(tmp_path, seed, how):
    folder = tmp_path / "a" / "b" if how == "elsewhere" else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.py").write_text(TRAIN + SHOW)
    (folder / "helpers.py").write_text(HELPERS)
    code = "from pystore.declare.identity.code import code_of"
    load = f"import train; {code}; print(code_of(train.train).digest)"
    done = subprocess.run(
        [sys.executable, "-B", *(["-c", load] if how == "import" else ["train.py"])],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == json.loads(GOLDEN.read_text())["digest"]


# Other Pythons lack our dependencies: the package without its __init__, a stand-in for NumPy.
ACROSS = """
import json, sys, types
package = types.ModuleType("pystore")
package.__path__ = [sys.argv[1]]
sys.modules["pystore"] = package
sys.modules["numpy"] = types.ModuleType("numpy")
sys.path.insert(0, sys.argv[2])
import train
from pystore.declare.identity.surveyor import survey
print(json.dumps([sys.version_info[:2], survey(train.train, "project").texts]))
"""
SYNTAX = r"""
def syntax(a, /, b=1, *c, d=None, **e):
    import os.path as p, json
    try:
        with open(a) as f, (open(b)) as g:
            a[0]: int = b[1:2, ...]
            a.x.y += 1
    except* ValueError as error:
        del error
    match a:
        case {"k": v, **rest} | [v, *rest] if v: return v, rest
        case json.JSONDecoder(strict=True) as z: return z
    while (n := b) > 1 or not [m := q for q in c if q]: break
    else: raise ValueError from None
    lambda *x, y=2: (yield x)
    return f"{a!r}{b:{d}.2f}{'x' 'y'}" f"{{}}{a=}{b:}\N{DEGREE SIGN}é" if b"\x00" else 1e999 - 2j
"""


def _across(python, folder):
    body = TRAIN.replace('"""Trains."""', '"""Trains."""\n    syntax(1)')
    (folder / "train.py").write_text(body + SYNTAX)
    (folder / "helpers.py").write_text(HELPERS)
    script = [python, "-B", "-c", ACROSS, str(Path(pystore.__file__).parent), str(folder)]
    done = subprocess.run(script, capture_output=True, text=True)
    if done.returncode and "command not found" in done.stderr:
        pytest.skip(f"{python} is a name only")
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_NF3_the_texts_are_the_same_on_every_python(tmp_path, version):
    python = shutil.which(f"python{version}")
    if python is None:
        pytest.skip(f"no Python {version} on PATH")
    told, texts = _across(python, tmp_path)
    assert told == [int(part) for part in version.split(".")]
    assert "syntax" in texts
    assert texts == _across(sys.executable, tmp_path)[1]


def test_an_import_that_fails_within_the_body_is_not_ours_to_report(load):
    code_of(load("def train():\n    import nowhere_to_be_found\n    from helpers import no").train)


def test_a_deep_chain_of_helpers_is_followed_to_its_end(load):
    lines = [f"def h{i}(x):\n    return h{i + 1}(x)" for i in range(2000)]
    text = "\n".join([*lines, "def h2000(x):\n    return {}", "def train():\n    return h0(1)"])
    assert code_of(load(text.format(1)).train) != code_of(load(text.format(2)).train)


def test_objects_that_answer_to_every_name_are_no_wrappers():
    class Any:
        def __getattr__(self, name):
            return Any()

    assert len(functions.unwrapped(Any())) <= 20


def test_functions_on_a_page_that_is_not_all_python_never_get_each_others_text(tmp_path):
    """Their trees are parsed one by one, and go again: an id may come back."""
    page = tmp_path / "page.md"
    blocks = [f"def f(x):\n    return x + {number}\n" for number in range(200)]
    page.write_text("# A page\n\n" + "\n".join(f"```python\n{b}```\n" for b in blocks))
    digests = set()
    line = 3
    for block in blocks:
        names: dict[str, object] = {}
        exec(compile("\n" * line + block, str(page), "exec"), names)
        digests.add(code_of(names["f"]).digest)  # type: ignore[arg-type]  # read as one
        line += block.count("\n") + 3
    assert len(digests) == 200


STARTED = """
import os
import sys

os.environ.setdefault("PYSTORE_TEST_A", "1")


def train():
    return os.environ.get("PYSTORE_TEST_B"), NET


NET = []

if __name__ == "__main__":
    os.environ["PYSTORE_TEST_B"] = sys.argv[0]
"""


@pytest.mark.filterwarnings("ignore:environ:pystore.PystoreWarning")  # given once a process
def test_what_a_start_of_the_program_sets_up_in_the_standard_library_is_no_code(load, monkeypatch):
    codes = set()
    for argv in (["one"], ["two", "three"]):
        monkeypatch.setattr(sys, "argv", argv)
        codes.add(code_of(load(STARTED).train).digest)
    codes.add(code_of(load(STARTED.replace("sys.argv[0]", "sys.argv[1]")).train).digest)
    assert len(codes) == 1
    assert code_of(load(STARTED.replace('"1"', '"2"')).train).digest not in codes
