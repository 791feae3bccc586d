"""The one rule for trying again."""

import pytest

from pystore.core.tries import Tries
from pystore.errors import (
    BadStage,
    BuildError,
    FetchError,
    MissingOutput,
    TimedOut,
    WorkerDied,
)


@pytest.mark.parametrize("kind", [BuildError, FetchError, MissingOutput, TimedOut, WorkerDied])
def test_a_failed_build_or_download_is_tried_again_as_often_as_allowed(kind):
    first = Tries(1).again_after(kind("no luck"))
    assert first == Tries(0, ("no luck",))
    assert first.again_after(kind("no luck")) is None


@pytest.mark.parametrize("error", [BadStage("wrong"), OSError("full"), KeyboardInterrupt()])
def test_an_error_that_would_come_again_is_not_tried_again(error):
    assert Tries(9).again_after(error) is None


def test_an_error_counts_for_as_many_tries_as_its_attempt_has_had():
    error = BuildError("no luck", tries=3)
    assert error.tries == 3
    assert Tries(2).again_after(error) is None
    assert Tries(4).again_after(error) == Tries(1, ("no luck",))


def test_a_fact_of_a_users_own_error_that_is_no_number_does_no_harm():
    assert Tries(1).again_after(BuildError("no luck", tries="many")) == Tries(0, ("no luck",))
