"""Estimators of scikit-learn, and of packages that follow it, as canonical skops files.

SE1  An estimator is saved only if what is loaded of it gives the same bytes again.
SE2  A type that neither we nor the user trust is never loaded, nor imported.

Our loader takes a file where it knows all nodes, and where all types are trusted; else it is skops
that loads the file, or says what it refuses. The import of skops takes seconds.
"""

from collections.abc import Mapping
from typing import Any

from .kind import Stored, Written, no_saver
from .skops_files import canonical
from .skops_loading import known
from .trusted_types import check_trusted, trusted

_FILE = "model.skops"


def write(value: Any) -> Written:
    """A fitted estimator. Raises BadStage where it would come back as another (SE1)."""
    try:
        content = _dumped(value)
        ours = known(content)
        again = _dumped(ours.build() if ours else _loaded(content, types({_FILE: content})))
    except Exception as error:  # whatever the classes of the user raise
        raise no_saver(value, because=f"{type(error).__name__}: {error}") from error
    if again != content:
        raise no_saver(value, because="what is loaded of it is another estimator")
    return Written({}, {_FILE: content})


def read(stored: Stored) -> Any:
    """The estimator. Raises UntrustedType (SE2)."""
    content = stored.files[_FILE]
    ours = known(content)
    if ours is not None and ours.needs <= trusted(stored):
        return ours.build()
    needed = types(stored.files)
    check_trusted(needed, stored)
    return _loaded(content, needed)


def types(files: Mapping[str, bytes]) -> list[str]:
    """The types that skops does not trust by itself, sorted."""
    import skops.io

    return list(skops.io.get_untrusted_types(data=files[_FILE]))


def _dumped(value: Any) -> bytes:
    import skops.io

    return canonical(skops.io.dumps(value))


def _loaded(content: bytes, trusted: list[str]) -> Any:
    import skops.io

    return skops.io.loads(content, trusted=trusted)
