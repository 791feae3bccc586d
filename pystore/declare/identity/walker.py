"""The walk over a syntax tree: writes its normal form, and notes the names that it uses."""

import ast
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from .parsing import parsed_expression
from .scope import READS_OWN_NAMES, Import, Read, Scope, Scopes, Uses

SKIPPED = {"ctx", "kind", "type_comment", "type_params", "annotation", "returns", "simple"}
_OF_METHODS: dict[type, set[str]] = {  # fields that methods of their classes write
    ast.AnnAssign: set(),
    ast.ClassDef: {"name", "body", "decorator_list"},
    ast.ListComp: {"generators"},
    ast.SetComp: {"generators"},
    ast.DictComp: {"generators"},
    ast.GeneratorExp: {"generators"},
    ast.ExceptHandler: {"name"},
    ast.MatchAs: {"name"},
    ast.MatchStar: {"name"},
    ast.MatchMapping: {"rest"},
}
_IMPORTERS = {"import_module", "__import__"}
_PARAMETERS = ("posonlyargs", "args", "kwonlyargs")


def walk(
    node: ast.AST, defaults: bool, read: Read, cells: frozenset[str]
) -> tuple[str, Uses, tuple[Import, ...], tuple[str, ...]]:
    """The text of a node, the names and imports that it uses, and the names of `cells` in it."""
    walker = _Walker(read)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        walker.function(node, type(node).__name__, node.body, defaults)
    elif isinstance(node, ast.Lambda):
        walker.lambda_(node, defaults)
    elif isinstance(node, ast.ClassDef):
        walker.class_body(node)
    elif isinstance(node, ast.Module):
        walker.body("Module", node.body)
    else:
        walker.value(node)
    top = walker.scopes[0]
    taken = tuple(name for name in top.names if name in cells)
    for number, name in enumerate(taken):
        walker.rewrite(top.names[name], f"^{number}")
    return "".join(walker.out), top.uses, tuple(walker.imports), taken


