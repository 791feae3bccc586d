"""Figures: what the fault tests print as one table at their end."""

FIGURES: list[tuple[str, str, str]] = []


def figure(test: str, wanted: str, result: str) -> None:
    """Adds a row to the table."""
    FIGURES.append((test, wanted, result))
