"""Kinds of values: each counts in its own way, and none drops what a stage may read of it."""

import gc
import importlib
import itertools
import random
import statistics
import sys
import textwrap
import warnings

import pytest

from pystore.declare.identity import warn
from pystore.declare.identity.code import code_of
from pystore.errors import PystoreWarning

_folders = itertools.count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Imports a module `kinds` from a folder of its own; `other` lies beside it."""
    monkeypatch.setattr(warn, "_warned", set())

    def load(text, other=""):
        folder = tmp_path / f"project-{next(_folders)}"
        folder.mkdir()
        (folder / "kinds.py").write_text(textwrap.dedent(text))
        (folder / "other.py").write_text(textwrap.dedent(other))
        monkeypatch.syspath_prepend(str(folder))
        for name in ("kinds", "other"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module("kinds")

    before = {module: dict(vars(module)) for module in (statistics, textwrap)}
    yield load
    for module, names in before.items():  # the programs put things into them
        vars(module).clear()
        vars(module).update(names)
    for name in ("kinds", "other"):
        sys.modules.pop(name, None)


def told(load, text):
    """The digest of the code of `train`, and the warnings on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        digest = code_of(load(text).train).digest
    return digest, [str(one.message) for one in caught if one.category is PystoreWarning]


@pytest.mark.parametrize(
    "text",
    [
        "from importlib import import_module as load\ndef train(): return load('other')",
        "import importlib\ndef train(): return [*map(importlib.import_module, ['other'])]",
        "import runpy\ndef train(): return runpy.run_module('other')",
        "from runpy import run_path\ndef train(): return run_path('other.py')",
        "import sys\nNAME = 'other'\ndef train(): return sys.modules[NAME]",
        "import importlib\nNAME = 'other'\ndef train(): return importlib.import_module(NAME)",
    ],
)
def test_a_module_that_no_text_names_is_told(load, text):
    assert "imports or runs a module whose name is computed" in told(load, text)[1][0]


@pytest.mark.parametrize(
    "text",
    [
        "import importlib\ndef train(): return importlib.import_module('other')",
        "from importlib import import_module\ndef train(): return import_module('other')",
        "import sys\ndef train(): return 'torch' in sys.modules, sys.modules.get('torch')",
        "import sys\ndef train(): sys.modules['torch'] = None",
        "import importlib\ndef train(): return importlib.util",
    ],
)
def test_modules_that_the_text_names_are_no_matter_of_a_warning(load, text):
    assert told(load, text)[1] == []


@pytest.mark.parametrize("maker", ["dataclasses.dataclass(slots=True)", "attrs.define"])
def test_a_subclass_of_which_one_with_slots_was_made_counts_once(load, maker):
    pytest.importorskip(maker.partition(".")[0])
    text = f"""
    import {maker.partition(".")[0]}
    class Base: pass
    @{maker}
    class Left(Base): size: int = 1
    def train(): return [one().size for one in Base.__subclasses__()]
    """
    gc.disable()
    try:
        first = code_of(load(text).train)
        assert len(sys.modules["kinds"].Base.__subclasses__()) == 2
    finally:
        gc.enable()
    module = load(text)
    gc.collect()
    assert len(module.Base.__subclasses__()) == 1
    assert code_of(module.train).digest == first.digest


def test_subclasses_of_one_name_that_are_there_all_count(load):
    """As in a notebook, where a class that was defined again stays for a while."""
    text = """
    class Base: pass
    class Left(Base): size = 1
    old = [Left]
    class Left(Base): size = 2
    def train(): return [one.size for one in Base.__subclasses__()]
    """
    assert code_of(load(text).train) != code_of(load(text.replace("size = 1", "size = 3")).train)


def test_a_subclass_that_comes_after_the_declaration_is_a_change(load):
    text = """
    class Base: pass
    def train(): return len(Base.__subclasses__())
    """
    module = load(text)
    before = code_of(module.train)
    assert code_of(module.train).digest == before.digest
    late = type("Late", (module.Base,), {"__module__": "kinds"})
    assert code_of(module.train).digest != before.digest
    assert late


