"""What the pages of the site are given while MkDocs builds them."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click

from pystore.ui.cli.commands import COMMANDS
from pystore.ui.cli.main import pystore

PLACE = "<!-- the commands -->"
# How docstrings begin, for readers of a checkout. On the site the directive brings the whole ones.
REFERENCE = re.compile(r"(?:^\*\*`.*\n)+\n<!--\n(?P<directive>::: .*\n(?:    .*\n)*)-->\n", re.M)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page, with the commands in their place: whatever is registered when it is built."""
    markdown = REFERENCE.sub(r"\g<directive>", markdown)
    return markdown.replace(PLACE, "\n".join(_commands())) if PLACE in markdown else markdown


def _commands() -> Iterator[str]:
    group = click.Context(pystore, info_name="pystore", **pystore.context_settings)
    yield from _command(group, "## pystore")
    for family, names in COMMANDS.items():
        if names:
            yield f"## {family}\n"
        for name in names:
            command = pystore.get_command(group, name)
            assert command is not None
            ctx = click.Context(command, group, info_name=name)
            yield from _command(ctx, f"### pystore {name}")
            for one in command.commands.values() if isinstance(command, click.Group) else ():
                inner = click.Context(one, ctx, info_name=one.name)
                yield from _command(inner, f"#### {inner.command_path}")


def _command(ctx: click.Context, heading: str) -> Iterator[str]:
    yield f"{heading}\n"
    yield f"```text\n{ctx.command_path} {' '.join(ctx.command.collect_usage_pieces(ctx))}\n```\n"
    yield from _prose(inspect.cleandoc(ctx.command.help or ""))
    records = [p.get_help_record(ctx) for p in _own(ctx)]
    options = [record for record in records if record and record[1]]  # the usage has the others
    if options:
        yield "| option | what it does |\n|---|---|"
    for names, text in options:
        yield f"| `{names}` | {_cell(text)} |"
    yield ""


def _own(ctx: click.Context) -> list[click.Parameter]:
    """The parameters of a command, without those that all commands share."""
    shared = {p.name for p in ctx.parent.command.get_params(ctx.parent)} if ctx.parent else ()
    return [p for p in ctx.command.get_params(ctx) if p.name not in shared]


def _prose(text: str) -> Iterator[str]:
    """The paragraphs of a help text; those that click must not wrap stay as they are."""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b\n"):
            yield f"```text\n{paragraph[2:]}\n```\n"
        else:
            yield f"{_cell(paragraph)}\n"


def _cell(text: str) -> str:
    """The text as Markdown: what stands between backquotes is code, and nothing else is special."""
    return re.sub(r"(`[^`]*`)|([|<>*_\[\]\\])", lambda m: m[1] or f"\\{m[2]}", text)
