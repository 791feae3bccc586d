"""pystore graph: what something was made from, as a tree or for Mermaid."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from ...ask.inspection.lineage import Branch, Ref, branches, lineage
from .columns import cut
from .columns import ref as shown
from .command_context import CommandContext, as_json, report, with_command
from .ref import REF

_Inputs = Mapping[Ref, tuple[Ref, ...] | None]


@click.command()
@click.argument("ref", type=REF)
@click.option("--mermaid", is_flag=True, help="Print a flowchart, for Markdown.")
@as_json
@with_command
def graph(command: CommandContext, ref: Ref, mermaid: bool, as_json: bool) -> None:
    """Show what REF needs, or was built from, as a tree.

    Of a derivation what it needs, of a realization what it was built from.

    --json: objects with `ref`, `name` and `inputs`, inputs of inputs after them; `inputs` is null
    of what is gone.
    """
    inputs = lineage(ref, command.store)
    drawn = _mermaid if mermaid else _tree
    report(_records(inputs), lambda: "\n".join(drawn(ref, inputs)), as_json)


def _records(inputs: _Inputs) -> list[dict[str, Any]]:
    return [{"ref": ref, "name": ref.name, "inputs": below} for ref, below in inputs.items()]


def _tree(root: Ref, inputs: _Inputs) -> Iterator[str]:
    for branch in branches(root, inputs):
        yield cut(f"{_rails(branch)}{branch.ref.name}  {shown(branch.ref)}{_mark(branch, inputs)}")


def _mark(branch: Branch, inputs: _Inputs) -> str:
    if inputs[branch.ref] is None:
        return "  (gone)"
    return "  (its inputs stand above)" if branch.again else ""


def _rails(branch: Branch) -> str:
    if not branch.last:
        return ""
    above = "".join("    " if last else "│   " for last in branch.last[:-1])
    return above + ("└── " if branch.last[-1] else "├── ")


def _mermaid(root: Ref, inputs: _Inputs) -> Iterator[str]:
    numbers = {ref: f"n{i}" for i, ref in enumerate(inputs)}
    yield "flowchart TD"
    for ref, number in numbers.items():
        yield f'    {number}["{ref.name}<br>{ref[5:13]}"]'
    for ref, below in inputs.items():
        for one in below or ():
            yield f"    {numbers[one]} --> {numbers[ref]}"
