"""LeftOut: how many attempts of a stage's name do not count, by the code that made them."""

from .dataclasses import dataclass
from .printable import counted


@dataclass(frozen=True)
class LeftOut:
    """How many attempts are left out; prints as one line."""

    older: int = 0  # by older code of the stage
    other: int = 0  # by another stage of its name

    def __add__(self, more: "LeftOut") -> "LeftOut":
        return LeftOut(self.older + more.older, self.other + more.other)

    def __bool__(self) -> bool:
        return bool(self.older or self.other)

    def __str__(self) -> str:
        counts = {"by older code": self.older, "by another stage of this name": self.other}
        first, *more = [(count, whose) for whose, count in counts.items() if count]
        words = f"{counted(first[0], 'attempt')} {first[1]}"
        words += "".join(f", {count:,} {whose}," for count, whose in more)
        verb = "is" if self.older + self.other == 1 else "are"
        return f'{words} {verb} left out: code="any", or --code any, takes them in'


NOTHING = LeftOut()