def test_the_docstring_of_another_module_counts_where_it_is_read(load):
    text = "import other\ndef train(): return other.__doc__"
    assert code_of(load(text, "'One.'").train).digest != code_of(load(text, "'Two.'").train).digest


# Of each kind: a program, and two texts in it of which one is edited into the other.
BY_VALUE = {
    "a method of a text": (
        """
        show = "{:.2f}".format
        def train(): return show(0.98765)
        """,
        ".2f",
        ".4f",
    ),
    "a method of a pattern": (
        """
        import re
        clean = re.compile("[0-9]").sub
        def train(): return clean("#", "a1b2")
        """,
        "[0-9]",
        "[a-z]",
    ),
    "a partial of a method of a pattern": (
        """
        import re
        from functools import partial
        clean = partial(re.compile("[0-9]").sub, "#")
        def train(): return clean("a1b2")
        """,
        "[0-9]",
        "[a-z]",
    ),
    "methods in a list": (
        """
        STEPS = [str.lower, "-".join]
        def train(): return [step("A b") for step in STEPS]
        """,
        '"-"',
        '"+"',
    ),
    "which method of a class": (
        """
        STEP = str.lower
        def train(): return STEP("A b")
        """,
        "str.lower",
        "str.upper",
    ),
    "a method of an object in an object": (
        """
        import re
        class Tokens:
            def __init__(self, pattern): self.find = re.compile(pattern).findall
        TOKENS = Tokens("[a-z]+")
        def train(): return TOKENS.find("a1")
        """,
        "[a-z]+",
        "[0-9]+",
    ),
    "a default that a loop has bound": (
        """
        fs = []
        for r in (1, 2):
            fs.append(lambda x, r=r: x * r)
        def train(): return [f(1) for f in fs]
        """,
        "(1, 2)",
        "(1, 3)",
    ),
    "a keyword's default that is reassigned": (
        """
        K = 2
        def scale(x, *, k=K): return x * k
        K = 9
        def train(): return scale(1)
        """,
        "K = 2",
        "K = 5",
    ),
    "an attribute of a function": (
        """
        def accept(x): return x >= accept.threshold
        accept.threshold = 3
        def train(): return accept(1)
        """,
        "= 3",
        "= 5",
    ),
    "a class attribute of a constant that is reassigned": (
        """
        RATE = 1
        class Config:
            rate = RATE
        RATE = 7
        def train(): return Config.rate
        """,
        "RATE = 1",
        "RATE = 2",
    ),
    "a class attribute from an enclosing function": (
        """
        def network(width):
            class Net:
                WIDTH = width
                def size(self): return self.WIDTH
            return Net
        Small = network(8)
        def train(): return Small().size()
        """,
        "(8)",
        "(16)",
    ),
    "a field of a dataclass from an enclosing function": (
        """
        from dataclasses import dataclass, field
        def options(rate):
            @dataclass
            class Options:
                lr: float = field(default_factory=lambda: rate)
            return Options
        Fast = options(0.5)
        def train(): return Fast().lr
        """,
        "(0.5)",
        "(0.9)",
    ),
    "an attribute that was set on a class later": (
        """
        class Config:
            rate = 1
        Config.width = 3
        def train(): return Config.width
        """,
        "= 3",
        "= 4",
    ),
    "a method that was set on a class later": (
        """
        class Net:
            def size(self): return 1
        def other(self): return 2
        Net.size = other
        def train(): return Net().size()
        """,
        "return 2",
        "return 3",
    ),
    "a default of a method": (
        """
        K = 2
        class Net:
            def size(self, k=K): return k
        K = 9
        def train(): return Net().size()
        """,
        "K = 2",
        "K = 5",
    ),
    "an implementation of singledispatch": (
        """
        from functools import singledispatch
        @singledispatch
        def encode(x): return "?"
        @encode.register
        def _(x: int): return "int"
        def train(): return encode(4)
        """,
        '"int"',
        '"whole"',
    ),
    "an implementation of singledispatchmethod": (
        """
        from functools import singledispatchmethod
        class Encoder:
            @singledispatchmethod
            def encode(self, x): return "?"
        @Encoder.encode.register
        def _(self, x: int): return "int"
        def train(): return Encoder().encode(4)
        """,
        '"int"',
        '"whole"',
    ),
    "a registry that is filled by a decorator": (
        """
        MODELS = {}
        def register(function):
            MODELS[function.__name__] = function
            return function
        @register
        def linear(x): return x
        @register
        def cubic(x): return x ** 3
        def lookup(name): return MODELS[name]
        def train(): return linear(2), lookup("cubic")(2)
        """,
        "x ** 3",
        "x ** 4",
    ),
    "a registry that is filled by subclasses": (
        """
        class Base:
            known = {}
            def __init_subclass__(cls): Base.known[cls.__name__] = cls
        class One(Base):
            def f(self): return 1
        def train(): return Base.known["One"]().f()
        """,
        "return 1",
        "return 2",
    ),
    "the maximum of a deque": (
        """
        from collections import deque
        WINDOW = deque(maxlen=2)
        def train(): return WINDOW
        """,
        "=2",
        "=3",
    ),
    "a private slot": (
        """
        class Schedule:
            __slots__ = ("__rate",)
            def __init__(self, rate): self.__rate = rate
            def at(self): return self.__rate
        PLAN = Schedule(0.5)
        def train(): return PLAN.at()
        """,
        "(0.5)",
        "(0.9)",
    ),
    "what a default dict begins with": (
        """
        from collections import defaultdict
        COUNTS = defaultdict(lambda: 1)
        def train(): return COUNTS["a"]
        """,
        ": 1)",
        ": 2)",
    ),
    "a parametrised type": (
        """
        Row = tuple[int, float]
        def train(): return Row.__args__
        """,
        "float]",
        "int]",
    ),
    "the values of a Literal": (
        """
        from typing import Literal, get_args
        Mode = Literal["a", "b"]
        def train(): return get_args(Mode)
        """,
        '"b"]',
        '"c"]',
    ),
    "what is annotated": (
        """
        from typing import Annotated
        Rate = Annotated[float, 0.1]
        def train(): return Rate.__metadata__
        """,
        "0.1]",
        "0.2]",
    ),
    "a union": ("Kind = int | None\ndef train(): return Kind.__args__", "int |", "str |"),
    "a NewType": (
        """
        from typing import NewType
        Rate = NewType("Rate", float)
        def train(): return Rate.__supertype__("1")
        """,
        "float)",
        "int)",
    ),
    "the arguments of the command line": (
        """
        from argparse import Namespace
        args = Namespace(lr=0.1)
        def train(): return args.lr
        """,
        "0.1",
        "0.5",
    ),
    "a getter": (
        """
        from operator import itemgetter
        pick = itemgetter(0)
        def train(): return pick("ab")
        """,
        "(0)",
        "(1)",
    ),
    "the size of a cache": (
        """
        from functools import lru_cache
        def seen(n=[]): n.append(1); return len(n)
        tell = lru_cache(maxsize=1)(seen)
        def train(): return tell()
        """,
        "maxsize=1",
        "maxsize=2",
    ),
    "a function under contextmanager": (
        """
        from contextlib import contextmanager
        @contextmanager
        def opened(x):
            yield x + 1
        def train():
            with opened(1) as x: return x
        """,
        "x + 1",
        "x + 2",
    ),
    "a subclass of a number": (
        """
        from decimal import Decimal
        class Money(Decimal): pass
        PRICE = Money("1.50")
        def train(): return PRICE
        """,
        "1.50",
        "2.50",
    ),
    "a subclass of datetime": (
        """
        from datetime import datetime
        class Stamp(datetime): pass
        SINCE = Stamp(2021, 1, 1)
        def train(): return SINCE.year
        """,
        "2021",
        "2022",
    ),
    "a subclass of complex": (
        """
        class Phase(complex): pass
        TURN = Phase(1, 2)
        def train(): return TURN
        """,
        "(1, 2)",
        "(1, 3)",
    ),
    "the state of a subclass of a dict": (
        """
        class Config(dict): pass
        CONFIG = Config(a=1)
        CONFIG.rate = 2
        def train(): return CONFIG.rate
        """,
        "rate = 2",
        "rate = 3",
    ),
    "a dict whose attributes are its items": (
        """
        class Config(dict):
            __getattr__ = dict.get
        CONFIG = Config(rate=2)
        def train(): return CONFIG.rate
        """,
        "rate=2",
        "rate=3",
    ),
    "an object that answers to every name": (
        """
        class Config:
            def __init__(self, **values): self._values = values
            def __getattr__(self, name): return self._values[name]
        CONFIG = Config(rate=2)
        def train(): return CONFIG.rate
        """,
        "rate=2",
        "rate=3",
    ),
    "an error": ("FAILED = ValueError(1)\ndef train(): return FAILED.args", "(1)", "(2)"),
    "the value of a member": (
        """
        import enum
        K = 1
        class Level(enum.Enum):
            LOW = K
        K = 5
        def train(): return Level.LOW.value
        """,
        "K = 1",
        "K = 2",
    ),
    "a named tuple made by a call": (
        """
        from collections import namedtuple
        Point = namedtuple("Point", "x y", defaults=[1])
        def train(): return Point(0).y
        """,
        "[1]",
        "[2]",
    ),
    "a patched function of a package": (
        """
        import statistics
        def trimmed(values): return sorted(values)[1]
        statistics.mean = trimmed
        def train(): return statistics.mean([1, 2, 30])
        """,
        "[1]\n",
        "[2]\n",
    ),
    "a patched number of a package": (
        """
        import textwrap
        textwrap.width_of_lines = 70
        def train(): return textwrap.width_of_lines
        """,
        "= 70",
        "= 80",
    ),
    "what another package provides, put into a package": (
        """
        import math
        import statistics
        statistics.rounding = math.floor
        def train(): return statistics.rounding(1.5)
        """,
        "math.floor",
        "math.ceil",
    ),
    "a docstring that is read": (
        '''
        class Signature:
            @classmethod
            def prompt(cls): return cls.__doc__
        class Answer(Signature):
            """Answer in English."""
        def train(): return Answer.prompt()
        ''',
        "English",
        "French",
    ),
    "annotations that are read": (
        """
        from typing import get_type_hints
        def half(x: int): return x
        def train(): return get_type_hints(half)
        """,
        "x: int",
        "x: float",
    ),
    "a closure of a closure": (
        """
        def outer(a):
            def middle(b):
                def inner(x): return a + b + x
                return inner
            return middle
        add = outer(1)(2)
        def train(): return add(3)
        """,
        "outer(1)",
        "outer(5)",
    ),
    "an integer from the environment": (
        """
        import os
        EPOCHS = int(os.environ.get("KIND_EPOCHS", "3"))
        def train(): return EPOCHS
        """,
        '"3"',
        '"4"',
    ),
    "a name of the whole module": (
        """
        RATE = 1
        def train(): return globals()["RATE"]
        """,
        "RATE = 1",
        "RATE = 2",
    ),
    "a module that is imported by its name": (
        """
        import importlib
        K = 1
        def train(): return importlib.import_module("kinds").K
        """,
        "K = 1",
        "K = 2",
    ),
    "a module that is taken by its name from those that are loaded": (
        """
        import sys
        K = 1
        def train(): return sys.modules["kinds"].K
        """,
        "K = 1",
        "K = 2",
    ),
    "a name of its own module, among those that are loaded": (
        """
        import sys
        K, NAME = 1, "K"
        def train(): return getattr(sys.modules[__name__], NAME)
        """,
        "K, NAME = 1",
        "K, NAME = 2",
    ),
    "a name in the dict of a module": (
        """
        import kinds
        K = 1
        def train(): return kinds.__dict__["K"]
        """,
        "K = 1",
        "K = 2",
    ),
    "a name in the globals of a function": (
        """
        K = 1
        def half(): pass
        def train(): return half.__globals__["K"]
        """,
        "K = 1",
        "K = 2",
    ),
    "subclasses that no name leads to": (
        """
        class Base: pass
        class Left(Base): size = 1
        class Right(Left): size = 2
        def sizes(kind): return [(one.size, sizes(one)) for one in kind.__subclasses__()]
        def train(): return sizes(Base)
        """,
        "size = 2",
        "size = 3",
    ),
    "how many subclasses there are": (
        """
        class Base:
            @classmethod
            def names(cls): return [one.__name__ for one in cls.__subclasses__()]
        class Left(Base): pass
        def train(): return Base.names()
        """,
        "class Left(Base): pass",
        "class Left(Base): pass\n        class Right(Base): pass",
    ),
    "the docstring of its module": (
        '''
        """Usage: train [--deep]"""
        def train(): return "--deep" in __doc__
        ''',
        "[--deep]",
        "[--wide]",
    ),
    "a property that was set later": (
        """
        class Net: pass
        Net.size = property(lambda self: 1)
        def train(): return Net().size
        """,
        "self: 1",
        "self: 2",
    ),
    "bytes that can change": ("B = bytearray(b'a')\ndef train(): return bytes(B)", "b'a'", "b'c'"),
    "an array of the standard library": (
        "from array import array\nA = array('i', [1])\ndef train(): return A[0]",
        "[1]",
        "[2]",
    ),
    "a chain of dicts": (
        "from collections import ChainMap\nC = ChainMap({}, {'a': 1})\ndef train(): return C['a']",
        "'a': 1",
        "'a': 2",
    ),
    "a time zone": (
        """
        from zoneinfo import ZoneInfo
        ZONE = ZoneInfo("Europe/Paris")
        def train(): return str(ZONE)
        """,
        "Paris",
        "Berlin",
    ),
}

