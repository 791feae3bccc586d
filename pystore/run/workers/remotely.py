"""Jobs in the processes of any executor, from where no listener can be told of events."""

from dataclasses import replace
from functools import partial

from ...core.context import Context
from ...core.events import Event, Listener, Progress
from .answer import Answer
from .job import Job, committed_by, perform
from .pool import Workers


def perform_remotely(job: Job) -> Answer:
    """Makes the attempt; the events come with the answer.

    With a timeout, in a worker process of its own, which can be stopped.
    """
    heard: list[Event] = []

    def hear(event: Event) -> None:
        if not isinstance(event, Progress):
            heard.append(event)

    answer = perform(job, hear) if job.timeout is None else _in_time(job, hear)
    return replace(answer, events=tuple(heard))


def _in_time(job: Job, listener: Listener) -> Answer:
    try:
        committed = partial(committed_by, job.store.open(), Context(job.inputs))
        with Workers(1) as own:
            future = own.start(
                perform,
                (job,),
                timeout=job.timeout,
                tries=job.tries,
                listener=listener,
                committed=committed,
            )
            return Answer(future.result())
    except BaseException as error:
        return Answer.of(error)
