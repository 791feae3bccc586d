"""Boosters of XGBoost, and its estimators, as UBJ.

XB1  An estimator comes back with its trees, its parameters and what it noted while it was fitted.
XB2  A file is read only where it was built here, or where the user trusts `xgboost.core.Booster`.

XGBoost's compiled code takes much of a file unchecked: one made for it could crash the process.
"""

from collections.abc import Mapping
from typing import Any

from .kind import Stored, Written, no_saver
from .plain_values import decode, encode, is_plain
from .trusted_types import check_trusted

_FILE = "model.ubj"
_BOOSTER = "Booster"
_CLASSES = (
    _BOOSTER, "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor",
)  # fmt: skip


def write(value: Any) -> Written:
    """A booster or a fitted estimator. Raises BadStage for subclasses and for own functions."""
    import xgboost

    name = type(value).__name__
    if name not in _CLASSES or type(value) is not getattr(xgboost, name):
        raise no_saver(value, because=f"of XGBoost, these are saved: {', '.join(_CLASSES)}")
    if name == _BOOSTER:
        return Written({"class": name}, {_FILE: bytes(value.save_raw("ubj"))})
    if not value.__sklearn_is_fitted__():
        raise no_saver(value, because="it is not fitted")
    evals = vars(value).get("evals_result_")
    if evals is not None:  # of ordered dicts, which are equal to plain ones
        evals = {data: dict(metrics) for data, metrics in evals.items()}
    facts = {"params": value.get_params(), "evals": evals}
    wrong = [key for key, param in facts["params"].items() if not is_plain(param)]
    if wrong or not is_plain(facts["evals"]):
        raise no_saver(value, because=f"not plain: {', '.join(wrong) or 'evals_result_'}")
    about = {"class": name, **{key: encode(fact) for key, fact in facts.items()}}
    return Written(about, {_FILE: bytes(value.get_booster().save_raw("ubj"))})


def read(stored: Stored) -> Any:
    """The booster or the estimator. Raises UntrustedType (XB2)."""
    check_trusted(types(stored.files), stored)
    import xgboost

    name, content = stored.about["class"], bytearray(stored.files[_FILE])
    if name not in _CLASSES:
        raise ValueError(f"no class that is saved: {name}")
    if not content:
        raise ValueError("an empty file")  # which ends the process in XGBoost
    if name == _BOOSTER:
        return xgboost.Booster(model_file=content)
    params = decode(stored.about["params"])
    model = getattr(xgboost, name)(**params)
    model.load_model(content)
    model.set_params(**params)  # loading puts other texts of the same in their place
    if stored.about["evals"] is not None:
        model.evals_result_ = decode(stored.about["evals"])
    return model


def types(files: Mapping[str, bytes]) -> list[str]:
    """The type that each of these files needs."""
    return ["xgboost.core.Booster"]