ARRAYS = {
    "a mask": (
        """
        import numpy as np
        M = np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])
        def train(): return M.sum()
        """,
        "[0, 1, 0]",
        "[0, 0, 1]",
    ),
    "an attribute of an array": (
        """
        import numpy as np
        class Quantity(np.ndarray): pass
        D = np.array([1.0]).view(Quantity)
        D.unit = "m"
        def train(): return D.unit
        """,
        '"m"',
        '"km"',
    ),
    "the class of an array": (
        """
        import numpy as np
        W = np.array([[1, 2], [3, 4]])
        def train(): return W * W
        """,
        "np.array",
        "np.matrix",
    ),
    "a field of a structured array": (
        """
        import numpy as np
        R = np.zeros(1, dtype=[("a", "i4")])
        def train(): return R.dtype.names
        """,
        '"a"',
        '"b"',
    ),
    "a scalar": (
        "import numpy as np\nX = np.float32(1)\ndef train(): return X / 3",
        "float32",
        "float64",
    ),
}

FRAMES = {
    "a cell of a frame": (
        """
        import pandas as pd
        T = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
        def train(): return T.b.tolist()
        """,
        '"x"',
        '"y"',
    ),
    "the index of a frame": (
        """
        import pandas as pd
        T = pd.DataFrame({"a": [1, 2]}, index=[0, 1])
        def train(): return T.index.tolist()
        """,
        "[0, 1]",
        "[0, 2]",
    ),
    "the attributes of a frame": (
        """
        import pandas as pd
        T = pd.DataFrame({"a": [1, 2]})
        T.attrs["unit"] = "m"
        def train(): return T.attrs
        """,
        '"m"',
        '"km"',
    ),
    "the categories of a series": (
        """
        import pandas as pd
        S = pd.Series(pd.Categorical(["a"], categories=["a", "b"]))
        def train(): return list(S.cat.categories)
        """,
        '"b"]',
        '"c"]',
    ),
}

