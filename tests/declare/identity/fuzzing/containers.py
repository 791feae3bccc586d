"""Leaves: standard containers, and instances of classes that extend plain types."""

from .way import Leaf

COLLECTIONS = "import collections"

CONTAINERS = (
    Leaf("list", "[1, [2, $v]]", ("3", "4", "[3]")),
    Leaf("kind of a sequence", "$v", ("(1, 2)", "[1, 2]")),
    Leaf("order of a dict", "{$v}", ("'a': 1, 'b': 2", "'b': 2, 'a': 1")),
    Leaf("key of a dict", "{$v: 1}", ("1", "True", "1.0")),
    Leaf("set of texts", "{'a', 'b', '$v'}", ("c", "d"), show="sorted($it)"),
    Leaf("kind of a set", "$v", ("{1}", "frozenset({1})")),
    Leaf("length of a deque", "collections.deque([1], maxlen=$v)", ("3", "None"),
         setup=COLLECTIONS),
    Leaf("default of a dict", "collections.defaultdict(lambda: $v)", ("1", "2"),
         show="$it.default_factory()", setup=COLLECTIONS),
    Leaf("type of a default", "collections.defaultdict($v)", ("int", "list"),
         show="$it.default_factory()", setup=COLLECTIONS),
    Leaf("counter", "collections.Counter('a' * $v)", ("1", "2"), setup=COLLECTIONS),
    Leaf("chain of maps", "collections.ChainMap({}, {'a': $v})", ("1", "2"), setup=COLLECTIONS),
    Leaf("ordered dict", "collections.OrderedDict($v)", ("a=1, b=2", "b=2, a=1"),
         setup=COLLECTIONS),
    Leaf("user dict", "collections.UserDict(a=$v)", ("1", "2"), setup=COLLECTIONS),
    Leaf("user list", "collections.UserList([$v])", ("1", "2"), setup=COLLECTIONS),
    Leaf("numbers of C", "array('$v', [1, 2])", ("i", "h"), setup="from array import array"),
    Leaf("memory view", "memoryview(b'$v')", ("a", "b"), show="bytes($it)"),
    Leaf("shape of a view", "memoryview(b'abcd').cast('B', $v)", ("[4]", "[2, 2]"),
         show="$it.shape"),
    Leaf("read-only dict", "MappingProxyType({'a': $v})", ("1", "2"), show="$it['a']",
         setup="from types import MappingProxyType"),
    Leaf("simple namespace", "SimpleNamespace(a=$v)", ("1", "2"),
         setup="from types import SimpleNamespace"),
    Leaf("parsed arguments", "Namespace(a=$v)", ("1", "2"), setup="from argparse import Namespace"),
    Leaf("parsed default", "parser$n.parse_args([])", ("1", "2"), show="$it.epochs",
         setup="import argparse\nparser$n = argparse.ArgumentParser()\n"
         "parser$n.add_argument('--epochs', type=int, default=$v)"),
    Leaf("cyclic list", "made$n()", ("1", "2"), show="$it[0]",
         setup="def made$n():\n    it = [$v]\n    it.append(it)\n    return it"),
    Leaf("dict of an instance", "made$n().__dict__", ("1", "2"),
         setup="class Made$n:\n    def __init__(self):\n        self.rate = $v\n\n\n"
         "def made$n():\n    return Made$n()"),
    Leaf("queue", "made$n()", ("1", "2"), show="list($it.queue)", opaque=True,
         setup="import queue\n\n\ndef made$n():\n    it = queue.Queue()\n    it.put($v)\n"
         "    return it"),
    Leaf("filled after it was made", "rates$n", ("1", "2"),
         setup="rates$n = {}\nrates$n['a'] = $v\nrates$n.update(b=2)"),
    Leaf("item changed elsewhere", "rates$n", ("1", "2"),
         setup="rates$n = [[0]]\n\n\ndef change$n(rates):\n    rates[0].append($v)\n\n\n"
         "change$n(rates$n)"),
    Leaf("named tuple", "P$n(1, $v)", ("1", "2"),
         setup="from collections import namedtuple\nP$n = namedtuple('P', 'x y')"),
    Leaf("names of a named tuple", "P$n(1, 2)", ("x y", "y x"),
         setup="from collections import namedtuple\nP$n = namedtuple('P', '$v')"),
    Leaf("default of a named tuple", "P$n", ("1", "2"), show="$it(1)",
         setup="from collections import namedtuple\n"
         "P$n = namedtuple('P', 'x y', defaults=[$v])"),
    Leaf("reply of an iterator", "next(iter([$v]))", ("1", "2")),
    Leaf("iterator", "iter([1, $v])", ("2", "3"), show="$it.__reduce__()[1]", opaque=True),
    Leaf("endless count", "itertools.count($v)", ("2", "3"), setup="import itertools", opaque=True),
    Leaf("generator of an expression", "(x for x in [$v])", ("2", "3"), show="next($it, 0)",
         opaque=True),
    Leaf("generator of a function", "made$n()", ("2", "3"), show="next($it)", opaque=True,
         setup="def made$n():\n    while True:\n        yield $v"),
    Leaf("argument of a generator", "made$n($v)", ("2", "3"), show="next($it)", opaque=True,
         setup="def made$n(x):\n    while True:\n        yield x"),
    Leaf("map", "map(lambda x: x * $v, [3])", ("2", "4"), show="next($it, 0)", opaque=True),
    Leaf("weak reference", "weakref.ref(kept$n)", ("1", "2"), show="$it().rate", may_warn=True,
         setup="import weakref\n\n\nclass Kept$n:\n    rate = 0\n\n\n"
         "kept$n = Kept$n()\nkept$n.rate = $v"),
    Leaf("context variable", "ContextVar('rate', default=$v)", ("1", "2"), show="$it.get()",
         setup="from contextvars import ContextVar", opaque=True),
    Leaf("value of a context variable", "rate$n", ("1", "2"), show="$it.get()",
         setup="from contextvars import ContextVar\nrate$n = ContextVar('rate')\nrate$n.set($v)",
         opaque=True),
)  # fmt: skip

