"""Ways: the texts that choose, as matchers."""

import click
import pytest

from pystore import match_best, match_latest
from pystore.core.matchers import Matcher
from pystore.ui.cli.ways import Way


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ("latest", match_latest()),
        ("best:test", match_best("test")),
        ("best:test/recall", match_best("test/recall")),
        ("best:loss.txt:min", match_best("loss.txt", mode="min")),
        ("best:test:max", match_best("test")),
    ],
)
def test_a_text_is_a_matcher(text: str, matcher: Matcher):
    assert Way().convert(text, None, None) == matcher


@pytest.mark.parametrize("text", ["", "best", "best:", "worst:test", "latest:2", "test"])
def test_another_text_is_a_mistake_of_usage(text: str):
    with pytest.raises(click.UsageError, match="none of latest"):
        Way().convert(text, None, None)
