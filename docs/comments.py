"""In the reference, a field is described by the comment behind it: unit, shape, when it is None."""

import ast
from typing import Any

import griffe


class Comments(griffe.Extension):
    """Takes the comment on the line of an attribute for its docstring, where it has none."""

    def on_attribute_instance(
        self, *, node: ast.AST | griffe.ObjectNode, attr: griffe.Attribute, **_: Any
    ) -> None:
        """Called for each attribute that is found in a source file."""
        attr.labels -= {"class-attribute", "instance-attribute", "module-attribute"}
        _, mark, comment = (attr.lines or [""])[-1].partition("  # ")
        if mark and attr.docstring is None and not comment.startswith(("type:", "noqa")):
            attr.docstring = griffe.Docstring(comment, parent=attr)
