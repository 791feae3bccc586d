"""The normal form of source: the same on Python 3.11 to 3.14, whatever the layout.

N1  Comments, docstrings, layout, line numbers, `pass` and annotations outside of class bodies are
    not in it; everything else is.
N2  It names what the code takes from outside: the chains of names that no scope inside binds
    (`helpers.augment`), and the imports that it makes itself.
N3  Fields that are absent or empty are left out, so that a syntax tree which gains fields in a
    later Python keeps its normal form. (`ast.dump` changes with the version.)

Standard library only: the tests run this with other Pythons, which lack our dependencies.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .scope import Chain, Import, Scope, Uses, declare

SKIPPED = {"ctx", "kind", "type_comment", "type_params", "annotation", "returns", "simple"}


@dataclass(frozen=True)
class Normal:
    """Source in normal form, and what it takes from outside."""

    text: str
    uses: Uses
    imports: tuple[Import, ...]
    decorators: tuple["Normal", ...] = ()


def normal(node: ast.AST, *, defaults: bool = True) -> Normal:
    """The normal form of a function (its name aside), a class, a module or an expression.

    The decorators of a function or class stand apart.
    """
    walker = _Walker()
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
    decorators = tuple(normal(one) for one in getattr(node, "decorator_list", ()))
    top = walker.scopes[0]
    return Normal("".join(walker.out), top.uses, tuple(walker.imports), decorators)


class _Walker:
    """One walk over a tree: writes the text, and bubbles names up to the scope that binds them."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.scopes = [Scope("module")]
        self.imports: dict[Import, None] = {}

    # --- text ------------------------------------------------------------------------------

    def node(self, node: Any) -> None:
        kind = type(node)
        special = _special.get(kind)
        if special is not None:
            special(self, node)
            return
        if kind not in _opening:
            _learn(kind)
            self.node(node)
            return
        self.out.append(_opening[kind])
        self.fields(node)
        self.out.append(")")

    def fields(self, node: Any, leave: tuple[str, ...] = ()) -> None:
        kind = type(node)
        if kind not in _fields:
            _learn(kind)
        for name, opening in _fields[kind]:
            value = getattr(node, name, None)
            if value is None or value == [] or name in leave:
                continue
            self.out.append(opening)
            if isinstance(value, ast.AST):
                self.node(value)
            else:
                self.value(name, value)

    def value(self, name: str, value: Any) -> None:
        if isinstance(value, ast.AST):
            self.node(value)
        elif isinstance(value, list):
            if name in ("body", "orelse", "finalbody"):
                value = [one for one in value if not _idle(one)]
            self.out.append("[")
            for one in value:
                before = len(self.out)
                self.value("", one)
                if len(self.out) > before:  # an import binds, and is no text
                    self.out.append(",")
            self.out.append("]")
        else:
            self.out.append(_constant(value))

    def body(self, kind: str, statements: list[ast.stmt]) -> None:
        self.out.append("(" + kind + " ")
        self.value("body", statements)
        self.out.append(")")

    # --- names -----------------------------------------------------------------------------

    def bind(self, name: str, what: Import | None = None) -> None:
        scope = self.scopes[-1]
        if name in scope.outer or name in scope.nonlocal_:
            scope.use((name,), assigned=True)
        elif what is not None or name not in scope.bound:
            scope.bound[name] = what

    def name(self, node: ast.Name) -> None:
        self.out.append("$" + node.id)
        if isinstance(node.ctx, ast.Load):
            self.scopes[-1].use((node.id,))
        else:
            self.bind(node.id)

    def attribute(self, node: ast.Attribute | ast.Subscript) -> None:
        chain = _chain(node)
        if chain:
            stored = not isinstance(node.ctx, ast.Load)
            self.scopes[-1].use(chain, assigned=stored)
        if isinstance(node, ast.Attribute):
            inner: Any = node
            names: list[str] = []
            while isinstance(inner, ast.Attribute):
                names.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name):
                self.out.append("$" + inner.id)
            else:
                self.node(inner)
            self.out.append("".join("." + name for name in reversed(names)))
        else:
            self.out.append("(Subscript")
            self.fields(node)
            self.out.append(")")

    def close(self) -> None:
        """Leaves a scope: what it does not bind is looked for further out."""
        scope = self.scopes.pop()
        for chain, assigned in scope.uses.items():
            root = chain[0]
            if root in scope.outer:
                self.scopes[0].use(chain, assigned)
            elif root in scope.bound and root not in scope.nonlocal_:
                self._found(scope, chain, assigned)
            else:
                self._outward(scope.kind).use(chain, assigned)

    def _found(self, scope: Scope, chain: Chain, assigned: bool) -> None:
        source = scope.bound[chain[0]]
        if source is not None:
            used = replace(source, attributes=chain[1:])
            self.imports[used] = None
        elif scope.kind == "class":  # `rate = rate`: it may be the outer one as well
            self._outward("class").use(chain, assigned)

    def _outward(self, kind: str) -> Scope:
        inner = len(self.scopes) - 1
        while inner and self.scopes[inner].kind == "class":
            if kind == "comprehension":
                break  # what a comprehension of a class body reads may be the body's
            inner -= 1
        return self.scopes[inner]

    # --- what needs more than its fields ---------------------------------------------------

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
        self.scopes.append(Scope("function"))
        for parameter in getattr(node, "type_params", ()):
            self.bind(parameter.name)
        for name in ("posonlyargs", "args", "kwonlyargs"):
            self.out.append(f" {name}=")
            for one in getattr(arguments, name):
                self.argument(one)
        for star, rest in (("*", arguments.vararg), ("**", arguments.kwarg)):
            if rest is not None:
                self.out.append(star)
                self.argument(rest)
        declare(body, self.scopes[-1])
        self.value("body", body)
        self.close()
        self.out.append(")")

    def argument(self, node: ast.arg) -> None:
        self.out.append(node.arg + ",")
        self.bind(node.arg)

    def inner_function(self, node: Any) -> None:
        self.bind(node.name)
        self.out.append(node.name)
        self.value("decorators", node.decorator_list)
        self.function(node, type(node).__name__, node.body)

    def lambda_(self, node: ast.Lambda, defaults: bool = True) -> None:
        self.function(node, "Lambda", [node.body], defaults)

    def class_(self, node: ast.ClassDef) -> None:
        self.bind(node.name)
        self.value("decorators", node.decorator_list)
        self.class_body(node)

    def class_body(self, node: ast.ClassDef) -> None:
        self.out.append(f"(ClassDef {node.name}")
        self.fields(node, ("name", "body", "decorator_list"))
        self.scopes.append(Scope("class"))
        for parameter in getattr(node, "type_params", ()):
            self.bind(parameter.name)
        declare(node.body, self.scopes[-1])
        self.value("body", node.body)
        self.close()
        self.out.append(")")

    def comprehension(self, node: Any) -> None:
        self.out.append("(" + type(node).__name__ + " ")
        first = node.generators[0]
        self.node(first.iter)  # evaluated outside: [x for x in x]
        self.scopes.append(Scope("comprehension"))
        self.node(first.target)
        self.value("", first.ifs)
        self.out.append(str(first.is_async))
        self.value("", node.generators[1:])
        self.fields(node, ("generators",))
        self.close()
        self.out.append(")")

    def walrus(self, node: ast.NamedExpr) -> None:
        self.out.append(f"(NamedExpr {node.target.id} ")
        self.node(node.value)
        self.out.append(")")
        held = []
        while self.scopes[-1].kind == "comprehension":
            held.append(self.scopes.pop())
        self.bind(node.target.id)
        self.scopes.extend(reversed(held))

    def annotated(self, node: ast.AnnAssign) -> None:
        """`x: int = 1` is `x = 1`, but in a class, whose fields have types that act."""
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
            self.bind(name, Import(name, alias.name if alias.asname else name, 0, ""))

    def import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name
            self.bind(name, Import(name, node.module or "", node.level, alias.name))

    def named(self, node: Any) -> None:
        """A handler or pattern that binds the name it carries."""
        name = getattr(node, "rest", None) or getattr(node, "name", None)
        if name:
            self.bind(name)
        self.out.append("(" + type(node).__name__)
        self.fields(node)
        self.out.append(")")

    def declaration(self, node: ast.Global | ast.Nonlocal) -> None:
        """Nothing: what it declares is known from the start of the scope."""

    def joined(self, node: ast.JoinedStr) -> None:
        """An f-string: neighbouring texts are one, whoever split them."""
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


