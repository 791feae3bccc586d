"""What a notebook shows of results."""

import re
from pathlib import Path

import pytest
from hostile_store import make

from pystore import Store, results, show
from pystore.errors import BadMetric


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with hostile text."""
    root: Path = tmp_path_factory.mktemp("notebook") / "store"
    return make(root)


def test_JN1_results_are_shown_without_a_server_or_a_script(store: Store):
    found = results("train", store=store)
    html = show(found, "score")._repr_html_()
    tags = re.findall("<(?!/)([a-z]+)", html)
    assert (tags.count("svg"), html.count("rref:")) == (7, 6)  # one has failed
    assert not {*tags} & {"script", "img", "link", "iframe", "a"}
    assert "http" not in html
    assert "&lt;script&gt;" in html
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    rules = [one for one in style[1].strip().splitlines() if one]
    assert all(
        name.strip().startswith(".pystore-results")
        for rule in rules
        for name in rule.partition("{")[0].split(",")
    )


def test_where_no_html_is_shown_there_is_the_table(store: Store):
    found = results("train", store=store)
    assert repr(show(found, "score")) == str(found.summary("score"))


def test_a_metric_that_is_not_there_is_refused(store: Store):
    with pytest.raises(BadMetric, match="no metric 'loss'"):
        show(results("train", store=store), "loss")
