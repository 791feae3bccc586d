"""Edits without a meaning: after each, the name of the stage must be what it was."""

import ast
from collections import Counter
from collections.abc import Callable
from random import Random

Edit = Callable[[str, Random], str]

EDITS: dict[str, Edit] = {}
NEEDS: dict[str, str] = {}  # what must not be read by the program, by the edit


def edit(name: str, unread: str = "source") -> Callable[[Edit], Edit]:
    """Registers an edit, and what a program must not read for the edit to mean nothing."""

    def register(function: Edit) -> Edit:
        EDITS[name], NEEDS[name] = function, unread
        return function

    return register


def possible(reads: frozenset[str]) -> list[str]:
    """The edits that mean nothing in a program that reads these."""
    return [name for name in EDITS if NEEDS[name] not in reads]


def apply(name: str, files: dict[str, str], random: Random) -> dict[str, str]:
    """The files of a program after an edit of each of its modules."""
    return {
        file: EDITS[name](text, random) if file.endswith(".py") and text else text
        for file, text in files.items()
    }


@edit("nothing", unread="")
def _nothing(text: str, random: Random) -> str:
    return text


@edit("comments")
def _comments(text: str, random: Random) -> str:
    lines = text.splitlines()
    starts = {
        min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.stmt)
    }
    for start in sorted(starts, reverse=True):
        line = lines[start - 1]
        indent = line[: len(line) - len(line.lstrip())]
        lines[start - 1 : start] = [f"{indent}# note {random.randrange(99)}", line]
    return "\n".join([*lines, "# end"]) + "\n"


@edit("blank lines")
def _blank_lines(text: str, random: Random) -> str:
    lines = text.splitlines()
    for node in reversed(ast.parse(text).body):
        start = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        lines[start - 1 : start - 1] = [""] * random.randrange(3)
    return "\n".join(lines)


@edit("written anew")
def _written_anew(text: str, random: Random) -> str:
    return ast.unparse(ast.parse(text)) + "\n"


@edit("other definitions", unread="definitions")
def _other_definitions(text: str, random: Random) -> str:
    tree = ast.parse(text)
    others = (
        "import csv\nUNUSED_A = 3\n\ndef unused_b(x):\n    return x\n\nclass UnusedC:\n    y = 1"
    )
    for other in ast.parse(others).body:
        tree.body.insert(random.randrange(len(tree.body) + 1), other)
    return ast.unparse(tree)


@edit("order of definitions")
def _order(text: str, random: Random) -> str:
    """Moves functions up, and what only functions use down: what runs at the import stays."""
    tree = ast.parse(text)
    bound = Counter(name for node in tree.body for name in _bound(node))
    movable = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and bound[node.name] == 1 and _is_plain(node)
    ]
    random.shuffle(movable)
    rest = [node for node in tree.body if node not in movable]
    return ast.unparse(ast.Module([*movable, *rest], []))


@edit("docstrings", unread="docs")
def _docstrings(text: str, random: Random) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node) is None:
                node.body.insert(0, ast.Expr(ast.Constant(f"About {random.randrange(99)}.")))
            else:
                node.body[0] = ast.Expr(ast.Constant("Something else."))
    return ast.unparse(ast.fix_missing_locations(tree))


@edit("annotations", unread="annotations")
def _annotations(text: str, random: Random) -> str:
    """Annotates what has no annotation: not where a dispatch goes by them, or fields are meant."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            node.returns = ast.Name("object", ast.Load())
            for argument in [*node.args.args, *node.args.kwonlyargs]:
                if argument.annotation is None:
                    argument.annotation = ast.Constant(random.choice(["int", "list[str]"]))
    return ast.unparse(ast.fix_missing_locations(tree))


@edit("names of locals", unread="names")
def _names_of_locals(text: str, random: Random) -> str:
    """Renames the variables of functions that hold no other function or class."""
    tree = ast.parse(text)
    inner = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.Global
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            below = [one for part in node.body for one in ast.walk(part)]
            if any(
                isinstance(one, inner | ast.Nonlocal | ast.Import | ast.ImportFrom) for one in below
            ):
                continue
            names = [one for one in below if isinstance(one, ast.Name)]
            new = {
                one.id: f"{one.id}_{random.randrange(999)}"
                for one in names
                if isinstance(one.ctx, ast.Store)
            }
            for one in names:
                one.id = new.get(one.id, one.id)
    return ast.unparse(tree)


@edit("idle statements")
def _idle_statements(text: str, random: Random) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is None:
            node.body.insert(random.randrange(len(node.body) + 1), ast.Pass())
    return ast.unparse(ast.fix_missing_locations(tree))


@edit("line endings")
def _line_endings(text: str, random: Random) -> str:
    return text.replace("\n", "\r\n")


def _bound(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module may bind."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    stored = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
    return [one.id for one in stored if not isinstance(one.ctx, ast.Load)]


def _is_plain(node: ast.FunctionDef) -> bool:
    """Whether nothing of a definition but its name is evaluated when it is met."""
    arguments = node.args
    annotated = [one.annotation for one in ast.walk(arguments) if isinstance(one, ast.arg)]
    defaults = [*arguments.defaults, *arguments.kw_defaults]
    return not (node.decorator_list or any(defaults) or any(annotated) or node.returns)
