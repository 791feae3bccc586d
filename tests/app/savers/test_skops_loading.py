"""Skops files that are loaded without skops: the same values, and no more trust."""

import inspect
import io
import json
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project import importing
from test_sklearn import archive, hostile, node

from pystore.app.savers import save
from pystore.app.savers.skops_files import canonical
from pystore.app.savers.skops_loading import known
from pystore.app.savers.trusted_types import TRUSTED_TYPES

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")
skops_io = pytest.importorskip("skops.io")

from sklearn.decomposition import PCA  # noqa: E402  # only where it is installed
from sklearn.linear_model import LogisticRegression, Ridge  # noqa: E402
from sklearn.utils import all_estimators  # noqa: E402

Fitted = tuple[Any, Any]  # an estimator, and what it was fitted on
RNG = np.random.default_rng(0)
X = abs(RNG.normal(size=(60, 4))) + 0.1
Y = (X[:, 0] > 0.6).astype(int)
TEXTS = ["a cat sat", "the dog ran", "a bird flew"] * 20
TABLES: list[tuple[Any, ...]] = [
    (X, Y), (X[:, :1], Y), (TEXTS,), ([{"a": 1, "b": 2}] * 5,), (X, np.stack([Y, 1 - Y], 1)),
    (X, X[:, :2]), (Y,),
]  # fmt: skip


def made(kind: type) -> Any:
    """An estimator with what it cannot do without, and with little to do."""
    one: Any = Ridge() if "Regressor" in kind.__name__ else LogisticRegression()
    given = {
        "estimator": one, "estimators": [("a", one), ("b", one)],
        "param_grid": {"fit_intercept": [True]},
        "param_distributions": {"fit_intercept": [True, False]},
        "steps": [("p", PCA(2)), ("c", one)], "transformer_list": [("p", PCA(2))],
        "transformers": [("p", PCA(2), [0, 1])], "dictionary": RNG.normal(size=(3, 4)),
        "random_state": 0, "n_estimators": 3, "max_iter": 5, "n_iter": 2, "cv": 2,
    }  # fmt: skip
    taken = inspect.signature(kind).parameters
    return kind(**{name: value for name, value in given.items() if name in taken})


def fitted() -> Iterator[Fitted]:
    """Every estimator that fits one of the tables."""
    for _, kind in all_estimators():
        for table in TABLES:
            try:
                yield made(kind).fit(*table), table[0]
            except Exception:  # it is for another table
                continue
            break


def answers(estimator: Any, inputs: Any) -> list[Any]:
    return [answer(estimator, name, inputs) for name in ("predict", "transform")]


def answer(estimator: Any, method: str, inputs: Any) -> Any:
    try:
        return getattr(estimator, method)(inputs)
    except Exception as error:  # it has no such method, or takes no such inputs
        return f"{type(error).__name__}: {error}"


def equal(one: Any, other: Any) -> bool:
    if hasattr(one, "toarray"):
        return equal(one.toarray(), other.toarray())
    return repr(one) == repr(other) and np.array_equal(
        one, other, equal_nan=np.asarray(one).dtype.kind == "f"
    )


