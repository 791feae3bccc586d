"""The walk over a syntax tree: writes its normal form, and notes the names that it uses."""

import ast
import inspect
from collections.abc import Callable
from typing import Any

from .parsing import parsed_expression
from .scope import COMPUTED, READS_OWN_NAMES, Import, Read, Scope, Scopes, Uses, declare, is_idle

SKIPPED = {"ctx", "kind", "type_comment", "type_params", "annotation", "returns", "simple"}


_STATEMENTS = {"body", "orelse", "finalbody"}


def walk(
    node: ast.AST, defaults: bool, read: Read, cells: frozenset[str]
) -> tuple[str, Uses, tuple[Import, ...], tuple[str, ...]]:
    """The text of a node, the names and imports that it uses, and the names of `cells` in it."""
    walker = _Walker(read)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        walker.function(node, type(node).__name__, node.body, defaults)
    elif isinstance(node, ast.Lambda):
        walker.lambda_(node, defaults)
    elif isinstance(node, ast.ClassDef):
        walker.class_body(node)
    elif isinstance(node, ast.Module):
        walker.body("Module", node.body)
    else:
        walker.node(node)
    top = walker.scopes[0]
    taken: dict[str, int] = {}
    for place, name in top.names if cells else ():
        if name in cells:
            walker.out[place] = f"^{taken.setdefault(name, len(taken))}"
    return "".join(walker.out), top.uses, tuple(walker.imports), tuple(taken)


