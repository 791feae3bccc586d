"""Quantities: sizes, durations and numbers as people read them."""

_STEPS = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(count: float) -> str:
    """A number of bytes, in three digits or so."""
    for step, unit in _STEPS:
        if count >= step * 0.9995:
            return f"{count / step:.3g} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float) -> str:
    """How long, in the two largest units."""
    whole = round(seconds)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def number(value: float) -> str:
    """A metric, in six digits."""
    return f"{value:.6g}"
