"""A Dask cluster of two processes on loopback, killed workers and rivals included."""

import os
import pickle
import signal
import threading
from collections import Counter
from concurrent.futures import Executor, Future
from typing import Any

import cluster_stages as stages
import pytest
from fifos import gone
from figures import figure

from pystore import Derivation, Store, attempts, match_latest, realize, verify
from pystore.errors import BuildError, TimedOut, WorkerDied
from pystore.events import AttemptFailed, Started, Succeeded
from pystore.run.workers.job import Job

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def cluster():
    import dask

    settings = {"distributed.scheduler.allowed-failures": 2}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2)
        yield client


class Seen(Executor):
    """An executor that remembers what it was given."""

    def __init__(self, inner: Executor) -> None:
        self.inner = inner
        self.jobs: list[Any] = []
        self.flying = self.most = 0

    def submit(self, fn, /, *args: Any, **kwargs: Any) -> Future[Any]:
        (jobs,) = args
        self.jobs += jobs
        self.flying += 1
        self.most = max(self.most, self.flying)
        future = self.inner.submit(fn, *args, **kwargs)
        future.add_done_callback(self._landed)
        return future

    def _landed(self, future: Future[Any]) -> None:
        self.flying -= 1


def successes(store: Store) -> Counter[str]:
    return Counter(a.dref for d in store.drefs() for a in store.attempts(d) if a.succeeded)


def test_a_thousand_stages_in_waves(store, client):
    heard, executor = [], Seen(client.get_executor())
    targets = [stages.number(n) for n in range(1000)]
    found = realize(targets, executor=executor, listener=heard.append)
    assert [rref.dref for rref in found] == [target.dref for target in targets]
    assert set(successes(store).values()) == {1}
    assert Counter(type(event) for event in heard) == {Started: 1000, Succeeded: 1000}
    assert len({event.pid for event in heard if isinstance(event, Started)}) == 2
    assert executor.most <= 256
    assert all(isinstance(job, Job) for job in executor.jobs)
    packed = [pickle.dumps(job) for job in executor.jobs]
    assert max(map(len, packed)) < 2000
    assert not any(b"pystore.store.store" in one for one in packed)
    largest = max(map(len, packed))
    figure("Dask, 1,000 stages", "each built once; a job < 2,000 bytes", f"{largest} bytes")


def test_results_are_those_of_this_process(store, client, tmp_path):
    target = stages.total([stages.number(n) for n in range(10)])
    alone = realize(target, store=Store(tmp_path / "alone", durable=False))
    assert realize(target, executor=client.get_executor()) == alone


def test_several_attempts_are_several_runs(store, client):
    """Dask takes equal calls for one."""
    target = Derivation({"name": "seeded"}, match_latest(), stages.seed)
    realize(target, executor=client.get_executor(), attempts=5)
    assert len({attempt.seed for attempt in attempts(target.dref)}) == 5


def test_an_error_brings_its_traceback_and_its_last_words(store, client):
    with pytest.raises(BuildError, match="raised ValueError") as caught:
        realize(stages.fails(), executor=client.get_executor())
    assert caught.value.output == "last words"
    assert 'raise ValueError("because")' in str(caught.value.__cause__)


def test_a_worker_killed_in_the_middle_costs_nothing_that_was_committed(store, client):
    victim, heard = next(iter(client.run(os.getpid).values())), []

    def kill(event):
        heard.append(event)
        if len(heard) == 100:
            os.kill(victim, signal.SIGKILL)

    targets = [stages.number(n) for n in range(300)]
    found = realize(targets, executor=client.get_executor(), listener=kill, retries=3)
    assert [rref.dref for rref in found] == [target.dref for target in targets]
    report = verify(store=store)
    assert report.sound
    figure("Dask, a worker killed", "300 of 300 built, 0 corrupt", f"{len(set(found))}, 0")


def test_a_stage_that_kills_its_worker_is_an_error_and_no_endless_round(store, client):
    with pytest.raises(WorkerDied, match="the executor lost the job") as caught:
        realize(stages.kills_its_worker(), executor=client.get_executor())
    assert "KilledWorker" in caught.value.because


@pytest.mark.parametrize("own", [True, False])
def test_an_attempt_that_overruns_its_time_is_stopped_and_its_worker_goes_on(store, client, own):
    """In a process of its own, with all that it has started."""
    heard, executor = [], client.get_executor()
    before = client.run(os.getpid)
    options: dict[str, Any] = {} if own else {"timeout": 3.0}
    target = stages.overruns() if own else stages.hangs()
    with pytest.raises(TimedOut, match=r"longer than 3 s") as caught:
        realize(target, executor=executor, listener=heard.append, **options)
    assert caught.value.output == "on my way"
    assert [type(event) for event in heard] == [Started, AttemptFailed]
    assert [a.outcome for a in attempts(target.dref)] == ["died"]
    assert realize(stages.number(1), executor=executor, timeout=60)
    assert client.run(os.getpid) == before
    assert heard[0].pid not in before.values()
    assert gone(heard[0].pid)


def test_two_clients_that_want_the_same_build_it_once(store, cluster, client):
    """Who plans holds the locks; the other waits and reuses."""
    targets, found = [stages.number(n) for n in range(100)], {}

    def want(name: str, one: Any) -> None:
        found[name] = realize(targets, executor=one.get_executor(), store=store)

    with distributed.Client(cluster, set_as_default=False) as rival:
        threads = [
            threading.Thread(target=want, args=pair) for pair in (("a", client), ("b", rival))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found["a"] == found["b"]
    assert set(successes(store).values()) == {1}
    figure("Dask, two clients", "100 derivations, each built once", str(len(successes(store))))
