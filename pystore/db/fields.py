"""Fields: how a column, or a path inside a JSON column, becomes a Python value and back.

FK1  What is stored gives the same value again; what cannot be stored is refused before it is.
FK2  The content of a value is the same bytes on every database: keys and snapshots are made of it.
FK3  Bytes of strangers are measured before they are decoded.
FK4  A picture that a note in its file turns is upright, as a person sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.dataclasses import dataclass
from .errors import BadField
from .kinds import KINDS
from .pictures import FORMATS, MAX_PIXELS

if TYPE_CHECKING:
    from .fetching import Policy

Load = Callable[[bytes], Any]
Dump = Callable[[Any], bytes]


@dataclass(frozen=True)
class Field:
    """A field of rows; `at` is a path such as "record.img" in a column of JSON of somebody else's.

    A field that is `required` holds a value in each row. What is stored for a field with `fetched`
    is a URL; its value is what is fetched there.
    """

    kind: str
    at: str | None = None
    required: bool = False
    settings: tuple[tuple[str, Any], ...] = ()
    dump: Dump | None = None
    load: Load | None = None
    fetched: Policy | None = None

    def __post_init__(self) -> None:
        parts = [] if self.at is None else self.at.split(".")
        if not all(parts) or any(not one.isprintable() or '"' in one for one in parts):
            raise BadField(
                "this is no path",
                at=repr(self.at)[:80],
                remedy="name a column, then keys below it: at='record.img'",
            )
        if any(one.isdecimal() for one in parts[1:]):
            raise BadField(
                "a path leads through the keys of objects, not through lists",
                at=self.at,
                remedy="name the list, as json(at=…), and take the value from it",
            )

    def stored(self, value: Any) -> Any:
        """What the column holds for a value. Raises BadRow."""
        if self.fetched is not None:
            return KINDS["text"].dump(value, {})
        raw = value if self.dump is None else self.dump(value)
        return KINDS[self.kind].dump(raw, dict(self.settings))

    def value(self, stored: Any) -> Any:
        """The value of what the column holds. Raises BadContent."""
        found = KINDS[self.kind].load(stored, dict(self.settings))
        return found if self.load is None else self.load(found)

    def content(self, stored: Any) -> bytes:
        """The bytes that tell one value from another (FK2). Raises BadContent."""
        return KINDS[self.kind].content(stored)

    @property
    def is_media(self) -> bool:
        """Whether its values are pictures, arrays or the like."""
        return self.kind in ("array", "bytes", "image", "own")

    @property
    def column(self) -> str | None:
        """The column that `at` names; None where the field has a column of its own name."""
        return None if self.at is None else self.at.split(".")[0]

    @property
    def path(self) -> tuple[str, ...]:
        """The keys below the column."""
        return () if self.at is None else tuple(self.at.split(".")[1:])

    def describe(self) -> dict[str, Any]:
        """What `field_from` makes the field of; where its values are kept is left out."""
        told = {key: list(one) if isinstance(one, tuple) else one for key, one in self.settings}
        return {"kind": self.kind, **told}


def image(
    *,
    max_pixels: float = MAX_PIXELS,
    formats: Sequence[str] = FORMATS,
    at: str | None = None,
    required: bool = False,
) -> Field:
    """A field of pictures: its values are pictures of Pillow, kept as the bytes of their files."""
    given = {"max_pixels": float(max_pixels), "formats": tuple(formats)}
    return _made("image", at, required, given, {"max_pixels": MAX_PIXELS, "formats": FORMATS})


def array(
    *,
    shape: Sequence[int] | None = None,
    dtype: Any = None,
    at: str | None = None,
    required: bool = False,
) -> Field:
    """A field of arrays of numbers; `shape` and `dtype` are those of each row, if given."""
    import numpy as np

    name = None if dtype is None else np.dtype(dtype).str
    given = {"shape": None if shape is None else tuple(shape), "dtype": name}
    return _made("array", at, required, given, {"shape": None, "dtype": None})


def json(*, at: str | None = None, required: bool = False) -> Field:
    """A field of what JSON has: dicts, lists, texts, numbers, true, false."""
    return Field("json", at, required)


def text(*, at: str | None = None, required: bool = False) -> Field:
    """A field of texts."""
    return Field("text", at, required)


def field(
    kind: type | None = None,
    *,
    dump: Dump | None = None,
    load: Load | None = None,
    at: str | None = None,
    required: bool = False,
) -> Field:
    """A field of one of Python's types, or of your own: by functions to bytes and back."""
    if dump is not None and load is not None and kind is None:
        return Field("own", at, required, dump=dump, load=load)
    if kind in _BY_TYPE:
        return Field(_BY_TYPE[kind], at, required)
    raise BadField(
        "a field is of one of Python's types, or has two functions of yours",
        given=repr(kind)[:80],
        remedy="field(int, at='record.age'), or field(dump=to_bytes, load=from_bytes)",
    )


_BY_TYPE: dict[type | None, str] = {
    **{kind.python: name for name, kind in KINDS.items() if kind.python is not object},
    list: "json",
}
_MADE_BY: dict[Any, str] = {image: "image", array: "array", json: "json", text: "text"}


def field_of(name: str, given: Any) -> Field:
    """The field that a declaration names. Raises BadField."""
    if isinstance(given, Field):
        return given
    kind = _BY_TYPE.get(given) if isinstance(given, type) else None
    if kind is None and callable(given):
        kind = _MADE_BY.get(given)
    if kind is not None:
        return Field(kind)
    raise BadField(
        f"nobody knows the field {name}",
        given=repr(given)[:80],
        remedy=f"{name}=int, float, str, bool, bytes, datetime, or image(), array(), json(), "
        "text(), uri(image()), field(dump=…, load=…)",
    )


def field_from(told: Mapping[str, Any]) -> Field:
    """The field that `describe` has told; of one of yours, the values are its bytes."""
    rest = {key: one for key, one in told.items() if key != "kind"}
    values = {key: tuple(one) if isinstance(one, list) else one for key, one in rest.items()}
    return Field(told["kind"], settings=tuple(sorted(values.items())))


def _made(
    kind: str, at: str | None, required: bool, given: Mapping[str, Any], usual: Mapping[str, Any]
) -> Field:
    told = {key: one for key, one in given.items() if one != usual[key]}
    return Field(kind, at, required, tuple(sorted(told.items())))
