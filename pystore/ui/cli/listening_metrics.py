"""Metrics of a process that listens, for Prometheus, on a port of its own."""

from typing import TYPE_CHECKING

from ...core.errors import BadPlace
from ...core.extras import needs_extra

if TYPE_CHECKING:
    from ...app.listening import Listener


def serve_metrics(listener: "Listener", port: int) -> None:
    """Tells at http://…:port/metrics what the process does. Raises BadPlace."""
    with needs_extra("serve", "a package is missing for metrics", BadPlace):
        from prometheus_client import CollectorRegistry, start_http_server
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    class Told:
        """What is looked up when somebody asks."""

        def collect(self):  # type: ignore[no-untyped-def]  # as prometheus_client calls it
            worker = listener.worker
            calls, rows = (0, 0) if worker is None else (worker.calls, worker.rows)
            yield CounterMetricFamily("pystore_listener_rows", "rows that were looked at", rows)
            yield CounterMetricFamily(
                "pystore_listener_calls", "rows that models were asked about", calls
            )
            waits = int(worker is None or worker.note is not None)
            yield GaugeMetricFamily("pystore_listener_waits", "1 when a note says why", waits)

    registry = CollectorRegistry()
    registry.register(Told())
    try:
        start_http_server(port, registry=registry)
    except OSError as error:
        raise BadPlace(
            "the port for metrics cannot be used",
            port=port,
            because=error.strerror,
            remedy="another one: --metrics-port 9100",
        ) from error
