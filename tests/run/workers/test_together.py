"""Quick attempts go to an executor together; none waits long for another, and none is lost."""

import itertools
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import deeds
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import realize
from pystore.errors import BuildsFailed, WorkerDied
from pystore.run.workers import dispatch, together
from pystore.run.workers.together import Batch, Gathering, Member

MANY = 40


class Elsewhere(Executor):
    """An executor of which nothing is known. It loses jobs as it is told."""

    def __init__(self, loses=lambda jobs: False):
        self.threads, self.loses = ThreadPoolExecutor(2), loses
        self.sent: list[int] = []  # how many attempts each job had

    def submit(self, fn, /, *args, **kwargs):
        (jobs,) = args
        self.sent.append(len(jobs))
        return self.threads.submit(self._perform, fn, jobs)

    def _perform(self, fn, jobs):
        if self.loses(jobs):
            raise OSError("its machine is gone")
        return fn(jobs)


@pytest.fixture
def targets():
    return [deeds.number(n) for n in range(MANY)]


@pytest.fixture
def quick(monkeypatch):
    """Whatever the machine does: attempts are quick enough, and 16 of them are many."""
    for module in (together, dispatch):
        monkeypatch.setattr(module, "TOGETHER", 600.0)
    monkeypatch.setattr(together, "_BUSY", 2)
    monkeypatch.setattr(dispatch, "wave", lambda: 16)


def built(targets, store):
    """How many attempts there are of each."""
    return [len(store.attempts(target.dref)) for target in targets]


def test_GT1_quick_attempts_go_together(store, targets, quick):
    executor = Elsewhere()
    realize(targets, executor=executor)
    assert built(targets, store) == [1] * MANY
    assert len(executor.sent) < MANY
    assert max(executor.sent) > 1


def test_GT1_the_first_attempts_go_alone(store, targets):
    executor = Elsewhere()
    realize(targets[:30], executor=executor)
    assert executor.sent == [1] * 30


def test_GT1_attempts_that_take_long_go_alone(store, targets, monkeypatch):
    monkeypatch.setattr(together, "TOGETHER", 0.001)
    executor = Elsewhere()
    realize(targets, executor=executor)
    assert executor.sent == [1] * MANY


class Job:
    """What is waited for."""

    def __init__(self, realizer):
        self.realizer = realizer


@given(st.floats(0, 1e6), st.integers(0, 400))
def test_GT1_no_process_is_without_work_for_the_sake_of_a_batch(seconds, out):
    gathering: Any = Gathering()
    for _ in range(out):
        assert gathering.add(Job(b"quick"), Member())
        ((_, member),) = gathering.take(b"quick")
        gathering.sent(Batch(b"quick", [member], Future()))
    gathering.ended(Batch(b"quick", [Member()], Future()), seconds)
    count = 1
    while not gathering.add(Job(b"quick"), Member()):
        count += 1
    assert count == 1 or out >= 31 * count
    assert count == 1 or count * seconds <= together.TOGETHER
    assert gathering.add(Job(b"never seen"), Member())


def test_GT1_an_attempt_waits_only_while_others_have_work(monkeypatch):
    now = 5.0
    monkeypatch.setattr(together, "monotonic", lambda: now)
    gathering: Any = Gathering()
    out = [Batch(b"long", [Member()], Future()) for _ in range(together._BUSY)]
    for batch in out:
        gathering.sent(batch)
    assert gathering.patience == 0.0
    gathering.add(Job(b"quick"), Member())
    assert gathering.patience == pytest.approx(together.TOGETHER)
    now += 0.75 * together.TOGETHER
    gathering.add(Job(b"quick"), Member())
    assert gathering.patience == pytest.approx(0.25 * together.TOGETHER)
    gathering.ended(out[0], 100.0)
    assert gathering.patience == 0.0


def test_GT1_an_attempt_that_waits_is_sent_though_no_other_ends(store, targets, monkeypatch):
    """Until the last one is sent, nothing ends but the first."""
    for name, value in {"_BUSY": 2, "TOGETHER": 0.01}.items():
        monkeypatch.setattr(together, name, value)
    last, count = threading.Event(), itertools.count(1)

    def waits(jobs):
        if any(job.config == targets[-1].config.text for job in jobs):
            last.set()
        return next(count) > 1 and not last.wait(60)

    executor = Elsewhere(waits)
    executor.threads = ThreadPoolExecutor(MANY)
    realize(targets, executor=executor)
    assert built(targets, store) == [1] * MANY


def test_GT2_what_a_slow_batch_has_not_begun_goes_again(store, targets, quick, monkeypatch):
    monkeypatch.setattr(dispatch, "TOGETHER", 0.0)
    executor = Elsewhere()
    realize(targets, executor=executor)
    assert built(targets, store) == [1] * MANY
    assert sum(executor.sent) > MANY


def test_GT2_after_a_failure_it_does_not_go_again(store, targets, quick, monkeypatch):
    monkeypatch.setattr(dispatch, "TOGETHER", 0.0)
    executor: Elsewhere = Elsewhere(loses=lambda jobs: len(executor.sent) > 20 and len(jobs) == 1)
    with pytest.raises(WorkerDied, match="its machine is gone"):
        realize(targets, executor=executor)
    assert set(built(targets, store)) == {0, 1}


def test_GT3_the_attempts_of_a_lost_batch_go_again_alone(store, targets, quick):
    executor = Elsewhere(loses=lambda jobs: len(jobs) > 1)
    realize(targets, executor=executor)
    assert built(targets, store) == [1] * MANY
    first = next(i for i, count in enumerate(executor.sent) if count > 1)
    assert executor.sent[first + 1 :].count(1) >= executor.sent[first]


def test_GT3_attempts_that_lose_their_batch_fail_alone(store, targets, quick):
    bad = targets[20], targets[30]
    texts = {target.config.text for target in bad}
    executor = Elsewhere(loses=lambda jobs: any(job.config in texts for job in jobs))
    with pytest.raises(BuildsFailed) as caught:
        realize(targets, executor=executor, keep_going=True)
    assert {*caught.value.errors} == {target.dref for target in bad}
    assert max(executor.sent) > 1
    assert sum(built(targets, store)) == MANY - 2


@pytest.fixture
def three():
    sent: Future = Future()
    members = [Member() for _ in range(3)]
    return Batch(b"any", members, sent), members, sent


def test_GT4_a_batch_that_has_not_begun_is_cancelled_as_a_whole(three):
    batch, members, sent = three
    assert members[1].cancel()
    assert sent.cancelled()
    assert all(member.cancelled() and member.cancel() for member in members)
    assert not batch.ends()


def test_GT4_a_batch_that_runs_is_not_cancelled(three):
    batch, members, sent = three
    sent.set_running_or_notify_cancel()
    assert not any(member.cancel() for member in members)
    assert batch.ends()
    assert not any(member.cancel() or member.done() for member in members)


def test_GT4_what_was_not_sent_is_cancelled_alone():
    assert Member().cancel()
