"""Measures: what a service counts, for Prometheus. Of several workers, each has its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_QUESTIONS = (1, 2, 4, 8, 16, 32, 64)


class Measures:
    """The counts of one process since it began."""

    def __init__(self) -> None:
        r = self._registry = CollectorRegistry()
        self.answers = Counter("pystore_answers", "answers by their status", ["status"], registry=r)
        self.seconds = Histogram(
            "pystore_answer_seconds", "from question to answer", buckets=_SECONDS, registry=r
        )
        self._batches = Histogram(
            "pystore_batch_questions", "questions in a batch", buckets=_QUESTIONS, registry=r
        )
        self._swaps = Gauge("pystore_swaps", "realizations that took over", registry=r)
        self._refused = Gauge("pystore_refused", "realizations that were refused", registry=r)
        self._waiting = Gauge("pystore_waiting", "questions that wait", registry=r)
        self._serving = Gauge("pystore_serving", "1 for what answers", ["rref"], registry=r)
        self._cached = Gauge("pystore_cached", "answers that were remembered", registry=r)
        self._lost = Gauge("pystore_log_lost", "lines of the log that were lost", registry=r)
        self._agreed = Gauge("pystore_shadow_agreed", "equal predictions", registry=r)
        self._compared = Gauge("pystore_shadow_compared", "compared predictions", registry=r)
        self.answered_well = self.answers.labels("200")

    def measure_batch(self, questions: int) -> None:
        """Counts a batch."""
        self._batches.observe(questions)

    def set_state(self, rref: str | None, **counts: int) -> None:
        """Sets what is looked up when somebody asks."""
        self._serving.clear()
        if rref is not None:
            self._serving.labels(rref).set(1)
        for name, count in counts.items():
            getattr(self, f"_{name}").set(count)

    def text(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)
