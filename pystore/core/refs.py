"""References: the names of derivations, of realizations, and of the files in them.

Invariants (S8): a reference that exists is well-formed; joined to the store's root it names
nothing outside of it.
"""

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final, Self

from .dataclasses import dataclass
from .errors import BadName, BadRef

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_FULL = re.compile(r"([dr]ref:)?([0-9a-f]{32}-){1,2}[A-Za-z0-9_-]+\Z")
_DIGESTS = re.compile(r"(?:[0-9a-f]{32},)*\Z")
_BEGUN = re.compile(r"(?:[dr]ref:[0-9a-f]|[0-9a-f]{4})[A-Za-z0-9_-]*\Z")

selfref: Final = "dref:self"
"""Stands for the derivation itself: `[selfref, "accuracy.txt"]` promises a file."""


def is_name(text: str) -> bool:
    """Whether a text can be the readable part of a reference."""
    return _NAME.match(text) is not None


def check_name(name: object) -> str:
    """`name`, if it can be the readable part of a reference. Raises BadName otherwise."""
    if isinstance(name, str) and is_name(name):
        return name
    raise BadName(
        "not a name",
        given=ascii(name)[:200],
        expected="1 to 128 of the letters a-z and A-Z, digits, _ and -",
        remedy="choose a name such as 'mnist-train'",
    )


class _Ref(str):
    """A text of one form. Raises BadRef when the text has another form."""

    __slots__ = ()

    form: ClassVar[re.Pattern[str]]
    kind: ClassVar[str]
    holder: ClassVar[str]  # the attribute under which other values have one
    expected: ClassVar[str]
    source: ClassVar[str]  # where users get one

    def __new__(cls, text: str) -> Self:
        """The reference in `text`, or that of what has one: a view, an attempt, a derivation."""
        if type(text) is cls:
            return text
        if not isinstance(text, str) or not cls.form.match(text):
            found = None if isinstance(text, str) else getattr(text, cls.holder, None)
            if isinstance(found, cls):
                return found
            raise BadRef(
                f"not a {cls.kind} reference",
                given=ascii(text)[:200],
                expected=cls.expected,
                remedy=f"use {cls.source}",
            )
        return super().__new__(cls, text)

    @property
    def digest(self) -> str:
        """The first 32 hex digits: those of the config, or of the realization itself."""
        return self[5:37]

    def _repr_html_(self) -> str:
        return f"<code>{self}</code>"


class DRef(_Ref):
    """The name of a derivation: `dref:<32 hex>-<name>`.

    Raises BadRef when the text is anything else.
    """

    __slots__ = ()

    form = re.compile(r"dref:[0-9a-f]{32}-[A-Za-z0-9_-]{1,128}\Z")
    kind = "derivation"
    holder = "dref"
    expected = "dref:<32 hex>-<name>"
    source = "the .dref of a derivation, or what mkdrv and instantiate_inplace return"

    @classmethod
    def of(cls, digest: str, name: str) -> "DRef":
        """The reference with these two parts."""
        return cls(f"dref:{digest}-{name}")

    @property
    def dref(self) -> "DRef":
        """Itself, so that DRef and RRef both have the derivation under this name."""
        return self

    @property
    def name(self) -> str:
        """The readable part."""
        return self[38:]

    @property
    def short(self) -> str:
        """The name with 6 digits, for people: `train@1f0c2a`."""
        return f"{self.name}@{self.digest[:6]}"


class RRef(_Ref):
    """The name of a realization: `rref:<32 hex>-<32 hex>-<name>`.

    Raises BadRef when the text is anything else.
    """

    __slots__ = ()

    form = re.compile(r"rref:[0-9a-f]{32}-[0-9a-f]{32}-[A-Za-z0-9_-]{1,128}\Z")
    kind = "realization"
    holder = "rref"
    expected = "rref:<32 hex>-<32 hex>-<name>"
    source = "what realize returned, or an entry of lsref(dref)"

    @classmethod
    def of(cls, digest: str, dref: DRef) -> "RRef":
        """The realization of `dref` with this digest."""
        return cls(f"rref:{digest}-{dref[5:]}")

    @classmethod
    def each(cls, digests: Iterable[str], dref: DRef) -> "list[RRef]":
        """The realizations of `dref` with these digests, which are checked together."""
        found, rest = list(digests), dref[5:]
        joined = ",".join([*found, ""])
        if len(joined) != 33 * len(found) or not _DIGESTS.match(joined):
            return [cls.of(digest, dref) for digest in found]  # it raises at the wrong one
        return [str.__new__(cls, f"rref:{digest}-{rest}") for digest in found]

    @property
    def dref(self) -> DRef:
        """The derivation that it realizes."""
        return str.__new__(DRef, "dref:" + self[38:])  # it was checked with this reference

    @property
    def name(self) -> str:
        """The readable part."""
        return self[71:]


def is_dref(value: object) -> bool:
    """Whether a value in a config is the reference of a derivation."""
    return isinstance(value, str) and value.startswith("dref:") and value != selfref


def is_promise(value: object) -> bool:
    """Whether a value in a config is a file that the stage promises: `[selfref, "file"]`."""
    return isinstance(value, list) and value[:1] == [selfref]


def parse_ref(text: str) -> DRef | RRef:
    """The reference in `text`, or that of a derivation or a view. Raises BadRef."""
    if not isinstance(text, str):
        text = getattr(text, "rref", None) or getattr(text, "dref", text)
    return RRef(text) if isinstance(text, str) and text.startswith("rref:") else DRef(text)


def is_full(text: str) -> bool:
    """Whether a text is a full reference, or the name of its directory."""
    return _FULL.match(text) is not None


def may_begin(text: str) -> bool:
    """Whether a text may begin a reference: 4 digits or more; any number after `dref:`, `rref:`."""
    return _BEGUN.match(text) is not None


def check_part(part: object) -> str:
    """`part`, if it is a file name that stays in its directory. Raises BadRef otherwise."""
    if isinstance(part, str) and part not in ("", ".", "..") and not {"/", "\0"} & set(part):
        try:
            if len(part.encode("utf-8", "surrogateescape")) <= 255:  # as file names are
                return part
        except UnicodeEncodeError:
            pass
    raise BadRef(
        "not a part of a path inside a realization",
        given=ascii(part)[:200],
        expected="a file or directory name of at most 255 bytes, not '.' or '..', without '/'",
        remedy="write [dref, 'dir', 'file'], one name a step",
    )


@dataclass(frozen=True)
class RefPath:
    """A file or directory of a derivation: `[dref, "dir", "file"]`, or `[selfref, "file"]`."""

    ref: str  # a DRef, or selfref
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, value: "RefPath | Sequence[str] | str") -> "RefPath":
        """The path in a list of a config. Raises BadRef."""
        if isinstance(value, RefPath):
            return value
        steps = [value] if isinstance(value, str) else list(value)
        if not steps:
            raise BadRef("an empty path", remedy="write [dref, 'file']")
        ref = selfref if steps[0] == selfref else DRef(steps[0])
        return cls(ref, tuple(check_part(part) for part in steps[1:]))

    def __str__(self) -> str:
        return "/".join((self.ref, *self.parts))
