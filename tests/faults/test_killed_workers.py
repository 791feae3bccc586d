"""Workers killed at any moment: what they built is whole, what they did not is built again."""

import os
import random
import signal
import threading
from contextlib import suppress

import cluster_stages as stages
import pytest
from figures import figure

from pystore import Workers, realize, verify
from pystore.events import AttemptFailed, Started

pytestmark = pytest.mark.alone

STAGES = 200


def test_WP1_workers_killed_at_random_moments_lose_nothing(store):
    chance, over, heard = random.Random(7), threading.Event(), []
    workers: dict[int, int] = {}  # descriptors of processes, by number: one that is gone is told

    def hear(event):
        heard.append(event)
        if isinstance(event, Started) and event.pid not in workers:
            workers[event.pid] = os.pidfd_open(event.pid)

    def kill():
        while not over.wait(chance.uniform(0.0, 0.05)):
            if workers:
                with suppress(ProcessLookupError):
                    victim = chance.choice(list(workers.values())[-2:])
                    signal.pidfd_send_signal(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with Workers(2) as pool:
            targets = [stages.number(n) for n in range(STAGES)]
            found = realize(targets, executor=pool, listener=hear, retries=50)
            total = realize(stages.total(targets), executor=pool, retries=50)
    finally:
        over.set()
        killer.join()
        for descriptor in workers.values():
            os.close(descriptor)
    assert (store.path(total) / "n.txt").read_text() == str(sum(range(STAGES)))
    report = verify(store=store)
    assert report.sound
    assert len(set(found)) == STAGES
    died = sum(isinstance(event, AttemptFailed) for event in heard)
    assert died > 0
    figure(
        "workers killed",
        f"{STAGES} of {STAGES} stages built with retries, 0 corrupt",
        f"{len(set(found))}, 0 ({died} attempts died)",
    )
