"""A notebook in a live kernel: cells that declare, edit and build stages, and what they show."""

import json
import os
from textwrap import dedent

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from project import importing

CELLS = {
    "setting up": """
        from pystore import *
        from pystore import store_initialize
        store = store_initialize(ROOT, durable=False)
    """,
    "a helper": """
        def scale(x):
            return 2 * x
    """,
    "a stage": """
        @stage
        def train(build, rate: float = 0.5, score=output("score.txt")):
            for epoch in range(3):
                build_progress(build, epoch + 1, 3, "epochs")
            print("trained at", rate)
            score.write_text(str(scale(rate)))
    """,
    "a build": "train().run().score.read_text()",
    "the same again": "train().run().score.read_text()",
    "an edit": """
        def scale(x):
            return 4 * x
    """,
    "why": "print(explain(train()))",
    "workers": """
        rrefs = realize([train(), train(1.0)], workers=2)
        print([catref(rref, "score.txt")[0] for rref in rrefs])
    """,
    "a table": "results(train).summary()",
    "a failure": """
        @stage
        def fails():
            raise ValueError("no such digit")
        fails().run()
    """,
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> dict[str, list[dict]]:
    """What each cell shows, in the form of the notebook's file."""
    root = str(tmp_path_factory.mktemp("jupyter") / "store")
    sources = [dedent(cell).strip().replace("ROOT", repr(root)) for cell in CELLS.values()]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True)
    before = dict(os.environ)
    os.environ.update(importing())
    try:
        client.execute()
    finally:
        os.environ.clear()
        os.environ.update(before)
    cells = json.loads(json.dumps(notebook))["cells"]
    return {name: cell["outputs"] for name, cell in zip(CELLS, cells, strict=True)}


def html(outputs: list[dict]) -> str:
    return "".join(o["data"].get("text/html", "") for o in outputs if "data" in o)


def printed(outputs: list[dict]) -> str:
    return "".join(o["text"] for o in outputs if o["output_type"] == "stream")


def value(outputs: list[dict]) -> str:
    return next(o for o in outputs if o["output_type"] == "execute_result")["data"]["text/plain"]


def test_a_build_shows_one_picture_that_tells_how_it_ended(shown):
    pictures = [output for output in shown["a build"] if output["output_type"] == "display_data"]
    assert len(pictures) == 1
    assert "built </span>train in" in html(pictures)
    assert "1 of 1 done" in html(pictures)
    assert printed(shown["a build"]) == "trained at 0.5\n"
    assert value(shown["a build"]) == "'1.0'"


def test_what_is_there_already_shows_nothing(shown):
    assert [output["output_type"] for output in shown["the same again"]] == ["execute_result"]


def test_a_cell_that_was_edited_makes_what_uses_it_new(shown):
    assert "new because `train()` changed: function `scale`" in printed(shown["why"])


def test_workers_run_what_cells_define(shown):
    assert printed(shown["workers"]) == "['2.0', '4.0']\n"
    assert "2 of 2 done" in html(shown["workers"])


def test_a_table_is_a_table_of_the_code_as_it_is_now(shown):
    table = html(shown["a table"])
    assert table.startswith("<table><thead><tr><th>rate</th><th>n</th>")
    assert "<p>1 attempt by older code is left out" in table


def test_a_failure_ends_the_cell_with_what_was_wrong(shown):
    (error,) = (output for output in shown["a failure"] if output["output_type"] == "error")
    assert error["ename"] == "BuildError"
    assert "the realizer fails raised ValueError" in error["evalue"]
    assert "1 failed" in html(shown["a failure"])
