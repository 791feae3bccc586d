"""The normal form of source: the same on Python 3.11 to 3.14, whatever the layout.

NF1  It leaves out comments, layout, line numbers, `pass` and the names of local variables, and,
    unless `Read` asks for them, docstrings, and annotations outside of class bodies. Nothing else.
NF2  It lists the names from outside: the chains of names that no scope inside binds
    (`helpers.augment`), and the imports that the code makes itself.
NF3  Fields that are absent or empty are left out, so that a syntax tree which gains fields in a
    later Python keeps its normal form. (`ast.dump` changes with the version.)

Standard library only: the tests run this with other Pythons, which lack our dependencies.
"""

import ast

from ...core.dataclasses import dataclass
from .scope import NOTHING, Import, Read, Uses
from .walker import walk


@dataclass(frozen=True)
class Normal:
    """A piece of source in normal form, and the names that it takes from outside."""

    text: str
    uses: Uses
    imports: tuple[Import, ...]
    decorators: tuple["Normal", ...] = ()
    cells: tuple[str, ...] = ()  # the names from the function around it, in the order of use


def normal(
    node: ast.AST,
    *,
    defaults: bool = True,
    read: Read = NOTHING,
    cells: frozenset[str] = frozenset(),
) -> Normal:
    """The normal form of a function (its name aside), a class, a module or an expression.

    The decorators of a function or class stand apart. `cells` are names from the function around
    it; they are numbered, as local variables are.
    """
    decorators = tuple(
        normal(one, read=read, cells=cells) for one in getattr(node, "decorator_list", ())
    )
    text, uses, imports, taken = walk(node, defaults, read, cells)
    return Normal(text, uses, imports, decorators, taken)
