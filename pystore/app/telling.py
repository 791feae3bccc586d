"""Telling: the metrics of a training loop of Keras or PyTorch, told by its Build.

TE1  Each number is one point of a trace, at the step where it was taken.
"""

from collections.abc import Callable
from typing import Any

from ..core.errors import BadStage
from ..declare.build import Build, build_metric, build_progress


def keras_metrics(build: Build) -> Any:
    """A Keras callback that tells the losses and metrics of each epoch, and the progress (TE1).

    `model.fit(x, y, validation_data=…, callbacks=[keras_metrics(build)])` in a stage that takes
    `build`.
    """
    import keras

    class Told(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            for name, value in (logs or {}).items():
                build_metric(build, name, value, step=epoch)
            build_progress(build, epoch + 1, (self.params or {}).get("epochs"), "epochs")

    return Told()


def torch_metrics(build: Build, every: int = 1) -> Callable[..., None]:
    """A function that tells what it is given as of the next step: two lines for any loop (TE1).

    Once in `every` steps, it tells the means of the steps since the last time. Tensors of one
    number are taken too.

        tell = torch_metrics(build, every=50)
        for x, y in batches:
            …
            tell(loss=loss)

    Raises BadStage unless `every` is a whole number above 0.
    """
    if type(every) is not int or every < 1:
        raise BadStage(f"every={every!r} is no number of steps", remedy="write every=50")
    steps, taken = 0, dict[str, list[float]]()

    def tell(**values: Any) -> None:
        nonlocal steps
        steps += 1
        for name, value in values.items():
            taken.setdefault(name, []).append(float(value))
        if steps % every == 0:
            for name, some in taken.items():
                build_metric(build, name, sum(some) / len(some), step=steps)
            taken.clear()

    return tell
