"""Leaves: objects of installed packages, by value where a writer knows them, else by expression."""

from .way import Leaf

NUMPY = "import numpy as np"
PANDAS = "import pandas as pd"
TORCH = "import torch"
POLARS = "import polars as pl"
ARROW = "import pyarrow as pa"
_NP, _PD = ("numpy",), ("pandas",)
_DATACLASS_LIKE = frozenset({"docs", "annotations"})


def _frame(
    name: str, make: str, show: str, values: tuple[str, ...] = ("1", "2"), **options
) -> Leaf:
    return Leaf(name, make, values, show=show, setup=PANDAS, needs=_PD, **options)


def _array(
    name: str, make: str, show: str, values: tuple[str, ...] = ("1", "2"), **options
) -> Leaf:
    return Leaf(name, make, values, show=show, setup=NUMPY, needs=_NP, **options)


PACKAGES = (
    _array("array", "np.array([5, $v])", "$it.tolist()"),
    _array("type of an array", "np.zeros(2, '$v')", "$it.dtype", ("f4", "f8", ">f8")),
    _array("shape of an array", "np.zeros($v)", "$it.shape", ("(2, 3)", "(3, 2)", "6")),
    _array("fields of an array", "np.zeros(1, [('$v', 'f4')])", "$it.dtype.names", ("a", "b")),
    _array("array of objects", "np.array([{'a': $v}], dtype=object)", "$it.tolist()"),
    _array("array of texts", "np.array(['a', '$v'])", "$it.tolist()"),
    _array("mask", "np.ma.masked_array([1, 2], mask=[False, $v])", "$it.tolist()",
           ("True", "False")),
    _array("value under a mask", "np.ma.masked_array([1, $v], mask=[False, True])",
           "$it.data.tolist()"),
    _array("fill value", "np.ma.masked_array([1, 2], fill_value=$v)", "$it.fill_value", ("7", "8")),
    _array("number of numpy", "np.$v(3)", "type($it).__name__", ("float32", "float64", "int8")),
    _array("moment of numpy", "np.datetime64('2020-01-0$v')", "str($it)"),
    _array("type of numpy", "np.dtype([('a', '$v')])", "str($it)", ("f4", "i8")),
    _array("record array", "np.rec.array([(1, $v)], names='a,b')", "$it.b.tolist()"),
    _array("polynomial", "np.poly1d([1, $v])", "$it.coeffs.tolist()", may_warn=True),
    _array("view of an array", "np.arange(9)[$v::2]", "$it.tolist()"),
    _array("method of an array", "np.array([1, $v]).sum", "$it()"),
    _array("vectorised function", "np.vectorize(lambda x: x * $v)", "$it([1, 2]).tolist()",
           ("2", "3"), opaque=True),
    _array("option of a vectorised function", "np.vectorize(abs, otypes=[$v])", "$it([1]).dtype",
           ("int", "float"), opaque=True),
    _array("universal function", "np.frompyfunc(lambda x: x * $v, 1, 1)", "$it(5)", ("2", "3"),
           opaque=True),
    _array("generator of numbers", "np.random.default_rng($v)", "$it.normal()", opaque=True),
    _array("method of a generator of numbers", "np.random.default_rng($v).normal", "$it()",
           opaque=True),
    _array("old generator of numbers", "np.random.RandomState($v)", "$it.rand()", opaque=True),
    _array("sequence of seeds", "np.random.SeedSequence($v)", "$it.entropy", opaque=True),
    Leaf("random numbers", "random.Random($v)", ("1", "2"), show="$it.random()",
         setup="import random", opaque=True),
    Leaf("method of random numbers", "random.Random($v).random", ("1", "2"), show="$it()",
         setup="import random", opaque=True),
    Leaf("encoder", "json.JSONEncoder(indent=$v).encode", ("1", "2"), show="$it([1])",
         setup="import json", opaque=True),
    Leaf("wrapper of a text", "textwrap.TextWrapper(width=$v)", ("9", "5"),
         show="$it.wrap('ab cd ef gh')", setup="import textwrap", opaque=True),
    Leaf("template of a text", "string.Template('$v')", ("a", "b"), show="$it.template",
         setup="import string", opaque=True),
    Leaf("parser of settings", "parser$n", ("1", "2"), show="$it['a']['b']", opaque=True,
         setup="import configparser\nparser$n = configparser.ConfigParser()\n"
         "parser$n.read_string('[a]\\nb = $v')"),
    Leaf("element", "ET.fromstring('<a>$v</a>')", ("b", "c"), show="$it.text", opaque=True,
         setup="import xml.etree.ElementTree as ET"),
    _frame("frame", "pd.DataFrame({'a': [1, $v]})", "$it.to_csv()", ("2", "3", "2.0")),
    _frame("name of a column", "pd.DataFrame({'$v': [1]})", "list($it)", ("a", "b")),
    _frame("index of a frame", "pd.DataFrame({'a': [1]}, index=['$v'])", "$it.to_csv()", ("a",
           "b")),
    _frame("type of a column", "pd.DataFrame({'a': [1, 2]}).astype('$v')", "$it.dtypes.to_string()",
           ("int8", "int16", "category")),
    _frame("attributes of a frame", "made$n()", "$it.attrs['unit']"),
    _frame("series", "pd.Series([1, $v])", "$it.to_list()"),
    _frame("name of a series", "pd.Series([1], name='$v')", "$it.name", ("a", "b")),
    _frame("categories", "pd.Categorical(['a'], categories=['a', '$v'])", "list($it.categories)",
           ("b", "c")),
    _frame("order of categories", "pd.Categorical(['a'], categories=['a', 'b'], ordered=$v)",
           "$it.ordered", ("True", "False")),
    _frame("objects of a series", "pd.Series([{'a': $v}])", "$it.to_list()"),
    _frame("index", "pd.Index([1, $v], name='a')", "$it.to_list()", ("2", "3")),
    _frame("name of an index", "pd.Index([1], name='$v')", "$it.name", ("a", "b")),
    _frame("index of two levels", "pd.MultiIndex.from_tuples([(1, $v)])", "$it.to_list()"),
    _frame("moments", "pd.date_range('2020', periods=2, freq='$v')", "$it.astype(str).to_list()",
           ("D", "h")),
    _frame("moment", "pd.Timestamp(2020, 1, $v)", "str($it)"),
    _frame("missing numbers", "pd.array([1, $v], dtype='Int64')", "str($it.tolist())", ("2",
           "None")),
    Leaf("fitted scaler", "scaler$n.transform", ("4", "5"), show="$it([[1.0]]).tolist()",
         opaque=True,
         setup="from sklearn.preprocessing import StandardScaler\n"
         "scaler$n = StandardScaler().fit([[0.0], [$v]])", needs=("sklearn",)),
    Leaf("estimator", "LogisticRegression(C=$v)", ("1", "2"), show="$it.C", opaque=True,
         setup="from sklearn.linear_model import LogisticRegression", needs=("sklearn",)),
    Leaf("pipeline", "make_pipeline(StandardScaler(), PCA($v))", ("1", "2"), opaque=True,
         show="$it.named_steps['pca'].n_components", needs=("sklearn",),
         setup="from sklearn.decomposition import PCA\nfrom sklearn.pipeline import make_pipeline\n"
         "from sklearn.preprocessing import StandardScaler"),
    Leaf("function of a transformer", "FunctionTransformer(lambda x: x * $v)", ("2", "3"),
         opaque=True,
         show="$it.transform(5)", needs=("sklearn",),
         setup="from sklearn.preprocessing import FunctionTransformer"),
    Leaf("extended estimator", "Own$n($v)", ("1", "2"), show="$it.predict()", needs=("sklearn",),
         setup="from sklearn.base import BaseEstimator\n\n\nclass Own$n(BaseEstimator):\n"
         "    def __init__(self, x=0):\n        self.x = x\n\n    def predict(self):\n"
         "        return self.x", reads=_DATACLASS_LIKE, may_warn=True),
    Leaf("sparse matrix", "csr_matrix([[0, $v]])", ("1", "2"), show="$it.toarray().tolist()",
         setup="from scipy.sparse import csr_matrix", needs=("scipy",), may_warn=True),
    Leaf("distribution", "norm(loc=$v)", ("1", "2"), show="$it.mean()", opaque=True,
         setup="from scipy.stats import norm", needs=("scipy",)),
    Leaf("curried function", "add$n($v)", ("1", "2"), show="$it(3)", opaque=True, needs=("toolz",),
         setup="import toolz\n\n\n@toolz.curry\ndef add$n(x, y):\n    return x + y",
         reads=_DATACLASS_LIKE),
    Leaf("body of a curried function", "add$n(5)", ("+", "-"), show="$it(3)", opaque=True,
         setup="import toolz\n\n\n@toolz.curry\ndef add$n(x, y):\n    return x $v y",
         needs=("toolz",), reads=_DATACLASS_LIKE),
    Leaf("composed functions", "toolz.compose(str, lambda x: x * $v)", ("2", "3"), show="$it(3)",
         setup="import toolz", needs=("toolz",), opaque=True),
    Leaf("default of attrs", "K$n", ("1", "2"), show="$it().x", needs=("attrs",),
         setup="import attrs\n\n\n@attrs.define\nclass K$n:\n    x: int = $v",
         reads=_DATACLASS_LIKE,
         may_warn=True),
    Leaf("instance of attrs", "K$n($v)", ("1", "2"), show="$it.x", needs=("attrs",),
         setup="import attrs\n\n\n@attrs.define\nclass K$n:\n    x: int = 0", reads=_DATACLASS_LIKE,
         may_warn=True),
    Leaf("converter of attrs", "K$n", ("int", "float"), show="$it('3').x", needs=("attrs",),
         setup="import attrs\n\n\n@attrs.define\nclass K$n:\n    x = attrs.field(converter=$v)",
         reads=_DATACLASS_LIKE, may_warn=True),
    Leaf("default of pydantic", "K$n", ("1", "2"), show="$it().x", needs=("pydantic",),
         setup="from pydantic import BaseModel\n\n\nclass K$n(BaseModel):\n    x: int = $v",
         reads=_DATACLASS_LIKE, may_warn=True),
    Leaf("instance of pydantic", "K$n(x=$v)", ("1", "2"), show="$it.x", needs=("pydantic",),
         setup="from pydantic import BaseModel\n\n\nclass K$n(BaseModel):\n    x: int = 0",
         reads=_DATACLASS_LIKE, may_warn=True),
    Leaf("field of pydantic", "K$n", ("4", "6"), show="$it.model_json_schema()['properties']['x']",
         setup="from pydantic import BaseModel, Field\n\n\nclass K$n(BaseModel):\n"
         "    x: int = Field(5, ge=$v)", needs=("pydantic",), reads=_DATACLASS_LIKE, may_warn=True),
    Leaf("type of a field of pydantic", "K$n", ("int", "float"), show="$it(x='3').x",
         setup="from pydantic import BaseModel\n\n\nclass K$n(BaseModel):\n    x: $v",
         needs=("pydantic",), reads=_DATACLASS_LIKE, may_warn=True),
    Leaf("validator of pydantic", "K$n", ("+", "-"), show="$it(x=3).x", needs=("pydantic",),
         setup="from pydantic import BaseModel, field_validator\n\n\nclass K$n(BaseModel):\n"
         "    x: int\n\n    @field_validator('x')\n    @classmethod\n    def check(cls, x):\n"
         "        return x $v 1", reads=_DATACLASS_LIKE, may_warn=True),
    Leaf("checked call of pydantic", "told$n", ("int", "float"), show="$it('3')", needs=("pydantic",
         ),
         setup="from pydantic import validate_call\n\n\n@validate_call\ndef told$n(x: $v):\n"
         "    return x", reads=_DATACLASS_LIKE, may_warn=True),
    Leaf("option of click", "told$n", ("1", "2"), show="$it.params[0].default", needs=("click",),
         setup="import click\n\n\n@click.command()\n@click.option('--x', default=$v)\n"
         "def told$n(x):\n"
         "    pass", reads=_DATACLASS_LIKE, opaque=True),
    Leaf("config of OmegaConf", "OmegaConf.create({'a': $v})", ("1", "2"), show="$it.a",
         setup="from omegaconf import OmegaConf", needs=("omegaconf",)),
    Leaf("interpolation of OmegaConf", "OmegaConf.create({'a': '$${b}', 'b': $v})", ("1", "2"),
         show="$it.a", setup="from omegaconf import OmegaConf", needs=("omegaconf",)),
    Leaf("frame of polars", "pl.DataFrame({'a': [1, $v]})", ("2", "3"), show="$it.to_dicts()",
         setup=POLARS, needs=("polars",)),
    Leaf("series of polars", "pl.Series('$v', [1])", ("a", "b"), show="$it.name", setup=POLARS,
         needs=("polars",)),
    Leaf("expression of polars", "pl.col('$v')", ("a", "b"), show="str($it)", setup=POLARS,
         needs=("polars",), may_warn=True),
    Leaf("table of pyarrow", "pa.table({'a': [1, $v]})", ("2", "3"), show="$it.to_pydict()",
         setup=ARROW, needs=("pyarrow",)),
    Leaf("metadata of pyarrow", "pa.schema({'a': pa.int8()}, metadata={'b': '$v'})", ("c", "d"),
         show="$it.metadata", setup=ARROW, needs=("pyarrow",)),
    Leaf("tensor", "torch.tensor([1, $v])", ("2", "3", "2.0"), show="$it.tolist()", setup=TORCH,
         needs=("torch",)),
    Leaf("gradient of a tensor", "torch.tensor([1.0], requires_grad=$v)", ("True", "False"),
         show="$it.requires_grad", setup=TORCH, needs=("torch",)),
    Leaf("parameter", "torch.nn.Parameter(torch.tensor([$v.0]))", ("1", "2"), show="$it.tolist()",
         setup=TORCH, needs=("torch",)),
    Leaf("layer", "torch.nn.Linear(1, $v)", ("1", "2"), show="$it.out_features", setup=TORCH,
         needs=("torch",), opaque=True),
    Leaf("extended layer", "Own$n()", ("1", "2"), show="$it.forward(5)", needs=("torch",),
         setup="import torch\n\n\nclass Own$n(torch.nn.Module):\n    def forward(self, x):\n"
         "        return x * $v", reads=_DATACLASS_LIKE, may_warn=True),
    Leaf("scripted function", "told$n", ("2", "3"), show="$it(5)", needs=("torch",), opaque=True,
         setup="import torch\n\n\n@torch.jit.script\ndef told$n(x: int) -> int:\n    return x * $v",
         reads=frozenset({"docs", "annotations", "names", "source", "definitions"})),
    Leaf("device", "torch.device('$v')", ("cpu", "meta"), show="$it.type", setup=TORCH,
         needs=("torch",)),
)  # fmt: skip
PACKAGES = tuple(
    Leaf(**{**vars(leaf), "setup": leaf.setup + "\n\n\ndef made$n():\n    frame = "
            "pd.DataFrame({'a': [1]})\n    frame.attrs['unit'] = $v\n    return frame"})
    if leaf.name == "attributes of a frame" else leaf
    for leaf in PACKAGES
)  # fmt: skip
