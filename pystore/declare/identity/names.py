"""Names: where each stands in a text, and how it bubbles up to the scope that binds it."""

from dataclasses import replace

from .scope import READS_NAMES, Import, Scope


class Scopes:
    """A text that is being written, and the scopes around its present end."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.scopes = [Scope("module")]
        self.imports: dict[Import, None] = {}

    def bind(self, name: str, what: Import | None = None) -> None:
        """Binds a name in the present scope."""
        scope = self.scopes[-1]
        if name in scope.outer or name in scope.nonlocal_:
            scope.uses[name,] = None
        elif what is not None or name not in scope.bound:
            scope.bound[name] = what

    def keep(self, name: str, what: Import | None = None) -> None:
        """Binds a name that can be seen from outside: of a parameter, function, class, import."""
        self.bind(name, what)
        self.scopes[-1].kept.add(name)

    def write_name(self, name: str) -> None:
        """Writes a name, which becomes a number when the scope that binds it is left."""
        self.scopes[-1].names.append((len(self.out), name))
        self.out.append("$" + name)

    def close(self) -> None:
        """Leaves a scope: what it does not bind is looked for further out."""
        scope = self.scopes.pop()
        self._number(scope)
        bound, outward = scope.bound, self._outward(scope.kind).uses
        for chain in scope.uses:
            root = chain[0]
            if root in scope.outer:
                self.scopes[0].uses[chain] = None
            elif root not in bound or root in scope.nonlocal_:
                outward[chain] = None
            elif (source := bound[root]) is not None:
                self.imports[replace(source, attributes=chain[1:])] = None
            elif scope.kind == "class":  # `rate = rate`: it may be the outer one as well
                self._outward("class").uses[chain] = None

    def _number(self, scope: Scope) -> None:
        """Puts numbers in the place of names that only the code of this scope can see."""
        depth, numbers = len(self.scopes), dict[str, int]()
        reads = scope.seen or any((name,) in scope.uses for name in READS_NAMES)
        seen = reads or scope.kind == "class"
        outward = self._outward(scope.kind)
        outward.seen = outward.seen or reads
        for place, name in scope.names:
            if name in scope.outer:
                self.scopes[0].names.append((place, name))
            elif name not in scope.bound or name in scope.nonlocal_:
                outward.names.append((place, name))
            elif not (seen or name in scope.kept):
                number = numbers.setdefault(name, len(numbers))
                self.out[place] = f"%{depth}.{number}"

    def _outward(self, kind: str) -> Scope:
        inner = len(self.scopes) - 1
        while inner and self.scopes[inner].kind == "class":
            if kind == "comprehension":
                break  # what a comprehension of a class body reads may be the body's
            inner -= 1
        return self.scopes[inner]
