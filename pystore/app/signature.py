"""Signature: the features that a realization was trained on, and what it predicted at once."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from ..core.dataclasses import dataclass, field
from ..core.errors import Corrupted
from .value_kinds import missing_among

FILE = "signature.json"
RECIPE = 3  # which files a training writes; another number trains anew
ANSWERS = ("predictor", "feature_loader", "feature_transformer")  # the roles of functions
LOADS = ("init", "loader")  # those that bring back an estimator
_PACKAGES = ("numpy", "pandas", "scikit-learn", "torch", "keras", "tensorflow", "xgboost")
_MODULES = {"scikit-learn": "sklearn"}


@dataclass(frozen=True)
class Signature:
    """The features of a training: columns, types and shape of one row; its predictions."""

    columns: tuple[str, ...] | None  # None for arrays
    dtypes: tuple[str, ...]  # of each column; of an array, its only one
    shape: tuple[int, ...]  # of one row
    missing: tuple[str, ...]  # the columns in which values were missing; "*" for an array
    codes: Mapping[str, str]  # digests of the code that answers: of ANSWERS and of LOADS
    predictions: list[Any] | None  # for the example rows; None where the predictor failed
    prepared: str = ""  # digest of the example rows as the feature_transformer made them
    failure: str = ""  # why it failed
    single: bool = False  # whether predictions are of single precision
    versions: Mapping[str, str] = field(default_factory=dict)  # of the packages in use

    def write(self, folder: Path) -> None:
        """Writes it into the folder of a realization."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads it. Raises Corrupted when it is no signature."""
        try:
            if not (folder / FILE).is_file():  # nobody may write into a pipe of this name
                raise FileNotFoundError(f"there is no {FILE}")
            told = json.loads((folder / FILE).read_text())
            told["columns"] = None if told["columns"] is None else tuple(told["columns"])
            tuples = {key: tuple(told[key]) for key in ("dtypes", "shape", "missing")}
            return cls(**{**told, **tuples})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Corrupted(
                "this realization has no signature, so it is not of a Model, or it is damaged",
                path=folder / FILE,
                because=str(error)[:200],
                remedy="pystore verify tells what is damaged",
            ) from None

    @property
    def has_items(self) -> bool:
        """Whether features are a list, such as texts."""
        return self.dtypes == ("list",)

    @property
    def versions_differ(self) -> tuple[str, ...]:
        """The packages whose version is another here than at the training, in words."""
        now = versions(self.versions)
        return tuple(
            f"trained with {name} {then}, here {now.get(name, 'it is missing')}"
            for name, then in self.versions.items()
            if now.get(name) != then
        )

    def expected(self) -> dict[str, Any]:
        """The features that it takes, for messages."""
        told: dict[str, Any] = {"shape": list(self.shape)}
        if self.columns is not None:
            more = ["…"] if len(self.columns) > 5 else []
            told["columns"] = [*self.columns[:5], *more]
        return told


def versions(names: Any = None) -> dict[str, str]:
    """The versions of these packages; by default, of those known ones that are imported."""
    if names is None:
        names = [name for name in _PACKAGES if _MODULES.get(name, name) in sys.modules]
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # tensorflow has several names on its index
    return found


def gaps_of(several: Sequence[Any]) -> tuple[str, ...]:
    """The columns in which one of several parts has a missing value; "*" for arrays."""
    return tuple(dict.fromkeys(name for features in several for name in _gaps(features)))


def _gaps(features: Any) -> tuple[str, ...]:
    if hasattr(features, "columns"):
        return tuple(str(name) for name, gap in features.isna().any().items() if gap)
    kind = features.dtype.kind if hasattr(features, "dtype") else ""
    if kind == "f":
        return ("*",) if bool((features != features).any()) else ()
    return ("*",) if kind == "O" and bool(missing_among(features).any()) else ()


def described(features: Any) -> dict[str, Any]:
    """Columns, types and shape of features, as a Signature has them."""
    if hasattr(features, "columns"):
        return {
            "columns": tuple(map(str, features.columns)),
            "dtypes": tuple(map(str, features.dtypes)),
            "shape": (len(features.columns),),
        }
    if hasattr(features, "dtype"):
        return {
            "columns": None,
            "dtypes": (str(features.dtype),),
            "shape": tuple(int(n) for n in features.shape[1:]),
        }
    return {"columns": None, "dtypes": (type(features).__name__,), "shape": ()}
