"""Leaves: code and values of other modules of the project, and of patched packages."""

from .way import Leaf

RATE = {"other$n.py": "RATE = $v\n\n\ndef told():\n    return RATE\n"}
_EDIT = ("1", "2")
# A module that is held as a value counts whole: another definition in it is an edit.
_WHOLE = frozenset({"definitions"})

MODULES = (
    Leaf("constant of a module", "other$n.RATE", _EDIT, setup="import other$n", files=RATE),
    Leaf("function of a module", "other$n.told", _EDIT, show="$it()", setup="import other$n",
         files=RATE),
    Leaf("module of the project", "other$n", _EDIT, show="$it.told()", reads=_WHOLE,
         setup="import other$n",
         files=RATE),
    Leaf("name from a module", "told$n", _EDIT, show="$it()",
         setup="from other$n import told as told$n", files=RATE),
    Leaf("which name of a module", "told$n", ("first", "second"), show="$it()",
         setup="from other$n import $v as told$n",
         files={"other$n.py": "def first():\n    return 1\n\n\ndef second():\n    return 2\n"}),
    Leaf("every name of a module", "told_$n", _EDIT, show="$it()", setup="from other$n import *",
         files={"other$n.py": "def told_$n():\n    return $v\n"}),
    Leaf("module of a package", "part$n", _EDIT, show="$it.told()",
         reads=_WHOLE, setup="from pack$n import part as part$n",
         files={"pack$n/__init__.py": "", "pack$n/part.py": "def told():\n    return $v\n"}),
    Leaf("relative import", "told$n", _EDIT, show="$it()",
         setup="from pack$n.part import told as told$n",
         files={"pack$n/__init__.py": "", "pack$n/rates.py": "RATE = $v\n",
                "pack$n/part.py": "from .rates import RATE\n\n\ndef told():\n    return RATE\n"}),
    Leaf("relative module", "told$n", _EDIT, show="$it()",
         setup="from pack$n import told as told$n",
         files={"pack$n/__init__.py": "from .part import told\n",
                "pack$n/part.py": "from . import rates\n\n\ndef told():\n    return rates.RATE\n",
                "pack$n/rates.py": "RATE = $v\n"}),
    Leaf("package without an init", "told$n", _EDIT, show="$it()",
         setup="from pack$n.part import told as told$n",
         files={"pack$n/part.py": "def told():\n    return $v\n"}),
    Leaf("import in a function", "told$n", _EDIT, show="$it()", files=RATE,
         setup="def told$n():\n    import other$n\n\n    return other$n.told()"),
    Leaf("name from an import in a function", "told$n", _EDIT, show="$it()", files=RATE,
         setup="def told$n():\n    from other$n import RATE\n\n    return RATE"),
    Leaf("import in a branch", "other$n.told", _EDIT, show="$it()", files=RATE,
         setup="import sys\n\nif sys.version_info > (3,):\n    import other$n\nelse:\n"
         "    other$n = None"),
    Leaf("import in a try", "told$n", _EDIT, show="$it()", files=RATE,
         setup="try:\n    from other$n import told as told$n\nexcept ImportError:\n"
         "    told$n = None"),
    Leaf("import by a text", "importlib.import_module('other$n')", _EDIT, show="$it.told()",
         reads=_WHOLE, setup="import importlib", files=RATE),
    Leaf("import by a text in a function", "told$n", _EDIT, show="$it()", files=RATE,
         reads=_WHOLE, setup="import importlib\n\n\ndef told$n():\n"
         "    return importlib.import_module('other$n').told()"),
    Leaf("attribute of a module by its name", "getattr(other$n, 'told')", _EDIT, show="$it()",
         reads=_WHOLE, setup="import other$n", files=RATE),
    Leaf("names of a module", "vars(other$n)['RATE']", _EDIT, reads=_WHOLE, setup="import other$n",
         files=RATE),
    Leaf("constant set from outside", "other$n", _EDIT, show="$it.told()",
         reads=_WHOLE, setup="import other$n\nother$n.RATE = $v",
         files={"other$n.py": "RATE = 0\n\n\ndef told():\n    return RATE\n"}),
    Leaf("function set from outside", "other$n", _EDIT, show="$it.told()",
         reads=_WHOLE, setup="import other$n\n\n\ndef mine$n():\n    return $v\n\n\n"
         "other$n.rate = mine$n",
         files={"other$n.py": "def rate():\n    return 0\n\n\ndef told():\n    return rate()\n"}),
    Leaf("computed attribute of a module", "other$n", _EDIT, show="$it.RATE", reads=_WHOLE,
         setup="import other$n",
         files={"other$n.py": "def __getattr__(name):\n    if name != 'RATE':\n"
                "        raise AttributeError(name)\n    return $v\n"}),
    Leaf("modules in a circle", "told$n", _EDIT, show="$it(3)",
         setup="from first$n import told as told$n",
         files={"first$n.py": "import second$n\n\n\ndef told(x):\n    return second$n.down(x)\n",
                "second$n.py": "import first$n\n\n\ndef down(x):\n"
                "    return first$n.told(x - 1) if x else $v\n"}),
    Leaf("class of a module", "Own$n", _EDIT, show="$it().told()",
         setup="from other$n import Base\n\n\nclass Own$n(Base):\n    pass",
         files={"other$n.py": "class Base:\n    def told(self):\n        return $v\n"}),
    Leaf("base of a base of a module", "Own$n", _EDIT, show="$it().told()",
         setup="import middle$n\n\n\nclass Own$n(middle$n.Middle):\n    pass",
         files={"other$n.py": "class Base:\n    rate = $v\n\n    def told(self):\n"
                "        return self.rate\n",
                "middle$n.py": "from other$n import Base\n\n\nclass Middle(Base):\n    pass\n"}),
    Leaf("constant through two modules", "rate$n", _EDIT,
         setup="from middle$n import RATE as rate$n",
         files={"other$n.py": "RATE = $v\n", "middle$n.py": "from other$n import RATE\n"}),
    Leaf("default of a function of a module", "told$n", _EDIT, show="$it()",
         setup="from other$n import told as told$n",
         files={"other$n.py": "RATE = $v\n\n\ndef told(x=RATE):\n    return x\n\n\nRATE = 0\n"}),
    Leaf("registry of a module", "known$n", _EDIT, show="$it['a']()",
         setup="from other$n import known as known$n, register as register$n\n\n\n"
         "@register$n('a')\ndef first$n():\n    return $v",
         files={"other$n.py": "known = {}\n\n\ndef register(name):\n    def decorate(f):\n"
                "        known[name] = f\n        return f\n\n    return decorate\n"}),
    Leaf("plug-in of a registry", "known$n", _EDIT, show="[f() for f in $it]",
         setup="from other$n import known as known$n\nimport plugin$n",
         files={"other$n.py": "known = []\n",
                "plugin$n.py": "from other$n import known\n\n\ndef mine():\n    return $v\n\n\n"
                "known.append(mine)\n"}),
    Leaf("patched function of a package", "told$n", _EDIT, show="$it()",
         setup="import statistics\n\n\ndef mine$n(values):\n    return sorted(values)[$v]\n\n\n"
         "def told$n():\n    return statistics.mean([1, 2, 30])\n\n\nstatistics.mean = mine$n"),
    Leaf("patched constant of a package", "told$n", _EDIT, show="$it()",
         setup="import math\nmath.pi = $v\n\n\ndef told$n():\n    return math.pi"),
    Leaf("name from a patched package", "mean$n", _EDIT, show="$it([1, 2, 30])",
         setup="import statistics\nstatistics.mean = lambda values: sorted(values)[$v]\n"
         "from statistics import mean as mean$n"),
    Leaf("patched method of a package", "told$n", _EDIT, show="$it()",
         setup="from statistics import NormalDist\n\n\ndef mine$n(self):\n"
         "    return self.mean * $v\n\n\n"
         "NormalDist.mine = mine$n\n\n\ndef told$n():\n    return NormalDist(3, 1).mine()"),
    Leaf("extended class of a package", "Own$n", _EDIT, show="$it().told()",
         setup="import string\n\n\nclass Own$n(string.Formatter):\n    def told(self):\n"
         "        return self.format('{0}', $v)", reads=frozenset({"docs", "annotations"})),
    Leaf("module object", "made$n", _EDIT, show="$it.rate",
         setup="import types\nmade$n = types.ModuleType('made$n')\nmade$n.rate = $v"),
    Leaf("module by a loader", "made$n", _EDIT, show="$it.told()", reads=_WHOLE,
         files={"lib/loaded$n.py": RATE["other$n.py"]},
         setup="import importlib.util\nspec$n = importlib.util.spec_from_file_location("
         "'loaded$n', 'lib/loaded$n.py')\nmade$n = importlib.util.module_from_spec(spec$n)\n"
         "spec$n.loader.exec_module(made$n)"),
)  # fmt: skip
