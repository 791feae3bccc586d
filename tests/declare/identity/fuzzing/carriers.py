"""Carriers: what holds a thing and gives it back, from a list to a module of another package."""

from .way import Carrier

# A module that is held as a value counts whole: another definition in it is an edit.
_WHOLE = frozenset({"definitions"})
# Code without a text counts by its bytecode, which each Python has of its own.
_BYTECODE = frozenset({"python"})

CARRIERS = (
    Carrier("in a list", "[0, [$item]]", "$it[1][0]"),
    Carrier("in a tuple", "(0, ($item,))", "$it[1][0]"),
    Carrier("in a dict", "{'a': {'b': $item}}", "$it['a']['b']"),
    Carrier("in a deque", "deque([$item])", "$it[0]", setup="from collections import deque"),
    Carrier("in a default dict", "defaultdict(lambda: held$n)", "$it.default_factory()",
            setup="from collections import defaultdict\nheld$n = $item"),
    Carrier("in a chain of maps", "ChainMap({}, {'a': $item})", "$it['a']",
            setup="from collections import ChainMap"),
    Carrier("in a read-only dict", "MappingProxyType({'a': $item})", "$it['a']",
            setup="from types import MappingProxyType"),
    Carrier("in a namespace", "SimpleNamespace(a=$item)", "$it.a",
            setup="from types import SimpleNamespace"),
    Carrier("in parsed arguments", "Namespace(a=$item)", "$it.a",
            setup="from argparse import Namespace"),
    Carrier("in an extended list", "Own$n([$item])", "$it[0]",
            setup="class Own$n(list):\n    pass"),
    Carrier("in an extended dict", "Own$n(a=$item)", "$it.get('a')",
            setup="class Own$n(dict):\n    __getattr__ = dict.get"),
    Carrier("at an extended number", "made$n($item)", "$it.held",
            setup="class Own$n(float):\n    pass\n\n\ndef made$n(held):\n    one = Own$n(1.5)\n"
            "    one.held = held\n    return one"),
    Carrier("in a method of a dict", "{'a': $item}.get", "$it('a')"),
    Carrier("in a class attribute", "Own$n", "$it.held[0]",
            setup="class Own$n:\n    held = ($item,)"),
    Carrier("in a class attribute set later", "Own$n", "$it.held[0]",
            setup="class Own$n:\n    pass\n\n\nOwn$n.held = ($item,)"),
    Carrier("in an attribute", "Own$n($item)", "$it.held",
            setup="class Own$n:\n    def __init__(self, held):\n        self.held = held"),
    Carrier("in a slot", "Own$n($item)", "$it.told()",
            setup="class Own$n:\n    __slots__ = ('__held',)\n\n    def __init__(self, held):\n"
            "        self.__held = held\n\n    def told(self):\n        return self.__held"),
    Carrier("behind a property", "Own$n()", "$it.held",
            setup="held$n = $item\n\n\nclass Own$n:\n    @property\n    def held(self):\n"
            "        return held$n"),
    Carrier("in a cached property", "Own$n($item)", "$it.told",
            setup="from functools import cached_property\n\n\nclass Own$n:\n"
            "    def __init__(self, held):\n        self.held = held\n\n    @cached_property\n"
            "    def told(self):\n        return self.held"),
    Carrier("in a bound method", "Own$n($item).told", "$it()",
            setup="class Own$n:\n    def __init__(self, held):\n        self.held = held\n\n"
            "    def told(self):\n        return self.held"),
    Carrier("in an object that is called", "Own$n($item)", "$it()",
            setup="class Own$n:\n    def __init__(self, held):\n        self.held = held\n\n"
            "    def __call__(self):\n        return self.held"),
    Carrier("in a static method", "Own$n", "$it.told()",
            setup="held$n = $item\n\n\nclass Own$n:\n    @staticmethod\n    def told():\n"
            "        return held$n"),
    Carrier("in a method above", "Own$n", "$it().told()",
            setup="held$n = $item\n\n\nclass Above$n:\n    def told(self):\n"
            "        return held$n\n\n\n"
            "class Own$n(Above$n):\n    def told(self):\n        return super().told()"),
    Carrier("in a descriptor", "Own$n", "$it.held",
            setup="class Gives$n:\n    def __init__(self, held):\n        self.held = held\n\n"
            "    def __get__(self, one, kind):\n        return self.held\n\n\n"
            "class Own$n:\n    held = Gives$n($item)"),
    Carrier("in a metaclass", "Own$n", "$it.held",
            setup="held$n = $item\n\n\nclass Meta$n(type):\n    @property\n    def held(cls):\n"
            "        return held$n\n\n\nclass Own$n(metaclass=Meta$n):\n    pass"),
    Carrier("in a keyword of a subclass", "Own$n", "$it.held[0]",
            setup="class Base$n:\n    def __init_subclass__(cls, held):\n        cls.held = held\n"
            "\n\n"
            "class Own$n(Base$n, held=($item,)):\n    pass"),
    Carrier("in a class of a factory", "made$n($item)", "$it.held[0]",
            setup="def made$n(x):\n    class Made:\n        held = (x,)\n\n    return Made"),
    Carrier("in a class by type", "type('Made', (), {'held': ($item,)})", "$it.held[0]"),
    Carrier("in a dataclass", "Own$n($item)", "$it.held",
            setup="from dataclasses import dataclass\n\n\n@dataclass\nclass Own$n:\n"
            "    held: object = None"),
    Carrier("in a factory of a field", "Own$n", "$it().held",
            setup="from dataclasses import dataclass, field\nheld$n = $item\n\n\n@dataclass\n"
            "class Own$n:\n    held: object = field(default_factory=lambda: held$n)"),
    Carrier("in metadata of a field", "Own$n", "fields($it)[0].metadata['held']",
            uses="from dataclasses import fields",
            setup="from dataclasses import dataclass, field\nheld$n = $item\n\n\n@dataclass\n"
            "class Own$n:\n    x: int = field(default=0, metadata={'held': held$n})"),
    Carrier("in a named tuple", "Own$n(1, $item)", "$it.held",
            setup="from typing import NamedTuple\n\n\nclass Own$n(NamedTuple):\n    x: int\n"
            "    held: object"),
    Carrier("in a member", "Own$n.a", "$it.value[0]",
            setup="from enum import Enum\nheld$n = $item\n\n\nclass Own$n(Enum):\n"
            "    a = (held$n,)"),
    Carrier("in a function", "told$n", "$it()", setup="held$n = $item\n\n\ndef told$n():\n"
            "    return held$n"),
    Carrier("made in a function", "told$n", "$it()", setup="def told$n():\n    return $item",
            lazy=True),
    Carrier("in a default", "told$n", "$it()", setup="def told$n(held=$item):\n    return held"),
    Carrier("in a default of a constant", "told$n", "$it()",
            setup="held$n = $item\n\n\ndef told$n(*, held=held$n):\n    return held\n\n\n"
            "held$n = 0"),
    Carrier("in a default of a lambda in a loop", "made$n[0]", "$it()",
            setup="made$n = [lambda held=held: held for held in ($item,)]"),
    Carrier("in a closure", "made$n($item)", "$it()",
            setup="def made$n(held):\n    def told():\n        return held\n\n    return told"),
    Carrier("in a closure of a closure", "made$n($item)(1)", "$it()",
            setup="def made$n(held):\n    def middle(x):\n        def told():\n"
            "            return held\n\n        return told\n\n    return middle"),
    Carrier("in a function attribute", "told$n", "$it()",
            setup="def told$n():\n    return told$n.held\n\n\ntold$n.held = $item"),
    Carrier("in an argument of a decorator", "told$n", "$it()",
            setup="import functools\n\n\ndef given$n(held):\n    def decorate(f):\n"
            "        @functools.wraps(f)\n        def wrapper():\n            return f(held)\n\n"
            "        return wrapper\n\n    return decorate\n\n\n@given$n($item)\n"
            "def told$n(held):\n    return held"),
    Carrier("in a partial", "functools.partial(same$n, $item)", "$it()",
            setup="import functools\n\n\ndef same$n(held):\n    return held"),
    Carrier("in a keyword of a partial", "functools.partial(same$n, held=$item)", "$it()",
            setup="import functools\n\n\ndef same$n(held):\n    return held"),
    Carrier("in a registry", "known$n", "$it['a']()",
            setup="held$n = $item\nknown$n = {}\n\n\ndef register$n(name):\n    def decorate(f):\n"
            "        known$n[name] = f\n        return f\n\n    return decorate\n\n\n"
            "@register$n('a')\ndef told$n():\n    return held$n"),
    Carrier("in a single dispatch", "told$n", "$it(1)",
            setup="import functools\nheld$n = $item\n\n\n@functools.singledispatch\n"
            "def told$n(x):\n    return 0\n\n\n@told$n.register\ndef _(x: int):\n"
            "    return held$n"),
    Carrier("in a cached function", "told$n", "$it()",
            setup="import functools\nheld$n = $item\n\n\n@functools.lru_cache\ndef told$n():\n"
            "    return held$n"),
    Carrier("in a generator function", "told$n", "next($it())",
            setup="held$n = $item\n\n\ndef told$n():\n    yield held$n"),
    Carrier("in a context manager", "told$n", "$it()",
            setup="import contextlib\nheld$n = $item\n\n\n@contextlib.contextmanager\n"
            "def open$n():\n    yield held$n\n\n\ndef told$n():\n    with open$n() as held:\n"
            "        return held"),
    Carrier("in a global of a loop", "held$n", "$it", setup="for held$n in ($item,):\n    pass"),
    Carrier("in a global of a branch", "held$n", "$it",
            setup="import sys\n\nif sys.version_info > (3,):\n    held$n = $item\nelse:\n"
            "    held$n = 0"),
    Carrier("in a global set by a function", "held$n[0]", "$it",
            setup="held$n = []\n\n\ndef fill$n(held):\n    held$n.append(held)\n\n\nfill$n($item)"),
    Carrier("in a global of a try", "held$n", "$it",
            setup="try:\n    held$n = $item\nexcept ValueError:\n    held$n = 0"),
    Carrier("in executed code", "told$n", "$it()", may_warn=True, reads=_BYTECODE,
            setup="held$n = $item\nexec('def told$n():\\n    return held$n')"),
    Carrier("in a module", "holder$n", "$it.held", reads=_WHOLE, setup="import holder$n",
            files={"holder$n.py": "$inner\n\nheld = $item\n"}),
    Carrier("in a function of a module", "told$n", "$it()",
            setup="from holder$n import told as told$n",
            files={"holder$n.py": "$inner\n\nheld = $item\n\n\ndef told():\n    return held\n"}),
    Carrier("in a package", "told$n", "$it()", setup="from pack$n import told as told$n",
            files={"pack$n/__init__.py": "from .part import told\n",
                   "pack$n/part.py": "from . import holder\n\n\ndef told():\n"
                   "    return holder.held\n",
                   "pack$n/holder.py": "$inner\n\nheld = $item\n"}),
    Carrier("in every name of a module", "held_$n", "$it", setup="from holder$n import *",
            files={"holder$n.py": "$inner\n\nheld_$n = $item\n"}),
    Carrier("in an import of a function", "told$n", "$it()",
            setup="def told$n():\n    from holder$n import held\n\n    return held",
            files={"holder$n.py": "$inner\n\nheld = $item\n"}),
    Carrier("in a module by a text", "importlib.import_module('holder$n')", "$it.held",
            reads=_WHOLE, setup="import importlib", files={"holder$n.py": "$inner\n\n"
            "held = $item\n"}),
    Carrier("in a computed attribute of a module", "holder$n", "$it.held", reads=_WHOLE,
            setup="import holder$n",
            files={"holder$n.py": "$inner\n\nhidden = $item\n\n\ndef __getattr__(name):\n"
                   "    if name != 'held':\n        raise AttributeError(name)\n"
                   "    return hidden\n"}),
    Carrier("set in a module", "holder$n", "$it.told()", reads=_WHOLE, setup="import holder$n\n"
            "holder$n.held = $item",
            files={"holder$n.py": "held = 0\n\n\ndef told():\n    return held\n"}),
    Carrier("set in a package", "told$n", "$it()",
            setup="import statistics\n\nstatistics.held$n = $item\n\n\ndef told$n():\n"
            "    return statistics.held$n"),
    Carrier("in an array of objects", "array$n", "$it[0]", needs=("numpy",),
            setup="import numpy as np\n\narray$n = np.empty(1, dtype=object)\narray$n[0] = $item"),
    Carrier("in a series of objects", "pd.Series([[$item]])", "$it[0][0]", needs=("pandas",),
            setup="import pandas as pd"),
    Carrier("in a vectorised function", "np.vectorize(told$n, otypes=[object])", "$it(0)[()][0]",
            needs=("numpy",), opaque=True,
            setup="import numpy as np\nheld$n = $item\n\n\ndef told$n(x):\n"
            "    return Box$n(held$n)\n\n\n"
            "class Box$n:\n    def __init__(self, held):\n        self.held = held\n\n"
            "    def __getitem__(self, index):\n        return self.held"),
    Carrier("in a universal function", "np.frompyfunc(told$n, 1, 1)", "$it(0)", needs=("numpy",),
            opaque=True, setup="import numpy as np\nheld$n = $item\n\n\ndef told$n(x):\n"
            "    return held$n"),
    Carrier("in a curried function", "told$n(1)", "$it(2)", needs=("toolz",), opaque=True,
            setup="import toolz\nheld$n = $item\n\n\n@toolz.curry\ndef told$n(x, y):\n"
            "    return held$n",
            reads=frozenset({"docs", "annotations"})),
    Carrier("in a composed function", "toolz.compose(lambda x: held$n, abs)", "$it(1)",
            needs=("toolz",), opaque=True, setup="import toolz\nheld$n = $item"),
    Carrier("in an instance of attrs", "Own$n($item)", "$it.held", needs=("attrs",), may_warn=True,
            setup="import attrs\n\n\n@attrs.define(eq=False)\nclass Own$n:\n    held: object",
            reads=frozenset({"docs", "annotations"})),
    Carrier("in a context variable", "ContextVar('held', default=held$n)", "$it.get()", opaque=True,
            setup="from contextvars import ContextVar\nheld$n = $item"),
    Carrier("in an extended estimator", "Own$n($item)", "$it.held", needs=("sklearn",),
            may_warn=True,
            setup="from sklearn.base import BaseEstimator\n\n\nclass Own$n(BaseEstimator):\n"
            "    def __init__(self, held=None):\n        self.held = held",
            reads=frozenset({"docs", "annotations"})),
)  # fmt: skip
