"""Quantities: sizes, durations and numbers as people read them."""

_STEPS = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(count: float) -> str:
    """A number of bytes, with three digits."""
    for step, unit in _STEPS:
        if count >= step * 0.9995:
            return f"{count / step:.3g} {unit}"
    return f"{count:.0f} B"


def span(seconds: float) -> str:
    """A duration: `0.3 s`, `12 s`, `3 min 05 s`, `2 h 03 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def number(value: float) -> str:
    """A metric, with six digits."""
    return f"{value:.6g}"