class _Walker(Scopes):
    """One walk over a tree."""

    def __init__(self, read: Read) -> None:
        super().__init__()
        self.read = read

    # --- text ------------------------------------------------------------------------------

    def node(self, node: Any) -> None:
        (_special.get(type(node)) or _writer(type(node)))(self, node)

    def plain(self, node: Any) -> None:
        """Writes a node field by field."""
        self.out.append(f"({type(node).__name__}")
        self.fields(node)
        self.out.append(")")

    def fields(self, node: Any, leave: tuple[str, ...] = ()) -> None:
        kind = type(node)
        held, out = node.__dict__, self.out
        for name, opening in _fields.get(kind) or _openings(kind):
            value = held.get(name)
            if value is None or name in leave:
                continue
            kind = type(value)
            if kind is list:
                if value:
                    out.append(opening)
                    self.all(name, value)
            elif write := _special.get(kind):
                out.append(opening)
                write(self, value)
            elif isinstance(value, ast.AST):
                out.append(opening)
                self.node(value)
            else:
                out += opening, _constant(value)

    def all(self, name: str, values: list[Any]) -> None:
        if name in _STATEMENTS:
            values = [one for one in values if not is_idle(one)]
        out = self.out
        out.append("[")
        for one in values:
            before = len(out)
            if isinstance(one, ast.AST):
                (_special.get(type(one)) or _writer(type(one)))(self, one)
            else:
                out.append(_constant(one))
            if len(out) > before:  # an import binds, and is no text
                out.append(",")
        out.append("]")

    def body(self, kind: str, statements: list[ast.stmt]) -> None:
        self.out.append("(" + kind + " ")
        self.all("body", statements)
        self.out.append(")")

    # --- names -----------------------------------------------------------------------------

    def name(self, node: ast.Name) -> None:
        name, scope = node.id, self.scopes[-1]
        scope.names.append((len(self.out), name))  # as `write_name` does: most nodes are names
        self.out.append("$" + name)
        if type(node.ctx) is ast.Load:
            scope.uses[name,] = None
        else:
            self.bind(name)

    def attribute(self, node: ast.Attribute) -> None:
        names, inner = [node.attr], node.value
        while type(inner) is ast.Attribute:
            names.append(inner.attr)
            inner = inner.value
        names.reverse()
        if type(inner) is ast.Name:
            self.scopes[-1].uses[inner.id, *names] = None
            self.write_name(inner.id)
        else:
            self.node(inner)
        self.out.append("." + ".".join(names))

    # --- nodes that are not written field by field -----------------------------------------

    def constant(self, node: ast.Constant) -> None:
        self.out.append(_constant(node.value))

    def function(self, node: Any, kind: str, body: list[Any], defaults: bool = True) -> None:
        arguments: ast.arguments = node.args
        self.out.append(f"({kind} ")
        if defaults:
            for each in (*arguments.defaults, ..., *arguments.kw_defaults):
                self.out.append("/" if each is ... else ",")
                if isinstance(each, ast.expr):
                    self.node(each)
        groups = [getattr(arguments, name) for name in ("posonlyargs", "args", "kwonlyargs")]
        starred = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        for one in [one for group in (*groups, starred) for one in group]:
            self.annotation(f":{one.arg}", one.annotation)
        self.annotation("->", getattr(node, "returns", None))
        self.scopes.append(Scope("function"))
        for parameter in getattr(node, "type_params", ()):
            self.bind_visible(parameter.name)
        for name, group in zip(("posonlyargs", "args", "kwonlyargs"), groups, strict=True):
            self.out.append(f" {name}=")
            for one in group:
                self.argument(one)
        for star, rest in (("*", arguments.vararg), ("**", arguments.kwarg)):
            if rest is not None:
                self.out.append(star)
                self.argument(rest)
        declare(body, self.scopes[-1])
        self.docstring(body)
        self.all("body", body)
        self.close()
        self.out.append(")")

    def argument(self, node: ast.arg) -> None:
        self.out.append(node.arg + ",")
        self.bind_visible(node.arg)

    def annotation(self, opening: str, node: ast.expr | None) -> None:
        """Writes an annotation, if annotations are read; a string in it is code, too."""
        if node is None or not self.read.annotations:
            return
        self.out.append(opening)
        self.node(node)
        for text in ast.walk(node):
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                self.annotation_text(text.value)

    def annotation_text(self, text: str) -> None:
        """Notes the names in an annotation that is a string."""
        tree = parsed_expression(text)
        if tree is None:
            return
        before = len(self.out)
        self.node(tree.body)
        del self.out[before:]
        self.scopes[-1].names = [(at, name) for at, name in self.scopes[-1].names if at < before]

    def docstring(self, body: list[Any]) -> None:
        """Writes the docstring, if docstrings are read."""
        first = body[0] if body and self.read.docstrings else None
        value = getattr(getattr(first, "value", None), "value", None)
        if isinstance(first, ast.Expr) and isinstance(value, str):
            self.out.append(f" doc={inspect.cleandoc(value)!a}")

    def call(self, node: ast.Call) -> None:
        """Writes a call; `import_module("name")` is an import, too."""
        function = node.func
        if isinstance(function, ast.Name | ast.Attribute):
            name = function.id if isinstance(function, ast.Name) else function.attr
            if name in ("import_module", "__import__") and node.args:
                self.called_import(node.args[0])
            if name in READS_OWN_NAMES and not node.args:
                self.scopes[-1].seen = True
        self.plain(node)

    def called_import(self, name: ast.expr) -> None:
        """Notes a module that a call imports; a computed name cannot be known."""
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            bare = name.value.lstrip(".")
            level = len(name.value) - len(bare)
            self.imports[Import(f"import_module({name.value})", bare, level, "")] = None
        else:
            self.scopes[-1].uses[COMPUTED,] = None

    def inner_function(self, node: Any) -> None:
        self.bind_visible(node.name)
        self.out.append(node.name)
        self.all("decorators", node.decorator_list)
        self.function(node, type(node).__name__, node.body)

    def lambda_(self, node: ast.Lambda, defaults: bool = True) -> None:
        self.function(node, "Lambda", [node.body], defaults)

    def class_(self, node: ast.ClassDef) -> None:
        self.bind_visible(node.name)
        self.all("decorators", node.decorator_list)
        self.class_body(node)

    def class_body(self, node: ast.ClassDef) -> None:
        self.out.append(f"(ClassDef {node.name}")
        self.fields(node, ("name", "body", "decorator_list"))
        self.scopes.append(Scope("class"))
        for parameter in getattr(node, "type_params", ()):
            self.bind_visible(parameter.name)
        declare(node.body, self.scopes[-1])
        self.docstring(node.body)
        self.all("body", node.body)
        self.close()
        self.out.append(")")

    def comprehension(self, node: Any) -> None:
        self.out.append("(" + type(node).__name__ + " ")
        first = node.generators[0]
        self.node(first.iter)  # evaluated outside: [x for x in x]
        self.scopes.append(Scope("comprehension"))
        self.node(first.target)
        self.all("", first.ifs)
        self.out.append(str(first.is_async))
        self.all("", node.generators[1:])
        self.fields(node, ("generators",))
        self.close()
        self.out.append(")")

    def walrus(self, node: ast.NamedExpr) -> None:
        self.out.append("(NamedExpr ")
        held = []
        while self.scopes[-1].kind == "comprehension":
            held.append(self.scopes.pop())
        self.write_name(node.target.id)
        self.bind(node.target.id)
        self.scopes.extend(reversed(held))
        self.node(node.value)
        self.out.append(")")

    def annotated(self, node: ast.AnnAssign) -> None:
        """Writes `x: int = 1` as `x = 1`; in a class with the type, which dataclasses act on."""
        if self.scopes[-1].kind == "class":
            self.out.append("(Field ")
            self.node(node.annotation)
            self.fields(node)
            self.out.append(")")
        elif node.value is not None:
            self.out.append("(Assign targets=[")
            self.node(node.target)
            self.out.append(",] value=")
            self.node(node.value)
            self.out.append(")")
        elif isinstance(node.target, ast.Name):
            self.bind(node.target.id)

    def import_(self, node: ast.Import) -> None:
        for alias in node.names:
            # `import a.b` binds a, whose attribute b is then used; `import a.b as c` binds a.b.
            name = alias.asname or alias.name.partition(".")[0]
            self.bind_visible(name, Import(name, alias.name if alias.asname else name, 0, ""))

    def import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name
            self.bind_visible(name, Import(name, node.module or "", node.level, alias.name))

    def named(self, node: Any) -> None:
        """Writes an exception handler or a pattern, which binds a name."""
        name = getattr(node, "rest", None) or getattr(node, "name", None)
        self.out.append("(" + type(node).__name__)
        if name:
            self.out.append(" as ")
            self.write_name(name)
            self.bind(name)
        self.fields(node, ("name", "rest"))
        self.out.append(")")

    def declaration(self, node: ast.Global | ast.Nonlocal) -> None:
        """Writes nothing: `declare` has noted the names at the start of the scope."""

    def joined(self, node: ast.JoinedStr) -> None:
        """Writes an f-string; neighbouring texts become one."""
        self.out.append("(f ")
        text = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
                continue
            self.out.append(ascii(text) + ",")
            text = ""
            self.node(part)
        self.out.append(ascii(text) + ")")

    def formatted(self, node: ast.FormattedValue) -> None:
        self.out.append(f"(!{node.conversion} ")
        self.node(node.value)
        if isinstance(node.format_spec, ast.JoinedStr) and node.format_spec.values:
            self.node(node.format_spec)
        self.out.append(")")