def _chain(node: ast.Attribute | ast.Subscript) -> Chain:
    """The names of `a.b.c`, or of what `a.b[…] = …` goes into; none when it starts otherwise."""
    inner: ast.expr = node
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return ()
    while isinstance(inner, ast.Subscript):
        inner = inner.value
    names: list[str] = []
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    return (inner.id, *reversed(names)) if isinstance(inner, ast.Name) else ()


def _idle(node: ast.AST) -> bool:
    """Whether a statement does nothing: `pass`, a docstring, `x: int` outside of a class."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass)


def _constant(value: object) -> str:
    # ascii, since what repr escapes follows the Unicode tables of the Python; hex, since decimal
    # digits are limited.
    if type(value) is int and abs(value) >> 64:
        return hex(value)
    return ascii(value)


_SPECIAL: dict[str, Callable[[_Walker, Any], None]] = {
    "Name": _Walker.name,
    "Attribute": _Walker.attribute,
    "Subscript": _Walker.attribute,
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

# The same by class, learned as classes are met: a walk goes over thousands of nodes.
_special: dict[type, Callable[[_Walker, Any], None]] = {}
_opening: dict[type, str] = {}
_fields: dict[type, tuple[tuple[str, str], ...]] = {}


def _learn(kind: type[ast.AST]) -> None:
    _fields[kind] = tuple((name, f" {name}=") for name in kind._fields if name not in SKIPPED)
    _opening[kind] = "(" + kind.__name__
    if kind.__name__ in _SPECIAL:
        _special[kind] = _SPECIAL[kind.__name__]
