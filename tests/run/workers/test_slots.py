"""Slots: nothing is given out twice, and nobody waits for ever."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore.core.resources import Resources, size_of
from pystore.errors import BadStage
from pystore.run.workers.slots import Outfit, Slots

TERMS = st.builds(
    Resources,
    gpu=st.integers(0, 3),
    cpus=st.integers(1, 12),
    memory=st.sampled_from([0, 2**30, 3 * 2**30, 2**40]),
)
MACHINE = st.builds(
    Slots,
    workers=st.integers(1, 5),
    gpus=st.just((0, 1, 2)),
    cpus=st.integers(1, 8),
    memory=st.just(8 * 2**30),
)


@given(MACHINE, st.lists(TERMS, min_size=1, max_size=30), st.integers())
def test_WP3_what_runs_at_one_time_never_has_more_than_there_is(slots, wanted, seed):
    chance, running, waiting = random.Random(seed), [], list(wanted)
    while waiting or running:
        outfit = slots.take(waiting[0]) if waiting else None
        if outfit is not None:
            running.append((waiting.pop(0), outfit))
        else:  # everything fits at the latest when nothing else runs
            assert running
            slots.give_back(*running.pop(chance.randrange(len(running))))
        given = [gpu for _, outfit in running for gpu in outfit.gpus]
        assert len(given) == len(set(given)) == sum(asked.gpu for asked, _ in running)
        assert len(running) <= slots.workers
        if len(running) > 1:
            assert sum(asked.cpus for asked, _ in running) <= slots.room
        telling = [asked.memory for asked, _ in running if asked.memory]
        assert len(telling) <= 1 or sum(telling) <= slots.memory


def test_the_environment_of_a_worker_has_what_it_was_given():
    outfit = Outfit(gpus=("GPU-89", 1), threads=3)
    made = outfit.environment({"HOME": "/home", "MKL_NUM_THREADS": "8"})
    assert made["CUDA_VISIBLE_DEVICES"] == "GPU-89,1"
    assert (made["HOME"], made["MKL_NUM_THREADS"], made["OMP_NUM_THREADS"]) == ("/home", "8", "3")


def test_without_gpus_a_worker_sees_what_its_parent_does():
    assert "CUDA_VISIBLE_DEVICES" not in Outfit(None, 1).environment({})


@pytest.mark.parametrize(
    ("text", "size"), [("512M", 2**29), ("8G", 2**33), ("1.5 GiB", 3 * 2**29), ("7", 7), (9, 9)]
)
def test_memory_is_told_as_people_tell_it(text, size):
    assert size_of(text) == size


@pytest.mark.parametrize("bad", ["8 gigs", "-1G", -1, 1.5, True, None, ""])
def test_what_is_no_amount_of_memory_is_refused(bad):
    with pytest.raises(BadStage, match="not an amount of memory"):
        size_of(bad)


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        ({"resources": {"gpus": 1}}, "no such resource"),
        ({"resources": {"cpus": 0}}, "cpus is 0"),
        ({"retries": -1}, "retries is -1"),
        ({"timeout": "1 h"}, "timeout is '1 h'"),
    ],
)
def test_resources_that_cannot_be_met_by_any_machine_are_refused(resources, says):
    with pytest.raises(BadStage, match=says):
        Resources.of(**resources)
