"""Models that are used: declare one, train it through the store, predict, serve.

from pystore.app import Dataset, Model, digit
"""

from typing import TYPE_CHECKING

from ..core.shelf import opening

if TYPE_CHECKING:
    from .answers import predictor as predictor
    from .dataset import Dataset as Dataset
    from .dataset import Reader as Reader
    from .drawing import digit as digit
    from .errors import BadFeatures as BadFeatures
    from .errors import PredictorFailed as PredictorFailed
    from .errors import Refused as Refused
    from .evidence import McNemar as McNemar
    from .evidence import wilson as wilson
    from .loaded import Loaded as Loaded
    from .model import Model as Model
    from .run import Run as Run
    from .savers import load as load
    from .savers import save as save
    from .stored_rows import Rows as Rows
    from .stored_rows import write_rows as write_rows
    from .telling import keras_metrics as keras_metrics
    from .telling import torch_metrics as torch_metrics
    from .torch_model import TorchModel as TorchModel

_HOMES = {
    "predictor": "answers",
    "Dataset": "dataset",
    "Reader": "dataset",
    "digit": "drawing",
    "BadFeatures": "errors",
    "PredictorFailed": "errors",
    "Refused": "errors",
    "McNemar": "evidence",
    "wilson": "evidence",
    "Loaded": "loaded",
    "Model": "model",
    "Run": "run",
    "load": "savers",
    "save": "savers",
    "Rows": "stored_rows",
    "write_rows": "stored_rows",
    "TorchModel": "torch_model",
    "keras_metrics": "telling",
    "torch_metrics": "telling",
}
__all__ = [*_HOMES]
__getattr__ = opening(__name__, _HOMES)
