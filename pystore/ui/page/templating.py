"""Templating: the templates of pages, and how they write values.

YT1  Each value is escaped, and control characters and text directions in it are shown as `\\x1b`.
YT2  A value that a template names and a view does not give is an error, and no empty place. So is a
     name that templates read as a literal, such as `none`: what a view gives for it is never shown.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ...core.errors import in_one_line
from ...core.printable import printable, when
from ...declare.parameters import ABSENT
from ..quantities import number, size, span
from .asked import Asked, Shown

_LITERALS = frozenset(("none", "true", "false", "None", "True", "False"))


def rendered(asked: Asked, shown: Shown, navigation: Sequence[tuple[str, str]] = ()) -> str:
    """The page that shows this. `navigation` has the paths and the names of views."""
    unread = _LITERALS & shown.values.keys()
    assert not unread, f"no template reads {unread}"
    told = {
        "asked": asked, "url": asked.url, "again": asked.again, "shown": shown,
        "navigation": navigation,
    }  # fmt: skip
    return template(shown.template).render({**told, **shown.values})


def template(name: str) -> Template:
    """A template by the name of its file."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finished,
    )
    made.filters |= {
        "short": lambda ref: ref[5:13],
        "size": partial(_or_dash, size),
        "number": partial(_or_dash, number),
        "span": partial(_or_dash, span),
        "when": partial(_or_dash, when),
        "cell": _cell,
        "line": in_one_line,
    }
    return made


def _finished(value: Any) -> Any:
    """A text without characters that would steer a reader; lines and tabs stay."""
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "\n".join("\t".join(map(printable, x.split("\t"))) for x in value.split("\n"))


def _or_dash(write: Callable[[Any], str], value: float | None) -> str:
    return write(value) if value is not None and math.isfinite(value) else "—"


def _cell(value: Any) -> str:
    """A parameter; "—" where there is none."""
    if value is None or value is ABSENT:
        return "—"
    return number(value) if isinstance(value, float) else str(value)
