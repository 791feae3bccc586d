"""The plot of the README, made from the results of the program that the README shows.

`python docs/drawings.py` trains the forests of first.py and writes docs/first.svg. The same
versions of scikit-learn and matplotlib write the same bytes.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from runpy import run_path

import matplotlib as mpl
from matplotlib.figure import Figure

from pystore import Results, Store, results

DOCS = Path(__file__).parent
# Colours of matplotlib, and the names that they have in the drawing.
NAMES = {"#ffffff": "paper", "#000000": "ink", "#1f77b4": "attempt", "#ff7f0e": "mean"}
STYLE = """<style>
   svg { --paper: #ffffff; --ink: #263238; --attempt: #00796b; --mean: #c75300 }
   @media (prefers-color-scheme: dark) {
    svg { --paper: #1e2129; --ink: #dfe3ee; --attempt: #80eade; --mean: #ffa04d }
   }
  </style>
  """


def made_by() -> str:
    """What else the bytes of the plot depend on."""
    return f"matplotlib {version('matplotlib')}, scikit-learn {version('scikit-learn')}"


def plot() -> str:
    """The plot as SVG, in the colours of the reader's light or dark mode."""
    figure = Figure(figsize=(5.4, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    with first_program() as trained:
        trained.plot(axes=axes)
    axes.set_ylabel("accuracy.txt [%]")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "first.svg")
        settings = {"svg.fonttype": "none", "svg.hashsalt": "pystore"}
        with mpl.rc_context(settings):
            figure.savefig(path, metadata={"Date": None, "Creator": made_by()})
        return in_both_modes(path.read_text())


def in_both_modes(drawing: str) -> str:
    """The drawing with names in place of colours."""
    for colour, name in NAMES.items():
        drawing = drawing.replace(colour, f"var(--{name})")
    # Texts have no colour of their own.
    drawing = drawing.replace('<text style="', '<text style="fill: var(--ink); ')
    return drawing.replace("<defs>", f"{STYLE}<defs>", 1)


@contextmanager
def first_program() -> Iterator[Results]:
    """The results of first.py, as the README shows it, in a store that ends with the block."""
    readme = (DOCS.parent / "README.md").read_text()
    shown = re.search(r'^```python title="first.py"\n(.*?)^```$', readme, re.M | re.S)
    assert shown is not None
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "first.py")
        program.write_text(shown[1])
        store = Store(Path(folder, "store"))
        with store.use(), redirect_stdout(StringIO()):
            names = run_path(str(program), run_name="__main__")
            yield results(list(names["forests"].values()))
        store.destroy()


if __name__ == "__main__":
    (DOCS / "first.svg").write_text(plot())
