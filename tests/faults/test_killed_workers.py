"""Workers killed at any moment: what they built is whole, what they did not is built again."""

import os
import random
import signal
import threading
from contextlib import suppress

import cluster_stages as stages
from figures import figure

from pystore import Workers, realize, verify
from pystore.events import AttemptFailed, Started

STAGES = 200


def test_W1_workers_killed_at_random_moments_lose_nothing(store):
    chance, over, heard = random.Random(7), threading.Event(), []
    pids: list[int] = []

    def hear(event):
        heard.append(event)
        if isinstance(event, Started):
            pids.append(event.pid)

    def kill():
        while not over.wait(chance.uniform(0.02, 0.3)):
            if pids:
                with suppress(ProcessLookupError):
                    os.kill(pids[-1], signal.SIGKILL)

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