class _Walker(Scopes):
    """One walk over a tree."""

    def __init__(self, read: Read) -> None:
        super().__init__()
        self.read = read

    # --- text ------------------------------------------------------------------------------

    def value(self, value: Any) -> None:
        """Writes a node, or the value of a field of a node."""
        _writers[type(value)](self, value)

    def fields(self, node: Any) -> None:
        """Writes a node field by field, or the fields that the method of its class leaves."""
        opening, names, closing = _shapes[type(node)]
        held, write = node.__dict__, self.out.append
        write(opening)
        for name, before in names:
            value = held.get(name)
            if value is None:
                continue
            kind = type(value)
            if kind is not list or value:
                write(before)
                _writers[kind](self, value)
        write(closing)

    def all(self, values: list[Any]) -> None:
        out = self.out
        out.append("[")
        for one in values:
            before = len(out)
            _writers[type(one)](self, one)
            if len(out) > before:  # an import binds, and is no text
                out.append(",")
        out.append("]")

    def constant(self, value: object) -> None:
        self.out.append(_constant(value))

    def body(self, kind: str, statements: list[ast.stmt]) -> None:
        self.out.append("(" + kind + " ")
        self.all(statements)
        self.out.append(")")

    # --- names -----------------------------------------------------------------------------

    def name(self, node: ast.Name) -> None:
        name, scope = node.id, self.scopes[-1]
        scope.names[name].append(len(self.out))  # as `write_name` does: most nodes are names
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
            self.value(inner)
        self.out.append("." + ".".join(names))

    # --- nodes that are not written field by field -----------------------------------------

    def literal(self, node: ast.Constant) -> None:
        self.out.append(_constant(node.value))

    def expression(self, node: ast.Expr) -> None:
        """Writes an expression that is a statement, unless it does nothing, as a docstring."""
        if type(node.value) is not ast.Constant:
            self.fields(node)

    def nothing(self, node: ast.Pass) -> None:
        """Writes nothing."""

    def function(self, node: Any, kind: str, body: list[Any], defaults: bool = True) -> None:
        arguments: ast.arguments = node.args
        self.out.append(f"({kind} ")
        if defaults:
            for each in (*arguments.defaults, ..., *arguments.kw_defaults):
                self.out.append("/" if each is ... else ",")
                if isinstance(each, ast.expr):
                    self.value(each)
        if self.read.annotations:
            for one in _parameters(arguments):
                self.annotation(f":{one.arg}", one.annotation)
            self.annotation("->", getattr(node, "returns", None))
        self.scopes.append(Scope("function"))
        for parameter in getattr(node, "type_params", ()):
            self.bind_visible(parameter.name)
        for name in _PARAMETERS:
            self.out.append(f" {name}=")
            for one in getattr(arguments, name):
                self.argument(one)
        for star, rest in (("*", arguments.vararg), ("**", arguments.kwarg)):
            if rest is not None:
                self.out.append(star)
                self.argument(rest)
        self.docstring(body)
        self.all(body)
        self.close()
        self.out.append(")")

    def argument(self, node: ast.arg) -> None:
        self.out.append(node.arg + ",")
        self.bind_visible(node.arg)

    def annotation(self, opening: str, node: ast.expr | None) -> None:
        """Writes an annotation; a string in it is code, too."""
        if node is None:
            return
        self.out.append(opening)
        self.value(node)
        for text in ast.walk(node):
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                self.annotation_text(text.value)

    def annotation_text(self, text: str) -> None:
        """Notes the names in an annotation that is a string."""
        tree = parsed_expression(text)
        if tree is None:
            return
        scope, before = self.scopes[-1], len(self.out)
        written, scope.names = scope.names, defaultdict(list)
        self.value(tree.body)
        del self.out[before:]
        scope.names = written

    def docstring(self, body: list[Any]) -> None:
        """Writes the docstring, if docstrings are read."""
        first = body[0] if body and self.read.docstrings else None
        value = getattr(getattr(first, "value", None), "value", None)
        if isinstance(first, ast.Expr) and isinstance(value, str):
            self.out.append(f" doc={inspect.cleandoc(value)!a}")

    def call(self, node: ast.Call) -> None:
        """Writes a call; `import_module("name")` is an import, too."""
        function = node.func
        if isinstance(function, (ast.Name, ast.Attribute)):
            name = function.id if isinstance(function, ast.Name) else function.attr
            if name in _IMPORTERS and node.args:
                self.called_import(node.args[0])
            if name in READS_OWN_NAMES and not node.args:
                self.scopes[-1].seen = True
        self.fields(node)

    def subscript(self, node: ast.Subscript) -> None:
        """Writes a subscript; `sys.modules["name"]` takes a module as an import does."""
        match node.value:
            case ast.Attribute(value=ast.Name(id="sys"), attr="modules"):
                self.taken_module(node)
        self.fields(node)

    def inner_function(self, node: Any) -> None:
        self.bind_visible(node.name)
        self.out.append(node.name)
        self.all(node.decorator_list)
        self.function(node, type(node).__name__, node.body)

    def lambda_(self, node: ast.Lambda, defaults: bool = True) -> None:
        self.function(node, "Lambda", [node.body], defaults)

    def class_(self, node: ast.ClassDef) -> None:
        self.bind_visible(node.name)
        self.all(node.decorator_list)
        self.class_body(node)

    def class_body(self, node: ast.ClassDef) -> None:
        self.out.append(f"(ClassDef {node.name}")
        self.fields(node)
        self.scopes.append(Scope("class"))
        for parameter in getattr(node, "type_params", ()):
            self.bind_visible(parameter.name)
        self.docstring(node.body)
        self.all(node.body)
        self.close()
        self.out.append(")")

    def comprehension(self, node: Any) -> None:
        self.out.append("(" + type(node).__name__ + " ")
        first = node.generators[0]
        self.value(first.iter)  # evaluated outside: [x for x in x]
        self.scopes.append(Scope("comprehension"))
        self.value(first.target)
        self.all(first.ifs)
        self.out.append(str(first.is_async))
        self.all(node.generators[1:])
        self.fields(node)
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
        self.value(node.value)
        self.out.append(")")

    def annotated(self, node: ast.AnnAssign) -> None:
        """Writes `x: int = 1` as `x = 1`; in a class with the type, which dataclasses act on."""
        if self.scopes[-1].kind == "class":
            self.out.append("(Field ")
            self.value(node.annotation)
            self.fields(node)
            self.out.append(")")
        elif node.value is not None:
            self.out.append("(Assign targets=[")
            self.value(node.target)
            self.out.append(",] value=")
            self.value(node.value)
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
        self.fields(node)
        self.out.append(")")

    def global_(self, node: ast.Global) -> None:
        """Notes names that the scope has not used yet: Python refuses a later declaration."""
        if len(self.scopes) > 1:  # at the top of a module, it says nothing
            self.scopes[-1].outer.update(node.names)

    def nonlocal_(self, node: ast.Nonlocal) -> None:
        """Notes names that the scope has not used yet, as `global_` does."""
        self.scopes[-1].nonlocal_.update(node.names)

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
            self.value(part)
        self.out.append(ascii(text) + ")")

    def formatted(self, node: ast.FormattedValue) -> None:
        self.out.append(f"(!{node.conversion} ")
        self.value(node.value)
        if isinstance(node.format_spec, ast.JoinedStr) and node.format_spec.values:
            self.value(node.format_spec)
        self.out.append(")")


