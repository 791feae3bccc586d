"""Leaves: functions, their defaults and attributes, what wraps them, and methods of values."""

from .way import Leaf

FUNCTOOLS = "import functools"
# Code without a text counts by its bytecode, which each Python has of its own.
BYTECODE = frozenset({"python"})


def _function(name: str, setup: str, make: str, show: str = "$it()", **options) -> Leaf:
    return Leaf(name, make, options.pop("values", ("1", "2")), show=show, setup=setup, **options)


FUNCTIONS = (
    _function("body", "def told$n(x=5):\n    rate = x $v 3\n    return rate", "told$n",
              values=("+", "-", "*", "**")),
    _function("constant in a body", "def told$n():\n    return [1, $v]", "told$n",
              values=("2", "2.0", "True")),
    _function("default", "def told$n(x=$v):\n    return x", "told$n"),
    _function("keyword default", "def told$n(*, x=$v):\n    return x", "told$n"),
    _function("default of a constant", "base$n = $v\n\n\ndef told$n(x=base$n):\n    return x\n\n\n"
              "base$n = 0", "told$n"),
    _function("keyword default of a constant", "base$n = $v\n\n\ndef told$n(*, x=base$n):\n"
              "    return x\n\n\nbase$n = 0", "told$n"),
    _function("defaults of lambdas in a loop", "made$n = [lambda x, r=r: x * r for r in (1, $v)]",
              "made$n", "[f(10) for f in $it]", values=("2", "3")),
    _function("keyword defaults of lambdas in a loop",
              "made$n = []\nfor r$n in (1, $v):\n    made$n.append(lambda x, *, r=r$n: x * r)",
              "made$n", "[f(10) for f in $it]", values=("2", "3")),
    _function("functions made in a loop",
              "made$n = {}\nfor r$n in (1, $v):\n\n    def told$n(x, r=r$n):\n"
              "        return x * r\n\n"
              "    made$n[r$n % 7] = told$n", "made$n", "[f(10) for f in $it.values()]",
              values=("2", "3")),
    _function("default set later",
              "def told$n(x=0):\n    return x\n\n\ntold$n.__defaults__ = ($v,)",
              "told$n"),
    _function("closure", "def make$n(x):\n    def told():\n        return x\n\n    return told",
              "make$n($v)"),
    _function("closure of a closure", "def make$n(x):\n    def middle(y):\n        def told():\n"
              "            return x * 10 + y\n\n        return told\n\n    return middle",
              "make$n($v)(3)"),
    _function("closure over a helper", "def make$n(f):\n    def told():\n        return f(3)\n\n"
              "    return told\n\n\ndef help$n(x):\n    return x * $v", "make$n(help$n)"),
    _function("closure that counts", "def make$n():\n    x = $v\n\n    def told():\n"
              "        nonlocal x\n        x += 1\n        return x\n\n    return told", "make$n()",
              worn=True),
    _function("late closure", "def make$n():\n    def told():\n        return x\n\n    x = $v\n"
              "    return told", "make$n()"),
    _function("function attribute", "def told$n():\n    return told$n.rate\n\n\ntold$n.rate = $v",
              "told$n"),
    _function("function attribute read outside",
              "def told$n():\n    return 0\n\n\ntold$n.rate = $v",
              "told$n", "$it.rate"),
    _function("attribute set by a decorator", "def rated$n(x):\n    def decorate(f):\n"
              "        f.rate = x\n        return f\n\n    return decorate\n\n\n@rated$n($v)\n"
              "def told$n():\n    return told$n.rate", "told$n"),
    _function("decorator", "def twice$n(f):\n    def wrapper():\n        return f() * $v\n\n"
              "    return wrapper\n\n\n@twice$n\ndef told$n():\n    return 7", "told$n"),
    _function("argument of a decorator", "import functools\n\n\ndef times$n(x):\n"
              "    def decorate(f):\n"
              "        @functools.wraps(f)\n        def wrapper():\n            return f() * x\n\n"
              "        return wrapper\n\n    return decorate\n\n\n@times$n($v)\ndef told$n():\n"
              "    return 7", "told$n"),
    _function("decorated function", "import functools\n\n\ndef same$n(f):\n"
              "    @functools.wraps(f)\n"
              "    def wrapper():\n        return f()\n\n    return wrapper\n\n\n@same$n\n"
              "def told$n():\n    return $v", "told$n"),
    _function("decorator that is a class", "class Times$n:\n    def __init__(self, f):\n"
              "        self.f = f\n\n    def __call__(self):\n        return self.f() * 2\n\n\n"
              "@Times$n\ndef told$n():\n    return $v", "told$n"),
    _function("replaced function", "def told$n():\n    return 0\n\n\ndef other$n():\n"
              "    return $v\n\n\n"
              "told$n = other$n", "told$n"),
    _function("registry filled by a decorator", "known$n = {}\n\n\ndef known_as$n(name):\n"
              "    def decorate(f):\n        known$n[name] = f\n        return f\n\n"
              "    return decorate\n\n\n@known_as$n('a')\ndef first$n():\n    return $v", "known$n",
              "$it['a']()"),
    _function("key of a registry", "known$n = {}\n\n\ndef known_as$n(name):\n    def decorate(f):\n"
              "        known$n[name] = f\n        return f\n\n    return decorate\n\n\n"
              "@known_as$n('$v')\ndef first$n():\n    return 1", "known$n", "sorted($it)"),
    _function("registry behind its decorator", "known$n = {}\n\n\ndef register$n(f):\n"
              "    known$n[f.__name__] = f\n    return f\n\n\ndef all$n():\n"
              "    return [f() for f in known$n.values()]\n\n\n@register$n\ndef one$n():\n"
              "    return $v", "all$n"),
    _function("single dispatch", "import functools\n\n\n@functools.singledispatch\ndef told$n(x):\n"
              "    return 0\n\n\n@told$n.register\ndef _(x: int):\n    return $v", "told$n",
              "$it(3)"),
    _function("kind of a single dispatch", "import functools\n\n\n@functools.singledispatch\n"
              "def told$n(x):\n    return 0\n\n\n@told$n.register($v)\ndef _(x):\n    return 1",
              "told$n", "$it(3)", values=("int", "str")),
    _function("cached function", "import functools\n\n\n@functools.lru_cache\ndef told$n():\n"
              "    return $v", "told$n"),
    _function("cached call", "import functools\n\n\n@functools.cache\ndef told$n(x):\n"
              "    return x * $v\n\n\ntold$n(3)", "told$n", "$it(3)"),
    _function("partial", FUNCTOOLS, "functools.partial(max, $v)", "$it(0)"),
    _function("keyword of a partial", FUNCTOOLS, "functools.partial(sorted, reverse=$v)",
              "$it([1, 2])", values=("True", "False")),
    _function("partial of a method of a pattern", "import functools, re",
              "functools.partial(re.compile('$v').sub, '-')", "$it('abc')", values=("a", "b")),
    _function("lambda", "", "lambda x: x * $v", "$it(3)"),
    _function("lambda in a default", "def told$n(f=lambda: $v):\n    return f()", "told$n"),
    _function("two lambdas of a line", "pair$n = (lambda: 1, lambda: $v)", "pair$n[1]"),
    _function("recursion", "def even$n(x):\n    return x == 0 or odd$n(x - 1)\n\n\ndef odd$n(x):\n"
              "    return x != 0 and even$n(x - $v)", "even$n", "$it(4)", values=("1", "2")),
    _function("generator function", "def told$n():\n    yield $v", "told$n", "list($it())"),
    _function("coroutine", "import asyncio\n\n\nasync def wait$n():\n    return $v\n\n\n"
              "def told$n():\n    return asyncio.run(wait$n())", "told$n"),
    _function("context manager", "import contextlib\n\n\n@contextlib.contextmanager\n"
              "def open$n():\n"
              "    yield $v\n\n\ndef told$n():\n    with open$n() as rate:\n        return rate",
              "told$n"),
    _function("format in a text", "def told$n():\n    return f'{1 / 3:.$v}'", "told$n",
              values=("2f", "3f")),
    _function("match", "def told$n():\n    match [1, 2]:\n        case [1, $v]:\n"
              "            return 1\n"
              "    return 0", "told$n", values=("2", "3")),
    _function("names of locals that are read", "def told$n():\n    $v = 1\n"
              "    return sorted(locals())",
              "told$n", values=("a", "b"), reads=frozenset({"names"})),
    _function("name of a function that is read", "def $v():\n    pass", "$v", "$it.__name__",
              values=("first", "second")),
    _function("name of a parameter", "def told$n(**rates):\n    return rates\n\n\ndef use$n():\n"
              "    return told$n($v=1)", "use$n", values=("a", "b")),
    _function("docstring of a function that is read", 'def told$n():\n    """Rate $v."""', "told$n",
              "$it.__doc__",
              reads=frozenset({"docs"})),
    _function("docstring that is read inside", 'def help$n():\n    """Rate $v."""\n\n\n'
              "def told$n():\n    return help$n.__doc__", "told$n", reads=frozenset({"docs"})),
    _function("annotations of a function that are read", "def told$n(x: $v):\n    pass", "told$n",
              "get_type_hints($it)", values=("int", "float"),
              uses="from typing import get_type_hints",
              reads=frozenset({"annotations"})),
    _function("signature that is read", "def told$n(x: $v):\n    pass", "told$n",
              "str(signature($it))", values=("int", "float"), uses="from inspect import signature",
              reads=frozenset({"annotations"})),
    _function("source that is read", "def told$n():\n    return 0  # $v", "told$n",
              "getsource($it)",
              uses="from inspect import getsource", may_warn=True,
              reads=frozenset({"docs", "annotations", "names", "source", "definitions"})),
    _function("executed text", "exec('def told$n():\\n    return $v')", "told$n", may_warn=True,
              reads=BYTECODE),
    _function("evaluated text", "", "eval('lambda: $v')", may_warn=True, reads=BYTECODE),
    _function("global by its name",
              "rate$n = $v\n\n\ndef told$n():\n    return globals()['rate$n']",
              "told$n", reads=frozenset({"definitions"})),
    _function("method of a format", "", "'{:.$v}'.format", "$it(1 / 3)", values=("2f", "3f")),
    _function("method of a pattern", "import re", "re.compile('$v').sub", "$it('-', 'abc')",
              values=("a", "b")),
    _function("method of a text", "", "'$v'.join", "$it('abc')", values=("-", "+")),
    _function("method of a dict", "", "{'a': $v}.get", "$it('a')"),
    _function("method of a list", "", "[1, $v].index", "$it(1), $it.__self__", values=("2", "3")),
    _function("method of a set", "", "{1, $v}.__contains__", "$it(2)", values=("2", "3")),
    _function("method of a number", "", "(5).__add__", "$it($v)"),
    _function("number of a method", "", "(int('$v')).__add__", "$it(3)"),
    _function("class method of a package", "", "$v.fromhex", "$it('0a')", values=("bytes",
              "bytearray")),
    _function("picker of an item", "from operator import itemgetter", "itemgetter($v)",
              "$it([5, 6, 7])"),
    _function("picker of an attribute", "from operator import attrgetter", "attrgetter('$v')",
              "$it(3 + 4j)", values=("real", "imag")),
    _function("caller of a method", "from operator import methodcaller",
              "methodcaller('split', '$v')",
              "$it('a-b+c')", values=("-", "+")),
    _function("operator", "import operator", "operator.$v", "$it(5, 3)", values=("add", "sub")),
    _function("table of a translation", "", "str.maketrans('a', '$v')", "'abc'.translate($it)",
              values=("x", "y")),
    _function("reduced functions", "import functools\nmade$n = functools.reduce("
              "lambda f, g: lambda x: g(f(x)), [lambda x: x + 1, lambda x: x * $v])", "made$n",
              "$it(3)"),
    _function("code put into a function", "def told$n():\n    return 0\n\n\ndef other$n():\n"
              "    return $v\n\n\ntold$n.__code__ = other$n.__code__", "told$n", may_warn=True),
    _function("function of types", "import types\n\n\ndef told$n():\n    return rate$n\n\n\n",
              "types.FunctionType(told$n.__code__, {'rate$n': $v})"),
    _function("method bound by hand", "import types\n\n\ndef told$n(self):\n    return self * 3",
              "types.MethodType(told$n, $v)"),
)  # fmt: skip
