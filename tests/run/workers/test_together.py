"""Quick attempts go to an executor together; none waits long for another, and none is lost."""

import itertools
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import deeds
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pystore import match, realize
from pystore.core.attempt import Committed
from pystore.core.context import Context
from pystore.errors import BuildsFailed, WorkerDied
from pystore.run.dispatch import NotBegun
from pystore.run.options import RunOptions
from pystore.run.request import Request
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


class Held(Executor):
    """An executor that performs its first job at once, and the others when it is released."""

    def __init__(self):
        self.sent: list[int] = []  # how many attempts each job had
        self.held: list[Future[Any]] = []
        self.work: list[Any] = []
        self.broken: Exception | None = None

    def submit(self, fn, /, *args, **kwargs):
        if self.broken is not None:
            raise self.broken
        (jobs,) = args
        self.sent.append(len(jobs))
        future: Future[Any] = Future()
        self.held.append(future)
        self.work.append(lambda: future.set_result(fn(jobs)))
        if len(self.sent) == 1:
            self.release()
        return future

    def release(self):
        """Performs all that it has."""
        held, work, self.held, self.work = self.held, self.work, [], []
        for future, perform in zip(held, work, strict=True):
            if future.set_running_or_notify_cancel():
                perform()


class Sending:
    """Attempts that are started by hand: one has ended, seven are out, and all others wait."""

    def __init__(self, targets, store):
        self.executor, self._targets = Held(), iter(targets)
        self._dispatch = dispatch.dispatch_to(self.executor, store, RunOptions())
        self.members: list[Future[Committed]] = []
        for _ in range(8):
            self.start()
        assert self.executor.sent == [1] * 8

    def start(self):
        """Starts the next one. Returns its future."""
        asked = Request(next(self._targets), Context())
        self._dispatch.start(asked, self.members.append)
        return self.members[-1]

    def flush(self):
        return self._dispatch.flush()


@pytest.fixture
def targets():
    return [deeds.number(n) for n in range(MANY)]


@pytest.fixture
def quick(monkeypatch):
    """Whatever the machine does: attempts are quick enough, and 16 of them are many."""
    for module in (together, dispatch):
        monkeypatch.setattr(module, "TOGETHER", 600.0)
    monkeypatch.setattr(together, "_MOMENT", 600.0)
    monkeypatch.setattr(together, "_BUSY", 2)
    monkeypatch.setattr(dispatch, "wave", lambda: 16)


@pytest.fixture
def sending(store, targets, quick):
    return Sending(targets, store)


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
        gathering.sent(Batch(b"quick", [Member()], Future()))
    gathering.ended(Batch(b"quick", [Member()], Future()), seconds)
    count = 1
    while not gathering.add(Job(b"quick"), Member()):
        count += 1
    assert count == 1 or out >= 31 * count
    assert count == 1 or count * seconds <= together.TOGETHER
    assert gathering.add(Job(b"never seen"), Member()) == (out < 16)
    assert [len(some) for some in gathering.take(b"never seen")] == [1]


def test_GT1_an_attempt_waits_only_while_others_have_work(monkeypatch):
    now = 5.0
    monkeypatch.setattr(together, "monotonic", lambda: now)
    gathering: Any = Gathering()
    out = [Batch(b"long", [Member()], Future()) for _ in range(together._BUSY)]
    for batch in out:
        gathering.sent(batch)
    assert gathering.patience == 0.0
    gathering.add(Job(b"quick"), Member())
    assert gathering.patience == pytest.approx(together._MOMENT)
    now += 0.75 * together._MOMENT
    gathering.add(Job(b"quick"), Member())
    assert gathering.patience == pytest.approx(0.25 * together._MOMENT)
    gathering.ended(out[0], 100.0)
    assert gathering.patience == 0.0


def test_GT1_an_attempt_that_waits_is_sent_though_no_other_ends(store, targets, monkeypatch):
    """Until the last one is sent, nothing ends but the first."""
    for name, value in {"_BUSY": 2, "_MOMENT": 0.01}.items():
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