def _constant(value: object) -> str:
    # ascii, since repr escapes what this Python's Unicode tables say; hex, since Python limits
    # how many decimal digits an int may be written with.
    if type(value) is int and abs(value) >> 64:
        return hex(value)
    return ascii(value)


_SPECIAL: dict[str, Callable[[_Walker, Any], None]] = {
    "Name": _Walker.name,
    "Attribute": _Walker.attribute,
    "Call": _Walker.call,
    "Constant": _Walker.constant,
    "FunctionDef": _Walker.inner_function,
    "AsyncFunctionDef": _Walker.inner_function,
    "Lambda": _Walker.lambda_,
    "ClassDef": _Walker.class_,
    "ListComp": _Walker.comprehension,
    "SetComp": _Walker.comprehension,
    "DictComp": _Walker.comprehension,
    "GeneratorExp": _Walker.comprehension,
    "NamedExpr": _Walker.walrus,
    "AnnAssign": _Walker.annotated,
    "Import": _Walker.import_,
    "ImportFrom": _Walker.import_from,
    "ExceptHandler": _Walker.named,
    "MatchAs": _Walker.named,
    "MatchStar": _Walker.named,
    "MatchMapping": _Walker.named,
    "Global": _Walker.declaration,
    "Nonlocal": _Walker.declaration,
    "JoinedStr": _Walker.joined,
    "FormattedValue": _Walker.formatted,
}

# Filled as classes of nodes are met, since a walk visits thousands of nodes.
_special: dict[type, Callable[[_Walker, Any], None]] = {}
_fields: dict[type, tuple[tuple[str, str], ...]] = {}


def _writer(kind: type) -> Callable[[_Walker, Any], None]:
    """The method that writes nodes of a class."""
    return _special.setdefault(kind, _SPECIAL.get(kind.__name__, _Walker.plain))


def _openings(kind: type[ast.AST]) -> tuple[tuple[str, str], ...]:
    """The fields of a class of nodes that count, each with the text before its value."""
    known = [name for name in kind._fields if name not in SKIPPED]
    return _fields.setdefault(kind, tuple((name, f" {name}=") for name in known))
