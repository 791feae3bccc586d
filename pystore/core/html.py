"""HTML: how notebooks show plain values."""

from collections.abc import Iterable


def html_table(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values."""
    from html import escape  # for weight: only notebooks need it

    cells = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"
