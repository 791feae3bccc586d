"""Output: a file that a stage promises to write."""

from typing import Any

from ..core.dataclasses import dataclass
from ..core.errors import BadRef
from ..core.refs import check_part


@dataclass(frozen=True)
class Output:
    """A file that a stage promises to write."""

    parts: tuple[str, ...]

    def __repr__(self) -> str:
        return f"output({'/'.join(self.parts)!r})"


def output(file: str) -> Any:
    """The default of a parameter that is a file to write: `accuracy=output("accuracy.txt")`.

    The function gets the Path of the file; a build that does not write the file fails, and commits
    nothing. Raises BadRef when the name leaves the output directory.
    """
    try:
        return Output(tuple(check_part(part) for part in file.split("/")))
    except BadRef as error:
        raise BadRef(
            "not the name of an output", given=repr(file), expected=error.expected,
            remedy="write output('file') or output('dir/file')",
        ) from None  # fmt: skip
