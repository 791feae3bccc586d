"""Tables of results, as terminals print them."""

import pytest

from pystore import build_metric, realize, results, stage
from pystore.ask.experiments.table import Table

RED = "\x1b[31m"


@pytest.mark.parametrize("odd", ["a\nb", f"{RED}loss", "a\x85b", "\u202eevil", "a\rb"], ids=ascii)
def test_no_name_and_no_value_moves_the_cursor(odd):
    table = str(Table.of(["name", odd], [["plain", 1], [odd, 2]]))
    assert len(table.split("\n")) == 3
    assert all(line.isprintable() for line in table.split("\n"))


@stage
def odd(build, text: str = f"{RED}red", n: int = 1):
    build_metric(build, f"{RED}loss", n)


def test_results_of_odd_names_are_printed_line_by_line(store):
    realize({n: odd(n=n, text=f"{RED}{n}") for n in (1, 2)})
    for shown in (results(odd), results(odd).summary()):
        lines = str(shown).split("\n")
        assert all(line.isprintable() for line in lines)
        assert "\\x1b[31m2" in str(shown)
