from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pystore.db.strangers.queues import Job, Queues


def job(number: int, host: str) -> Job[int]:
    return Job(number, "", None, host)


def drain(queues: Queues[int]) -> list[Job[int]]:
    """All jobs that can begin now."""
    return list(iter(queues.begin, None))


def test_QU1_hosts_take_turns_and_have_a_limit():
    queues = Queues[int](threads=100, a_host=2, kept=0)
    for number in range(9):
        queues.add(job(number, "abc"[number // 3]))
    begun = drain(queues)
    assert [one.tag for one in begun] == [0, 3, 6, 1, 4, 7]
    queues.end(begun[1], was_quick=False)
    assert [one.tag for one in drain(queues)] == [5]


def test_QU2_hosts_that_never_answer_leave_threads_to_a_host_that_does():
    queues = Queues[int](threads=4, a_host=2, kept=1)
    queues.add(job(0, "good"))
    queues.end(drain(queues)[0], was_quick=True)
    for number in range(1, 50):
        queues.add(job(number, f"slow {number}"))
    assert len(drain(queues)) == 3
    for number in range(100, 150):
        queues.add(job(number, "good"))
    served = []
    while begun := drain(queues):
        served += [one.tag for one in begun]
        queues.end(begun[0], was_quick=True)
    assert served == list(range(100, 150))


def test_QU2_a_host_that_has_become_slow_counts_as_slow():
    queues = Queues[int](threads=2, a_host=2, kept=1)
    for was_quick in (True, False):
        queues.add(job(0, "host"))
        queues.end(drain(queues)[0], was_quick=was_quick)
    queues.add(job(1, "host"))
    queues.add(job(2, "host"))
    assert len(drain(queues)) == 1


@given(
    st.lists(st.sampled_from("abcd")),
    st.lists(st.tuples(st.integers(0, 99), st.booleans()), min_size=1),
    st.integers(1, 6),
    st.integers(1, 3),
)
def test_QU1_each_job_begins_once_and_within_the_limits(hosts, ends, threads, a_host):
    queues = Queues[int](threads, a_host, kept=threads // 4)
    for number, host in enumerate(hosts):
        queues.add(job(number, host))
    begun: list[int] = []
    running: list[Job[int]] = []
    for step in range(len(hosts) + 1):
        new = drain(queues)
        begun += [one.tag for one in new]
        running += new
        assert len(running) <= threads
        assert max(Counter(one.host for one in running).values(), default=0) <= a_host
        if running:
            which, was_quick = ends[step % len(ends)]
            queues.end(running.pop(which % len(running)), was_quick=was_quick)
    assert sorted(begun) == list(range(len(hosts)))


def test_jobs_that_are_dropped_do_not_begin():
    queues = Queues[int](threads=4, a_host=2, kept=1)
    queues.add(job(0, "host"))
    queues.clear()
    assert drain(queues) == []
