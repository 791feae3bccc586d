"""Seeds: one number for every source of chance in a training."""

import random
import sys
from importlib import import_module
from importlib.util import find_spec

from .build import Build, build_seed


def seed_everything(b: Build) -> int:
    """Seeds random, NumPy, and TensorFlow and PyTorch where they are imported; returns the seed.

    Call it after your imports. It does not make operations deterministic that are not.
    """
    seed = build_seed(b)
    random.seed(seed)
    if find_spec("numpy") is not None:
        import_module("numpy").random.seed(seed)
    if tensorflow := sys.modules.get("tensorflow"):
        tensorflow.random.set_seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)
    return seed