BY_EXPRESSION = {
    "a generator's method": (
        """
        import random
        noise = random.Random(1).gauss
        def train(): return noise(0, 1)
        """,
        "(1)",
        "(2)",
    ),
    "a vectorised function": (
        """
        import numpy as np
        @np.vectorize
        def clip(x): return min(x, 3)
        def train(): return clip([1, 5])
        """,
        "x, 3",
        "x, 4",
    ),
    "a function that became one of C": (
        """
        import numpy as np
        def _grade(x): return x > 3
        grade = np.frompyfunc(_grade, 1, 1)
        def train(): return grade([1])
        """,
        "x > 3",
        "x > 4",
    ),
    "a generator in an object": (
        """
        import random
        class Noise:
            def __init__(self, seed): self.rng = random.Random(seed)
        NOISE = Noise(1)
        def train(): return NOISE.rng.random()
        """,
        "(1)",
        "(2)",
    ),
    "a generator in a closure": (
        """
        import random
        def make(seed):
            rng = random.Random(seed)
            def draw(): return rng.random()
            return draw
        draw = make(1)
        def train(): return draw()
        """,
        "make(1)",
        "make(2)",
    ),
    "a generator that is a default": (
        """
        import random
        def draw(rng=random.Random(1)): return rng.random()
        def train(): return draw()
        """,
        "(1)",
        "(2)",
    ),
    "a generator that is a class attribute": (
        """
        import random
        class Noise:
            rng = random.Random(1)
        def train(): return Noise.rng.random()
        """,
        "(1)",
        "(2)",
    ),
    "what is put into an object of a package": (
        """
        import string
        T = string.Template("$a")
        T.extra = 1
        def train(): return T.extra
        """,
        "extra = 1",
        "extra = 2",
    ),
    "a loop that makes a registry of them": (
        """
        import random
        RNGS = {}
        for seed in (1, 2):
            RNGS[seed] = random.Random(seed)
        def train(): return [one.random() for one in RNGS.values()]
        """,
        "Random(seed)",
        "Random(seed + 1)",
    ),
    "a global that a function sets": (
        """
        import random
        rng = None
        def prepare(seed):
            global rng
            rng = random.Random(seed)
        prepare(1)
        def train(): return rng.random()
        """,
        "prepare(1)",
        "prepare(2)",
    ),
    "a name in the expression": (
        """
        import random
        SEED = 1
        rng = random.Random(SEED)
        def train(): return rng.random()
        """,
        "SEED = 1",
        "SEED = 2",
    ),
}


