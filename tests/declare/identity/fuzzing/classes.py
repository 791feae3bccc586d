"""Leaves: classes of the project, their instances, and what is in them."""

from .way import Leaf

DATACLASS = "from dataclasses import dataclass, field\n\n\n"
DOCS = frozenset({"docs"})
ANNOTATIONS = frozenset({"annotations"})


def _class(name: str, body: str, show: str, make: str = "K$n", **options) -> Leaf:
    """A way whose class K$n has this body; `above` stands before it, `below` after it."""
    above, below = options.pop("above", ""), options.pop("below", "")
    head = options.pop("head", "class K$n:")
    indented = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
    return Leaf(
        name, make, options.pop("values", ("1", "2")), show=show,
        setup=f"{above}{head}\n{indented}\n\n\n{below}", **options,
    )  # fmt: skip


CLASSES = (
    _class("class attribute", "rate = $v", "$it.rate"),
    _class("class attribute of a constant", "rate = base$n", "$it.rate", above="base$n = $v\n\n\n"),
    _class("class attribute of a constant assigned again", "rate = base$n", "$it.rate",
           above="base$n = $v\n\n\n", below="base$n = 0"),
    _class("class attribute set later", "rate = 0", "$it.rate", below="K$n.rate = $v"),
    _class("class attribute set by a function", "rate = 0", "$it.rate",
           below="def set$n(kind):\n    setattr(kind, 'rate', $v)\n\n\nset$n(K$n)"),
    _class("class attribute added later", "pass", "$it.rate", below="K$n.rate = $v"),
    _class("method set later", "pass", "$it().told()",
           below="def told$n(self):\n    return $v\n\n\nK$n.told = told$n"),
    _class("lambda set later", "pass", "$it().told()", below="K$n.told = lambda self: $v"),
    _class("class attribute of a loop", "for rate in (0, $v):\n    pass", "$it.rate"),
    _class("class attribute of a comprehension", "rates = [x * $v for x in (1, 2)]", "$it.rates"),
    _class("class attribute of a branch", "if $v:\n    rate = 1\nelse:\n    rate = 2", "$it.rate",
           values=("True", "False")),
    _class("class of a factory", "pass", "$it.rate", make="made$n($v)", head="class Other$n:",
           below="def made$n(x):\n    class Made:\n        rate = x\n\n    return Made"),
    _class("method of a class of a factory", "pass", "$it().told()", make="made$n($v)",
           head="class Other$n:",
           below="def made$n(x):\n    class Made:\n        def told(self):\n            return x\n"
           "\n"
           "    return Made"),
    _class("method", "def told(self):\n    return 5 * $v", "$it().told()"),
    _class("default of a method", "def told(self, x=$v):\n    return x", "$it().told()"),
    _class("default of a method by a constant", "def told(self, x=base$n):\n    return x",
           "$it().told()", above="base$n = $v\n\n\n", below="base$n = 0"),
    _class("class method", "@classmethod\ndef told(cls):\n    return $v", "$it.told()"),
    _class("static method", "@staticmethod\ndef told():\n    return $v", "$it.told()"),
    _class("property", "@property\ndef rate(self):\n    return $v", "$it().rate"),
    _class("cached property", "@cached_property\ndef rate(self):\n    return $v", "$it.rate",
           make="K$n()", above="from functools import cached_property\n\n\n"),
    _class("bound method", "def told(self):\n    return $v", "$it()", make="K$n().told"),
    _class("object of a bound method",
           "def __init__(self, x):\n    self.x = x\n\ndef told(self):\n    return self.x", "$it()",
           make="K$n($v).told"),
    _class("bound class method", "@classmethod\ndef told(cls):\n    return $v", "$it()",
           make="K$n.told"),
    _class("instance", "def __init__(self, x):\n    self.x = x", "$it.x", make="K$n($v)"),
    _class("instance changed later", "def __init__(self):\n    self.x = 0", "$it.x", make="one$n",
           below="one$n = K$n()\none$n.x = $v"),
    _class("instance that is called", "def __init__(self, x):\n    self.x = x\n\n"
           "def __call__(self):\n    return self.x", "$it()", make="K$n($v)"),
    _class("call of an instance", "def __call__(self):\n    return $v", "$it()", make="K$n()"),
    _class("slots", "__slots__ = ('x',)\n\ndef __init__(self, x):\n    self.x = x", "$it.x",
           make="K$n($v)"),
    _class("private slots", "__slots__ = ('__x',)\n\ndef __init__(self, x):\n    self.__x = x\n\n"
           "def told(self):\n    return self.__x", "$it.told()", make="K$n($v)"),
    _class("private attribute", "def __init__(self, x):\n    self.__x = x\n\n"
           "def told(self):\n    return self.__x", "$it.told()", make="K$n($v)"),
    _class("slots and a dict", "__slots__ = ('x', '__dict__')", "$it.x, $it.y", make="one$n",
           below="one$n = K$n()\none$n.x = 1\none$n.y = $v"),
    _class("state of its own pickling", "def __init__(self, x):\n    self.x = x\n\n"
           "def __getstate__(self):\n    return {}", "$it.x", make="K$n($v)"),
    _class("answer to every attribute", "__getattr__ = dict.get", "$it.rate",
           head="class K$n(dict):",
           make="K$n(rate=$v)"),
    _class("computed attribute", "def __getattr__(self, name):\n    if name != 'rate':\n"
           "        raise AttributeError(name)\n    return $v", "$it.rate", make="K$n()"),
    _class("descriptor", "def __get__(self, one, kind):\n    return $v", "$it().rate",
           make="Using$n", below="class Using$n:\n    rate = K$n()"),
    _class("state of a descriptor", "def __init__(self, x):\n    self.x = x\n\n"
           "def __get__(self, one, kind):\n    return self.x", "$it().rate",
           make="Using$n", below="class Using$n:\n    rate = K$n($v)"),
    _class("inherited attribute", "rate = $v", "$it.rate", make="Own$n",
           below="class Own$n(K$n):\n    pass"),
    _class("method above", "def told(self):\n    return $v", "$it().told()", make="Own$n",
           below="class Own$n(K$n):\n    def told(self):\n        return super().told() + 1"),
    _class("order of bases", "rate = 1", "$it.rate", make="Own$n", values=("A$n, K$n", "K$n, A$n"),
           above="class A$n:\n    rate = 2\n\n\n", below="class Own$n($v):\n    pass"),
    _class("metaclass", "@property\ndef rate(cls):\n    return $v", "$it.rate",
           head="class K$n(type):", make="Own$n", below="class Own$n(metaclass=K$n):\n    pass"),
    _class("keyword of a metaclass", "def __new__(meta, name, bases, names, x=0):\n"
           "    return super().__new__(meta, name, bases, {**names, 'rate': x})\n\n"
           "def __init__(cls, name, bases, names, x=0):\n    super().__init__(name, bases, names)",
           "$it.rate", head="class K$n(type):", make="Own$n",
           below="class Own$n(metaclass=K$n, x=$v):\n    pass"),
    _class("keyword of a subclass", "def __init_subclass__(cls, x):\n    cls.rate = x", "$it.rate",
           make="Own$n", below="class Own$n(K$n, x=$v):\n    pass"),
    _class("hook of a subclass", "def __init_subclass__(cls):\n    cls.rate = $v", "$it.rate",
           make="Own$n", below="class Own$n(K$n):\n    pass"),
    _class("registry of subclasses", "known = {}\n\ndef __init_subclass__(cls):\n"
           "    K$n.known[cls.__name__] = cls", "$it.known['Own$n'].rate",
           below="class Own$n(K$n):\n    rate = $v"),
    _class("name of a descriptor", "def __set_name__(self, kind, name):\n    self.name = name",
           "vars($it)['b'].name", make="Using$n", values=("a = b = K$n()", "b = a = K$n()"),
           below="class Using$n:\n    $v"),
    _class("subscript of a class", "def __class_getitem__(cls, x):\n    return x * $v", "$it[3]"),
    _class("generic class", "rate = $v", "$it[int].rate", head="class K$n(Generic[T$n]):",
           above="from typing import Generic, TypeVar\nT$n = TypeVar('T$n')\n\n\n"),
    _class("class by a call of type", "pass", "$it.rate", make="type('Made', (), {'rate': $v})"),
    _class("class by new_class", "pass", "$it.rate", head="class Other$n:",
           make="types.new_class('Made', (), {}, lambda names: names.update(rate=$v))",
           above="import types\n\n\n"),
    _class("abstract class", "@abstractmethod\ndef told(self):\n    return $v",
           "$it.told(None)", head="class K$n(ABC):",
           above="from abc import ABC, abstractmethod\n\n\n"),
    _class("order by one comparison", "def __init__(self, x):\n    self.x = x\n\n"
           "def __eq__(self, other):\n    return self.x == other.x\n\n"
           "def __lt__(self, other):\n    return self.x * $v < other.x * 1", "$it(3) >= $it(2)",
           head="@total_ordering\nclass K$n:", values=("1", "-1"),
           above="from functools import total_ordering\n\n\n"),
    _class("partial method", "def told(self, x):\n    return x\n\nrate = partialmethod(told, $v)",
           "$it().rate()", above="from functools import partialmethod\n\n\n"),
    _class("method by the kind of its argument", "@singledispatchmethod\ndef told(self, x):\n"
           "    return 0\n\n@told.register\ndef _(self, x: int):\n    return $v", "$it().told(3)",
           above="from functools import singledispatchmethod\n\n\n"),
    _class("decorated class", "rate = 0", "$it.rate", head="@with_rate$n($v)\nclass K$n:",
           above="def with_rate$n(x):\n    def decorate(kind):\n        kind.rate = x\n"
           "        return kind\n\n    return decorate\n\n\n"),
    _class("docstring that is read", '"""Rate $v."""', "$it.__doc__", reads=DOCS),
    _class("annotations that are read", "x: $v", "get_type_hints($it)", values=("int", "float"),
           uses="from typing import get_type_hints", reads=ANNOTATIONS),
    _class("annotations as text that are read", "x: '$v'", "get_type_hints($it)",
           values=("int", "float"), uses="from typing import get_type_hints", reads=ANNOTATIONS),
    _class("typed dict", "x: $v", "$it.__annotations__", values=("int", "float"),
           head="class K$n(TypedDict):", above="from typing import TypedDict\n\n\n",
           reads=ANNOTATIONS),
    _class("default of a typed tuple", "x: int = $v", "$it()", head="class K$n(NamedTuple):",
           above="from typing import NamedTuple\n\n\n"),
    _class("default of a dataclass", "x: int = $v", "$it().x", head="@dataclass\nclass K$n:",
           above=DATACLASS),
    _class("instance of a dataclass", "x: int = 0", "$it.x", head="@dataclass\nclass K$n:",
           above=DATACLASS, make="K$n($v)"),
    _class("factory of a field", "x: list = field(default_factory=lambda: [$v])", "$it().x",
           head="@dataclass\nclass K$n:", above=DATACLASS),
    _class("metadata of a field", "x: int = field(default=0, metadata={'unit': $v})",
           "fields($it)[0].metadata['unit']", head="@dataclass\nclass K$n:", above=DATACLASS,
           uses="from dataclasses import fields"),
    _class("option of a dataclass", "x: int = 0", "$it.__hash__ is None", above=DATACLASS,
           head="@dataclass(frozen=$v)\nclass K$n:", values=("True", "False")),
    _class("after a dataclass was made", "x: int = 0\n\ndef __post_init__(self):\n    self.x = $v",
           "$it().x", head="@dataclass\nclass K$n:", above=DATACLASS),
    _class("inherited default of a dataclass", "x: int = $v", "$it().x", make="Own$n",
           head="@dataclass\nclass K$n:", above=DATACLASS,
           below="@dataclass\nclass Own$n(K$n):\n    y: int = 0"),
    _class("order of fields", "$v", "repr($it(1, 2))", values=("x: int\ny: int", "y: int\nx: int"),
           head="@dataclass\nclass K$n:", above=DATACLASS),
    _class("value of a member", "a = $v", "$it.a.value", head="class K$n(Enum):",
           above="from enum import Enum\n\n\n"),
    _class("member", "a = $v", "$it.value", head="class K$n(Enum):", make="K$n.a",
           above="from enum import Enum\n\n\n"),
    _class("method of a member", "a = 1\n\ndef told(self):\n    return $v", "$it.told()",
           head="class K$n(Enum):", make="K$n.a", above="from enum import Enum\n\n\n"),
    _class("order of members", "$v", "[one.name for one in $it]", values=("a = 1\nb = 2", "b = 2\n"
           "a = 1"),
           head="class K$n(Enum):", above="from enum import Enum\n\n\n"),
    _class("automatic member", "$v", "$it.a.value", values=("a = auto()\nb = auto()",
           "b = auto()\na = auto()"),
           head="class K$n(Enum):", above="from enum import Enum, auto\n\n\n"),
    _class("flags", "a = 1\nb = 2\nc = 4", "$it.value", make="K$n.a | K$n.$v", values=("b", "c"),
           head="class K$n(Flag):", above="from enum import Flag\n\n\n"),
    _class("member that is a number", "a = $v", "$it.a + 1", head="class K$n(IntEnum):",
           above="from enum import IntEnum\n\n\n"),
)  # fmt: skip
# Bodies of several lines stand in one hole: the lines after the first need their indent.
CLASSES = tuple(
    Leaf(**{**vars(leaf), "values": tuple(v.replace("\n", "\n    ") for v in leaf.values)})
    for leaf in CLASSES
)