def _constant(value: object) -> str:
    # ascii, since repr escapes what this Python's Unicode tables say; hex, since Python limits
    # how many decimal digits an int may be written with.
    if type(value) is int and abs(value) >> 64:
        return hex(value)
    return ascii(value)


def _parameters(arguments: ast.arguments) -> Iterator[ast.arg]:
    """The parameters of a function; those with stars are the last."""
    for name in _PARAMETERS:
        yield from getattr(arguments, name)
    yield from filter(None, (arguments.vararg, arguments.kwarg))


_Shape = tuple[str, list[tuple[str, str]], str]


def _shape(kind: type[ast.AST]) -> _Shape:
    """The text before the fields of a node, the fields with the text before each, and the end."""
    left = _OF_METHODS.get(kind, ())
    names = [name for name in kind._fields if name not in SKIPPED and name not in left]
    fields = [(name, f" {name}=") for name in names]
    return ("", fields, "") if kind in _OF_METHODS else ("(" + kind.__name__, fields, ")")


_NODES = [one for one in vars(ast).values() if isinstance(one, type) and issubclass(one, ast.AST)]
_shapes = {kind: _shape(kind) for kind in _NODES}
# The methods that write values, by the class of the value.
_writers: dict[type, Callable[[_Walker, Any], None]] = {
    **dict.fromkeys(_NODES, _Walker.fields),
    **dict.fromkeys((str, int, bool, type(None)), _Walker.constant),
    list: _Walker.all,
    ast.Name: _Walker.name,
    ast.Attribute: _Walker.attribute,
    ast.Call: _Walker.call,
    ast.Subscript: _Walker.subscript,
    ast.Constant: _Walker.literal,
    ast.Expr: _Walker.expression,
    ast.Pass: _Walker.nothing,
    ast.FunctionDef: _Walker.inner_function,
    ast.AsyncFunctionDef: _Walker.inner_function,
    ast.Lambda: _Walker.lambda_,
    ast.ClassDef: _Walker.class_,
    ast.ListComp: _Walker.comprehension,
    ast.SetComp: _Walker.comprehension,
    ast.DictComp: _Walker.comprehension,
    ast.GeneratorExp: _Walker.comprehension,
    ast.NamedExpr: _Walker.walrus,
    ast.AnnAssign: _Walker.annotated,
    ast.Import: _Walker.import_,
    ast.ImportFrom: _Walker.import_from,
    ast.ExceptHandler: _Walker.named,
    ast.MatchAs: _Walker.named,
    ast.MatchStar: _Walker.named,
    ast.MatchMapping: _Walker.named,
    ast.Global: _Walker.global_,
    ast.Nonlocal: _Walker.nonlocal_,
    ast.JoinedStr: _Walker.joined,
    ast.FormattedValue: _Walker.formatted,
}