def test_GT1_of_many_the_first_answers_say_how_many_go_together():
    gathering: Any = Gathering()
    for _ in range(together._BUSY):
        gathering.sent(Batch(b"any", [Member()], Future()))
    assert not any(gathering.add(Job(b"any"), Member()) for _ in range(240))
    assert gathering.patience > 0
    gathering.ended(Batch(b"any", [Member()], Future()), together.TOGETHER / 5)
    assert gathering.patience == 0
    assert [len(some) for some in gathering.take(b"any")] == [5] * 48


def test_GT1_after_a_long_attempt_it_takes_several_quick_ones():
    gathering: Any = Gathering()
    for _ in range(400):
        gathering.sent(Batch(b"other", [Member()], Future()))

    def together_after(seconds):
        gathering.ended(Batch(b"any", [Member()], Future()), seconds)
        count = 1
        while not gathering.add(Job(b"any"), Member()):
            count += 1
        gathering.take(b"any")
        return count

    assert together_after(0.01 * together.TOGETHER) > 2
    assert together_after(4 * together.TOGETHER) == 1
    assert [together_after(0.01 * together.TOGETHER) for _ in range(3)] == [1, 1, 2]


def test_GT1_none_waits_for_what_the_caller_has_given_up(sending):
    waiting = sending.start()
    assert sending.flush() > 0
    for member in sending.members[1:7]:
        assert member.cancel()
    assert sending.flush() is None
    sending.executor.release()
    assert waiting.result(0)


def test_GT1_none_waits_while_others_are_matched(store, targets, quick):
    """A matcher may ask a remote, for each of many derivations."""
    executor, sent = Held(), []

    def slow(candidates):
        executor.release()
        sent.append(sum(executor.sent))
        return candidates

    late = [target.replace(matcher=match(slow)) for target in targets[9:12]]
    realize(targets[9:12])
    realize([*targets[:9], *late], executor=executor)
    assert sent[-3:] == [8, 9, 9]


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


def test_GT3_what_waits_when_its_realizer_loses_a_job_goes_alone(sending):
    sending.start()
    sending.executor.held[0].set_exception(OSError("its machine is gone"))
    sending.start()
    assert sending.executor.sent == [1] * 10


def test_GT3_what_cannot_be_sent_has_an_error_of_its_own(sending):
    sending.executor.broken = RuntimeError("shut down")
    errors = [future.exception(0) for future in (sending.start(), sending.start())]
    assert all(isinstance(error, WorkerDied) for error in errors)
    assert errors[0] is not errors[1]


def test_GT3_what_the_executor_cancels_has_an_error_of_its_own(sending):
    members = sending.start(), sending.start()
    assert sending.executor.held[-1].cancel()
    errors = [member.exception(0) for member in members]
    assert all(isinstance(error, WorkerDied) for error in errors)
    assert errors[0] is not errors[1]


@pytest.mark.parametrize("result", [None, 42, (), ("answer",)], ids=repr)
def test_GT3_a_job_that_comes_back_without_answers_is_lost(sending, result):
    members = sending.start(), sending.start()
    alone, together = sending.executor.held[0], sending.executor.held[-1]
    alone.set_result(result)
    together.set_result(result)
    with pytest.raises(WorkerDied, match="and not the answers"):
        sending.members[1].result(0)
    assert all(isinstance(member.exception(0), NotBegun) for member in members)


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


def test_GT4_what_was_cancelled_while_it_waited_is_never_sent(sending, store, targets):
    assert sending.start().cancel()
    waiting = sending.start()
    sending.flush()
    sending.executor.release()
    assert waiting.result(0)
    assert built(targets[:10], store) == [1] * 8 + [0, 1]


class Strange(Future[Any]):
    """A future that cannot be cancelled, and says so by an error."""

    def __init__(self, error):
        super().__init__()
        self._error = error

    def cancel(self):
        raise self._error


def test_GT4_an_executor_may_know_no_cancelling():
    (member,) = members = [Member()]
    batch = Batch(b"any", members, Strange(NotImplementedError()))
    assert not member.cancel()
    assert batch.ends()


def test_GT4_a_batch_ends_though_its_executor_failed_to_cancel_it():
    (member,) = members = [Member()]
    batch = Batch(b"any", members, Strange(OSError("no connection")))
    with pytest.raises(OSError, match="no connection"):
        member.cancel()
    assert batch.ends()


def test_GT4_a_batch_ends_once(three):
    batch, _, _ = three
    assert batch.ends()
    assert not batch.ends()
