"""Asked and Shown: what a view is asked, and what it shows.

YQ1  A query is text of at most 2,000 characters; another one is refused before any view sees it.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote as quoted
from typing import Any
from urllib.parse import quote, urlencode

from ...ask.finding.conditions import Condition, conditions
from ...ask.inspection.short_refs import find_ref, find_rref
from ...core.dataclasses import dataclass, field
from ...core.errors import BadRef, BadStage, NotInStore
from ...core.refs import DRef, RRef
from ...store.store import Store

_MOST = 2000  # [characters] of one value of a query
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]*\Z")  # no path: `find_ref` takes paths too


@dataclass(frozen=True)
class Asked:
    """The store that is looked at, and the parameters of the address."""

    store: Store
    here: str = "/"  # the path of this page, without the base
    path: Mapping[str, str] = field(default_factory=dict)  # the parameters in the path
    query: Mapping[str, str] = field(default_factory=dict)
    base: str = ""  # begins the addresses of this store, where there are several: /store/NAME
    stores: Mapping[str, str] = field(default_factory=dict)  # of several, the bases of all
    database: str | None = None  # the URL of collections
    version: str = ""  # of the store, when it was asked

    def check(self) -> None:
        """Raises BadStage when a parameter is too long."""
        for name, value in self.query.items():
            if len(name) + len(value) > _MOST:
                raise BadStage(
                    "this address is too long",
                    parameter=name[:100],
                    remedy=f"a parameter has at most {_MOST:,} characters",
                )

    @property
    def where(self) -> str:
        """The conditions, as they were typed; "" for none."""
        return self.query.get("where", "").strip()

    @property
    def where_words(self) -> list[str]:
        """The conditions as words of a command line."""
        return ["--where", self.where] if self.where else []

    def conditions(self) -> list[Condition]:
        """The conditions. Raises BadStage if the text is none."""
        return conditions(self.where or None)

    def choice(self, name: str, among: Sequence[str], default: str) -> str:
        """The value of a parameter that has few. Raises BadStage for another one."""
        value = self.query.get(name) or default
        if value in among:
            return value
        raise BadStage(
            f"{name} is none of these",
            given=value[:200],
            there_are=", ".join(among) or "none",
            remedy="choose one of them, or leave it out",
        )

    def number(self, name: str, default: int) -> int:
        """A whole number of a parameter. Raises BadStage when it is none."""
        text = self.query.get(name) or str(default)
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        raise BadStage(f"{name} is no whole number", given=text[:200], remedy=f"{name}={default}")

    def ref(self, text: str) -> DRef | RRef:
        """The reference that a text means, by whatever code. Raises BadRef, NotInStore."""
        return find_ref(_checked(text), code="any", store=self.store)

    def rref(self, text: str) -> RRef:
        """The realization that a text means: of a name, the latest. Raises BadRef, NotInStore."""
        if RRef.form.match(_checked(text)):
            return RRef(text)  # names of stages and pins need not be looked at
        return find_rref(text, code="any", store=self.store)

    def family(self, name: str) -> list[DRef]:
        """The derivations of a name. Raises NotInStore when there are none."""
        found = [dref for dref in self.store.drefs() if dref.name == name]
        if not found:
            remedy = "look at the table of all stages"
            raise NotInStore("no stage is called so", given=ascii(name)[:200], remedy=remedy)
        return found

    def url(self, path: str, /, **query: object) -> str:
        """The address of a page of this store; parameters that are empty are left out."""
        told = {name: value for name, value in query.items() if value not in (None, "")}
        return self.base + quote(path, safe="/:@") + (f"?{urlencode(told)}" if told else "")

    def again(self, /, **changes: object) -> str:
        """The address of this page with other parameters."""
        return self.url(self.here, **{**self.query, "format": "", **changes})

    def command(self, *words: object) -> str:
        """The command line that does the same; empty words are left out."""
        return " ".join(["pystore", *(quoted(str(word)) for word in words if word != "")])


def _checked(text: str) -> str:
    if _REF.match(text):
        return text
    raise BadRef(
        "not a reference",
        given=ascii(text)[:200],
        expected="a reference, its first digits, a name, or a pin",
        remedy="copy one from a page, or from `pystore ls`",
    )


@dataclass(frozen=True)
class Shown:
    """What a view shows: a page, and the same for programs."""

    template: str  # the name of a file of `templates/`; "": only the JSON
    title: str
    values: Mapping[str, Any]  # for the template
    data: Any  # for `?format=json`
    command: str = ""  # the command line that does the same
    changes: str = "/changed"  # the address that tells of changes of what is shown
    version: str = ""  # of what is shown, where the store alone does not say it


@dataclass(frozen=True)
class Sent:
    """An artifact that is sent as it is."""

    file: Path  # within the realization, without links
    rref: RRef
    media_type: str = "application/octet-stream"
    save_as: str = ""  # the name under which a browser saves it; "": it may show it


@dataclass(frozen=True)
class Picture:
    """A picture that does not lie in the store."""

    data: bytes
    media_type: str
