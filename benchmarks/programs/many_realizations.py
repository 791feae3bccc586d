"""A derivation with as many realizations as one asks for, for programs that choose among them."""

from pystore import (
    Build,
    Derivation,
    build_outpath,
    build_seed,
    build_wrapper,
    match_best,
    mkconfig,
)

METRIC = "accuracy.txt"


def build(b: Build) -> None:
    """Writes a number that differs every time."""
    (build_outpath(b) / METRIC).write_text(f"{build_seed(b) / 2**32}\n")


def derivation(number: int) -> Derivation:
    """The derivation, which asks for so many realizations."""
    return Derivation(
        mkconfig({"name": "many"}), match_best(METRIC, n=number), build_wrapper(build)
    )
