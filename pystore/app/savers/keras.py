"""Models of Keras: their weights as safetensors; the code that makes a model is the user's.

KW1  Each weight comes back with its bits and its dtype, or the model is refused.

The weights have numbers in place of names: Keras counts the layers of a process in their names, so
that `.weights.h5` of the same training has other bytes when another model was made before.
"""

from typing import Any

from .kind import Stored, Written, made, no_saver, unfit
from .plain_values import decode, encode, is_plain

_FILE = "weights.safetensors"


def write(value: Any) -> Written:
    """The weights of a model. Raises BadStage for a model that is not built."""
    import keras

    if not isinstance(value, keras.Model):
        raise no_saver(value, because="of Keras, only models are saved as they are")
    if not value.built:
        raise no_saver(value, because="the model is not built: it has no weights yet")
    from safetensors.numpy import save

    weights = dict(enumerate(value.get_weights()))
    try:
        content = save({str(number): weight for number, weight in weights.items()})
    except (ValueError, KeyError) as error:
        raise no_saver(value, because=f"{type(error).__name__}: {error}") from error
    build = value.get_build_config()
    about = {"weights": len(weights), "build": encode(build) if is_plain(build) else None}
    return Written(about, {_FILE: content})


def read(stored: Stored) -> Any:
    """What `fresh` makes, built if it was not, with the saved weights."""
    from safetensors.numpy import load

    saved = load(stored.files[_FILE])
    weights = [saved[str(number)] for number in range(stored.about["weights"])]
    import keras

    model = made(stored, keras.Model)
    if not model.built and stored.about["build"] is not None:
        model.build_from_config(decode(stored.about["build"]))
    has = [(tuple(one.shape), str(one.dtype)) for one in model.weights]
    if has != [(one.shape, str(one.dtype)) for one in weights]:
        raise unfit(
            model,
            saved=_listed([(one.shape, str(one.dtype)) for one in weights]),
            made=_listed(has),
        )
    model.set_weights(weights)
    now = model.get_weights()
    if any(a.tobytes() != b.tobytes() for a, b in zip(now, weights, strict=True)):
        raise unfit(model, because="the weights were not taken")
    return model


def _listed(weights: list[tuple[tuple[int, ...], str]]) -> str:
    return ", ".join(f"{dtype} {list(shape)}" for shape, dtype in weights) or "none"