@pytest.fixture(scope="module")
def files() -> dict[str, tuple[bytes, Any]]:
    """The file of each estimator, and what it was fitted on."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for estimator, inputs in fitted():
            try:
                found[type(estimator).__name__] = canonical(skops_io.dumps(estimator)), inputs
            except Exception:  # skops cannot write it
                assert type(estimator).__name__ == "Birch"
    return found


@pytest.mark.filterwarnings("ignore")
def test_KN1_each_estimator_is_as_skops_loads_it(files: dict[str, tuple[bytes, Any]]):
    for name, (content, inputs) in files.items():
        file = known(content)
        assert file is not None, name
        ours, theirs = file.build(), skops_io.loads(content, trusted=sorted(file.needs))
        assert canonical(skops_io.dumps(ours)) == content, name
        pairs = zip(answers(ours, inputs), answers(theirs, inputs), strict=True)
        assert all(equal(one, other) for one, other in pairs), name
    assert len(files) >= 190


def test_KN2_each_estimator_needs_the_trust_that_skops_asks_for(
    files: dict[str, tuple[bytes, Any]],
):
    for content, _ in files.values():
        file = known(content)
        assert file is not None
        assert sorted(file.needs) == skops_io.get_untrusted_types(data=content)


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, (2.5, None), {"b"}], "slice": slice(1, None), "types": [int, np.float64]},
        np.array([[1, "a"], [None, 2.5]], dtype=object),
        np.array([[1, 2], "a"], dtype=object),
        [np.float32(0.1), np.datetime64("2020-01-01"), np.str_("a"), np.array(["a", "bc"])],
        [np.random.default_rng(1), np.random.Generator(np.random.Philox(2)), np.log1p],
        [np.random.RandomState(3), np.ma.masked_array([1, 2], [True, False]), np.dtype("f4")],
    ],
    ids=["plain", "table of objects", "list in an array", "scalars", "generators", "arrays"],
)  # fmt: skip
def test_KN1_a_value_is_as_skops_loads_it(value: Any):
    content = canonical(skops_io.dumps(value))
    file = known(content)
    assert file is not None
    theirs = skops_io.loads(content, trusted=sorted(file.needs))
    assert repr(drawn(file.build())) == repr(drawn(theirs))
    assert canonical(skops_io.dumps(file.build())) == content


def drawn(value: Any) -> Any:
    """The value, with numbers in place of what draws them."""
    if isinstance(value, np.random.Generator):
        return value.random(3)
    if isinstance(value, np.random.RandomState):
        return value.random_sample(3)
    return [drawn(one) for one in value] if isinstance(value, list) else value


def test_KN1_what_was_one_object_is_one():
    array = np.arange(3)
    file = known(canonical(skops_io.dumps([array, {"a": array}, np.arange(3)])))
    assert file is not None
    one, inner, other = file.build()
    assert one is inner["a"]
    assert other is not one


@pytest.mark.parametrize("kind", ["LogisticRegression", "RandomForestClassifier"])
def test_a_model_is_loaded_without_skops(kind: str, tmp_path, files: dict[str, tuple[bytes, Any]]):
    content, _ = files[kind]
    save(skops_io.loads(content, trusted=["sklearn.tree._tree.Tree"]), tmp_path / "value")
    program = f"""
