"""Errors of models: features that cannot be used, and realizations that cannot be served."""

from ..core.errors import PystoreError


class BadFeatures(PystoreError):
    """Features that the model cannot predict from; the fault of the one who asks."""


class PredictorFailed(PystoreError):
    """The predictor gave another number of predictions than rows, or what is no JSON value."""


class Refused(PystoreError):
    """A realization that must not answer: it cannot be loaded, or predicts otherwise."""
