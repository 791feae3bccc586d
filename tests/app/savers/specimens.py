"""Values for the savers; `python specimens.py KIND FOLDER` saves those of a kind.

All of a kind are made twice, and the second ones are saved: what counts or reuses is another then.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Makers = dict[str, Callable[[], Any]]


def plain() -> Makers:
    return {
        "nothing": lambda: None,
        "numbers": lambda: [0, -0.0, 1.5, float("nan"), float("inf"), -(10**40), True],
        "nested": lambda: {"a": (1, [2, ()], {"$float": "no mark"}), "ä\n": None, "": {}},
    }


def array() -> Makers:
    import numpy as np

    padded = np.dtype([("flag", "u1"), ("number", "f8")], align=True)
    inner = np.dtype([("flag", "u1"), ("pair", padded)], align=True)

    def with_padding() -> Any:
        # What memory holds between the fields is another each time.
        noise = np.random.default_rng().bytes(5 * inner.itemsize)
        items = np.frombuffer(bytearray(noise), inner)
        items["flag"], items["pair"]["flag"], items["pair"]["number"] = 1, 2, np.arange(5)
        return items

    return {
        "floats": lambda: np.array([[0.0, -0.0, np.nan, np.inf]]),
        "fortran": lambda: np.asfortranarray(np.arange(6).reshape(2, 3)),
        "texts": lambda: np.array(["a", "bc"]),
        "times": lambda: np.array(["2020-01-01", "NaT"], "M8[s]"),
        "empty": lambda: np.zeros((0, 3), "float32"),
        "scalar": lambda: np.float32(0.1),
        "padded": with_padding,
    }


def frame() -> Makers:
    import numpy as np
    import pandas as pd

    def columns() -> Any:
        days = pd.to_datetime(["2020-01-01 12:00", None, "2021-07-03 00:00"])
        return pd.DataFrame(
            {
                "int": [1, 2, 3],
                "byte": np.array([1, 2, 255], "uint8"),
                "float": [1.5, np.nan, -0.0],
                "half": np.array([1, 2, 3], "float16"),
                "bool": [True, False, True],
                "str": ["a", None, "ä"],
                "string": pd.array(["a", None, "b"], "string"),
                "object": pd.Series(["a", None, "c"], dtype=object),
                "mixed": pd.Series([1, "b", (2.5, None)], dtype=object),
                "day": days,
                "zoned": days.tz_localize("Europe/Berlin"),
                "seconds": pd.to_timedelta([1, None, 3], "s"),
                "category": pd.Categorical(["y", None, "x"], ["z", "y", "x"], ordered=True),
                "years": pd.Categorical([2020, 2021, 2020]),
                "Int64": pd.array([1, None, 2**60], "Int64"),
                "Float32": pd.array([1.5, None, 2], "Float32"),
                "boolean": pd.array([True, None, False], "boolean"),
            }
        )

    def with_attrs() -> Any:
        value = pd.DataFrame({"a": [1]})
        value.attrs = {"source": "here", "shape": (28, 28)}
        return value

    two = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])
    return {
        "columns": columns,
        "numbered": lambda: pd.DataFrame(np.eye(3)),
        "no rows": lambda: columns().iloc[:0],
        "no columns": lambda: pd.DataFrame(index=range(3, 9, 2)),
        "nothing": pd.DataFrame,
        "other order": lambda: columns().iloc[[2, 0]],
        "twice one label": lambda: pd.DataFrame([[1, 2.5]], columns=["a", "a"]),
        "several levels": lambda: pd.DataFrame([[1, 2], [3, 4]], index=two, columns=two),
        "index of days": lambda: pd.DataFrame(
            {"a": [1, 2]}, index=pd.date_range("2020", periods=2, freq="D", name="day")
        ),
        "index of categories": lambda: columns().set_index("category"),
        "labels that are days": lambda: pd.DataFrame([[1]], columns=pd.to_datetime(["2020"])),
        "attrs": with_attrs,
        "series": lambda: columns()["zoned"],
        "series without name": lambda: pd.Series([1.0, 2.0]),
        "series with a pair as name": lambda: pd.Series(["a"], name=("a", 1)),
    }


def nested() -> Makers:
    import numpy as np
    import pandas as pd

    return {
        "X and y": lambda: (pd.DataFrame({"a": [1, 2]}), np.array([0, 1])),
        "dict": lambda: {"x": np.arange(3), "deep": [{"y": np.float64(2)}, "text"], "n": 1},
        "whole numbers as keys": lambda: {1: np.arange(2), (2, None): ()},
    }


def sklearn() -> Makers:
    import numpy as np
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.datasets import make_classification
    from sklearn.ensemble import (
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
    )
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC

    x, y = make_classification(80, 6, random_state=0)
    texts, words = ["a cat sat", "the dog ran", "a bird flew"] * 9, {"cat", "dog", "sat", "bird"}
    mixed = pd.DataFrame({"word": ["u", "v", "w", "u"] * 20, "number": x[:, 0]})
    encoder = [("word", OneHotEncoder(), ["word"]), ("number", StandardScaler(), ["number"])]
    weights = {"no": 1, "yes": 2}
    net = MLPClassifier([5], solver="adam", max_iter=3, random_state=0)
    on_numbers = {
        "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
        "forest": lambda: RandomForestClassifier(10, random_state=np.random.RandomState(1)),
        "boosting": lambda: GradientBoostingClassifier(n_estimators=5, random_state=0),
        "histograms": lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0),
        "net": lambda: net,
        "vectors": lambda: SVC(random_state=0),
        "neighbours": lambda: KNeighborsClassifier(3, algorithm="kd_tree"),
        "search": lambda: GridSearchCV(SVC(), {"C": [0.1, 1.0]}, scoring="accuracy", cv=2),
        "threshold": lambda: TunedThresholdClassifierCV(LogisticRegression(), cv=2),
    }
    made: Makers = {n: lambda make=make: make().fit(x, y) for n, make in on_numbers.items()}
    made["columns"] = lambda: make_pipeline(
        ColumnTransformer(encoder), LogisticRegression(class_weight=weights)
    ).fit(mixed, ["no", "yes"] * 40)
    made["categories"] = lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(
        mixed.astype({"word": "category"}), y
    )
    made["words"] = lambda: make_pipeline(
        TfidfVectorizer(stop_words=["the", "a"]), LogisticRegression()
    ).fit(texts, [0, 1, 2] * 9)
    made["set of words"] = lambda: CountVectorizer(vocabulary=words).fit(texts)
    return made


def torch() -> Makers:
    import torch

    return {name: lambda make=make: _drawn(torch, make()) for name, make in fresh("torch").items()}


def keras() -> Makers:
    import keras

    def trained(make: Callable[[], Any]) -> Any:
        keras.utils.set_random_seed(1)
        model = make()
        model.build((None, 3))
        return model

    return {name: lambda make=make: trained(make) for name, make in fresh("keras").items()}


def xgboost() -> Makers:
    import numpy as np
    import xgboost

    x = np.random.default_rng(0).random((60, 4))
    y = (x[:, 0] > 0.5).astype(int) + (x[:, 1] > 0.5)
    small: dict[str, Any] = {"n_estimators": 4, "max_depth": 2, "random_state": 0}
    return {
        "classes": lambda: xgboost.XGBClassifier(**small).fit(x, y),
        "two classes": lambda: xgboost.XGBClassifier(**small).fit(x, y > 1),
        "stopped early": lambda: xgboost.XGBRegressor(**small, early_stopping_rounds=2).fit(
            x, y, eval_set=[(x, y)], verbose=False
        ),
        "booster": lambda: xgboost.XGBRegressor(**small).fit(x, y).get_booster(),
    }


def fresh(kind: str) -> Makers:
    """What makes the models anew that take saved weights."""
    return (
        {"torch": _new_modules, "keras": _new_models}[kind]() if kind in ("torch", "keras") else {}
    )


def _new_modules() -> Makers:
    from torch import bfloat16, float64, nn

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
            self.last.weight = self.first.weight

        def forward(self, numbers: Any) -> Any:
            return self.last(self.first(numbers.long()[:, 0] % 5))

    return {
        "net": lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.ReLU()),
        "tied": Tied,
        "double": lambda: nn.Linear(3, 2).to(float64),
        "short": lambda: nn.Linear(3, 2).to(bfloat16),
    }


def _new_models() -> Makers:
    import keras

    return {
        "unbuilt": lambda: keras.Sequential(
            [keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
        )
    }


def _drawn(torch: Any, module: Any) -> Any:
    """The module with weights that follow from a seed."""
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            drawn = torch.rand(parameter.shape, generator=draw, dtype=torch.float64)
            parameter.copy_(drawn)
    return module.train()


KINDS: dict[str, Callable[[], Makers]] = {
    "plain": plain,
    "array": array,
    "frame": frame,
    "nested": nested,
    "sklearn": sklearn,
    "torch": torch,
    "keras": keras,
    "xgboost": xgboost,
}


def save_all(kind: str, folder: Path) -> None:
    """Makes the specimens of a kind twice, and saves the second ones."""
    from pystore.app.savers import save

    makers = KINDS[kind]()
    values = [{name: make() for name, make in makers.items()} for _ in range(2)][1]
    for name, value in values.items():
        save(value, folder / name)


if __name__ == "__main__":
    save_all(sys.argv[1], Path(sys.argv[2]))