import sys
from pathlib import Path
from pystore.app.savers import load
load(Path({str(tmp_path / "value")!r}))
print(sorted({{"skops", "sklearn"}} & sys.modules.keys()))
"""
    told = subprocess.run(
        [sys.executable, "-c", program], env=importing(), capture_output=True, text=True, check=True
    )
    assert told.stdout == "['sklearn']\n"


# --- files that somebody made to harm --------------------------------------------------


@pytest.mark.parametrize("name", sorted(hostile(Path())))
def test_KN2_what_would_run_code_is_not_trusted(name: str, tmp_path):
    schema = hostile(tmp_path / "marker")[name]
    file = known(archive({**schema, "protocol": 2}))
    assert file is None or file.needs - TRUSTED_TYPES
    assert not (tmp_path / "marker").exists()


def test_KN2_nothing_is_imported_to_look(tmp_path, monkeypatch):
    (tmp_path / "planted_beside.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    file = known(archive({**node("ObjectNode", "planted_beside", "A"), "protocol": 2}))
    assert file is not None
    assert file.needs == {"planted_beside.A"}


def text(value: Any, **other: Any) -> dict[str, Any]:
    return node("JsonNode", "builtins", "str", content=json.dumps(value), **other)


def listed(*items: Any, **other: Any) -> dict[str, Any]:
    return node("ListNode", "builtins", "list", content=list(items), **other)


def generator(bits: str) -> dict[str, Any]:
    names = listed(node("TypeNode", "builtins", "str"))
    state = {"content": {"bit_generator": text(bits)}, "key_types": names}
    empty = node("DictNode", "builtins", "dict", content={}, key_types=listed())
    content = {"bit_generator": node("DictNode", "builtins", "dict", **state), "seed_seq": empty}
    return node("RandomGeneratorNode", "numpy.random._generator", "Generator", content=content)


STRANGE = {
    "another protocol": {**text(1), "protocol": 1},
    "a protocol that is no number": {**text(1), "protocol": True},
    "a field that is new": text(1, new=1),
    "a kind that is new": node("NewNode", "builtins", "str", content="1"),
    "no class": {"__loader__": "JsonNode", "__module__": "builtins", "content": "1"},
    "a tuple with names": node("TupleNode", "collections", "Named", content=[]),
    "one number for two": listed(text(1, __id__=1), text(2, __id__=1)),
    "a cycle": listed(listed(text(1, __id__=1), __id__=1), __id__=1),
    "a number that is none": text(1, __id__=0),
    "a function in place of a generator": generator("seed"),
    "no node": {"content": "1"},
    "a list": [text(1)],
}


@pytest.mark.parametrize("name", sorted(STRANGE))
def test_KN3_what_is_not_known_is_left_to_skops(name: str):
    schema = STRANGE[name]
    if isinstance(schema, dict):
        schema = {"protocol": 2, **schema}
    assert known(archive(schema)) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"{}", archive(STRANGE)[:-30]],
    ids=["empty", "a beginning", "JSON", "cut"],
)
def test_KN3_what_is_no_archive_is_left_to_skops(content: bytes):
    assert known(content) is None


def array(file: str) -> dict[str, Any]:
    return node("NdArrayNode", "numpy", "ndarray", type="numpy", file=file, protocol=2)


def with_member(schema: Any, content: bytes) -> bytes:
    out = io.BytesIO(archive(schema))
    with zipfile.ZipFile(out, "a") as target:
        target.writestr("1.npy", content)
    return out.getvalue()


def pickled() -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([None], dtype=object), allow_pickle=True)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (archive(array("1.npy")), KeyError),
        (with_member(array("1.npy"), pickled()), ValueError),
        (with_member(array("1.npy"), b"\x80\x04N."), ValueError),
        (with_member(array("schema.json"), b""), ValueError),
    ],
    ids=["no member", "pickled objects", "a pickle", "another member"],
)
def test_KN1_an_array_that_is_none_is_an_error(content: bytes, error: type[Exception]):
    file = known(content)
    assert file is not None
    for build in (file.build, lambda: skops_io.loads(content)):
        with pytest.raises(error):
            build()


# --- any change of a file --------------------------------------------------------------


def nodes(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "__loader__" in part:
            yield part
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from nodes(inner)


SCHEMA = json.loads(
    zipfile.ZipFile(
        io.BytesIO(
            canonical(
                skops_io.dumps(
                    {"a": [1, (2, {"b"})], "rng": np.random.default_rng(0), "log": np.log}
                )
            )
        )
    ).read("schema.json")
)
LOADERS = [loader for loader in skops_io._audit.NODE_TYPE_MAPPING if loader[1] == 2]
NAMES = [
    ("builtins", "eval"), ("builtins", "list"), ("os", "system"), ("numpy", "ndarray"),
    ("numpy", "float64"), ("sklearn.tree._tree", "Tree"), ("numpy", "seed"), ("builtins", "map"),
    ("sklearn.linear_model._logistic", "LogisticRegression"), ("numpy", "log"),
    ("sklearn._loss._loss", "CyHuberLoss"), ("collections", "OrderedDict"),
]  # fmt: skip
CHANGES: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "type": lambda one, name: one.update(__module__=name[0], __class__=name[1]),
    "kind": lambda one, name: one.update(__loader__=LOADERS[NAMES.index(name) % len(LOADERS)][0]),
    "number": lambda one, name: one.update(__id__=len(name[1]) % 4),
    "content": lambda one, name: one.update(content=json.dumps(name[1])),
}


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_KN2_whatever_is_changed_skops_asks_for_no_more_trust(data: st.DataObject):
    schema = json.loads(json.dumps(SCHEMA))
    for _ in range(data.draw(st.integers(1, 4))):
        every = list(nodes(schema))
        one = every[data.draw(st.integers(0, len(every) - 1))]
        CHANGES[data.draw(st.sampled_from(sorted(CHANGES)))](one, data.draw(st.sampled_from(NAMES)))
    content = archive(schema)
    if (file := known(content)) is not None:
        try:
            asked = skops_io.get_untrusted_types(data=content)
        except Exception:  # skops refuses it before it asks
            return
        assert set(asked) <= file.needs
