"""pystore graph: the inputs of something, all the way up, as a tree or for Mermaid."""

from collections.abc import Iterator, Mapping

import click

from ...ask.inspection.lineage import Branch, Node, Ref, branches, lineage
from .columns import cut
from .columns import ref as shortened
from .command_context import CommandContext, as_json, report, with_command
from .ref import REF

_Nodes = Mapping[Ref, Node]


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
    nodes = lineage(ref, command.store)
    lines = _mermaid(nodes) if mermaid else map(_line, branches(ref, nodes))
    report(nodes.values(), lambda: "\n".join(lines), as_json)


def _line(branch: Branch) -> str:
    ref = branch.node.ref
    above = "".join("    " if last else "│   " for last in branch.last[:-1])
    sign = "".join("└── " if last else "├── " for last in branch.last[-1:])
    again = "  (its inputs stand above)" if branch.again else ""
    mark = "  (gone)" if branch.node.inputs is None else again
    return cut(f"{above}{sign}{ref.name}  {shortened(ref)}{mark}")


def _mermaid(nodes: _Nodes) -> Iterator[str]:
    numbers = {ref: f"n{i}" for i, ref in enumerate(nodes)}
    yield "flowchart TD"
    for ref, number in numbers.items():
        yield f'    {number}["{ref.name}<br>{ref[5:13]}"]'
    for ref, node in nodes.items():
        for one in node.inputs or ():
            yield f"    {numbers[one]} --> {numbers[ref]}"
