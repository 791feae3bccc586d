"""Errors of models that predict."""

from ..core.errors import PystoreError

__all__ = ["BadFeatures", "PredictorFailed", "Refused"]


class BadFeatures(PystoreError):
    """Features that the model was not trained for, or that no loader can read; `expected` says
    which features are.
    """


class PredictorFailed(PystoreError):
    """A predictor that raised, or that gave another number of predictions than there are rows."""


class Refused(PystoreError):
    """A realization that is not used: it does not load, or it predicts otherwise than before."""