@pytest.mark.parametrize("kind", BY_VALUE)
def test_KD1_it_counts_by_value_and_without_a_warning(load, kind):
    text, old, new = BY_VALUE[kind]
    _check(load, text, old, new, opaque=False)


@pytest.mark.parametrize("kind", ARRAYS)
def test_KD1_arrays_count_with_class_mask_and_attributes(load, kind):
    pytest.importorskip("numpy")
    _check(load, *ARRAYS[kind], opaque=False)


@pytest.mark.parametrize("kind", FRAMES)
def test_KD1_frames_count_with_index_types_and_attributes(load, kind):
    pytest.importorskip("pandas")
    _check(load, *FRAMES[kind], opaque=False)


@pytest.mark.parametrize("kind", BY_EXPRESSION)
def test_KD3_it_counts_by_the_expression_that_made_it_and_is_warned_of(load, kind):
    text, old, new = BY_EXPRESSION[kind]
    _check(load, text, old, new, opaque=True)


def _check(load, text, old, new, opaque):
    assert text.count(old), old
    before, said = told(load, text)
    assert before == told(load, text)[0], "the name is another in another folder"
    assert bool(said) == opaque, said
    assert before != told(load, text.replace(old, new))[0]


def test_KD4_what_no_expression_tells_does_not_count_and_is_warned_of(load):
    module = load("def train(): return rng.random()\n")
    digests = set()
    for seed in (1, 2):
        module.rng = random.Random(seed)  # put there by nothing that stands in the file
        warn._warned.clear()
        with pytest.warns(PystoreWarning, match=r"rng, a random.Random, does not count"):
            digests.add(code_of(module.train).digest)
    assert len(digests) == 1


def test_KD2_a_function_of_a_package_counts_by_its_name(load):
    module = load("import statistics\ndef train(): return statistics.mean([1])\n")
    before = code_of(module.train)
    assert list(before.parts) == ["train"]
    module.statistics = importlib.import_module("fractions")
    assert code_of(module.train) != before
