"""HTML: how notebooks show plain values."""

from collections.abc import Mapping


def html_table(values: Mapping[str, object]) -> str:
    """A table of names and values."""
    from html import escape  # for weight: only notebooks need it

    rows = ((escape(name), escape(str(value))) for name, value in values.items())
    return f"<table>{''.join(f'<tr><th>{n}</th><td>{v}</td></tr>' for n, v in rows)}</table>"