# Each: the base, how it is imported, and the argument with which an instance is made.
_BASES = {
    "int": ("int", "", "7"),
    "float": ("float", "", "7.5"),
    "complex": ("complex", "", "7j"),
    "str": ("str", "", "'a'"),
    "bytes": ("bytes", "", "b'a'"),
    "bytearray": ("bytearray", "", "b'a'"),
    "tuple": ("tuple", "", "(1, 2)"),
    "list": ("list", "", "(1, 2)"),
    "dict": ("dict", "", "{'a': 1}"),
    "set": ("set", "", "(1, 2)"),
    "frozenset": ("frozenset", "", "(1, 2)"),
    "Decimal": ("decimal.Decimal", "import decimal", "7"),
    "Fraction": ("fractions.Fraction", "import fractions", "7"),
    "datetime": ("datetime.datetime", "import datetime", "2020, 1, 1"),
    "date": ("datetime.date", "import datetime", "2020, 1, 1"),
    "timedelta": ("datetime.timedelta", "import datetime", "7"),
    "deque": ("collections.deque", COLLECTIONS, "(1, 2)"),
    "Counter": ("collections.Counter", COLLECTIONS, "'aab'"),
    "OrderedDict": ("collections.OrderedDict", COLLECTIONS, "{'a': 1}"),
    "defaultdict": ("collections.defaultdict", COLLECTIONS, "int"),
    "UserDict": ("collections.UserDict", COLLECTIONS, "{'a': 1}"),
    "SimpleNamespace": ("types.SimpleNamespace", "import types", ""),
    "Exception": ("ValueError", "", "'a'"),
    "array": ("array.array", "import array", "'i', [1]"),
    "ndarray": ("np.ndarray", "import numpy as np", "(0,)"),
    "partial": ("functools.partial", "import functools", "int"),
    "Path": ("type(pathlib.Path())", "import pathlib", "'a'"),
    "UUID": ("uuid.UUID", "import uuid", "int=7"),
}
# A base class of a package may read these.
_READ = {"ndarray": frozenset({"docs", "annotations"})}

EXTENDED = tuple(
    Leaf(
        f"attribute of an extended {name}",
        "made$n()",
        ("1", "2"),
        show="$it.tag",
        setup=f"{imported}\n\n\nclass Own$n({base}):\n    pass\n\n\n"
        f"def made$n():\n    one = Own$n({argument})\n    one.__dict__['tag'] = $v\n    return one",
        reads=_READ.get(name, frozenset()),
    )
    for name, (base, imported, argument) in _BASES.items()
) + tuple(
    Leaf(
        f"private slot of an extended {name}",
        "made$n()",
        ("1", "2"),
        show="$it.told()",
        setup=f"{imported}\n\n\nclass Own$n({base}):\n    __slots__ = ('__tag',)\n\n"
        "    def told(self):\n        return self.__tag\n\n"
        "    def tell(self, tag):\n        self.__tag = tag\n        return self\n\n\n"
        f"def made$n():\n    return Own$n({argument}).tell($v)",
    )
    for name, (base, imported, argument) in _BASES.items()
    if name in ("float", "str", "list", "dict", "deque", "Decimal", "datetime", "complex")
) + tuple(
    Leaf(
        f"method of an extended {name}",
        f"Own$n({argument})",
        ("1", "2"),
        show="$it.told()",
        setup=f"{imported}\n\n\nclass Own$n({base}):\n    def told(self):\n        return $v",
        reads=_READ.get(name, frozenset()),
    )
    for name, (base, imported, argument) in _BASES.items()
)  # fmt: skip
