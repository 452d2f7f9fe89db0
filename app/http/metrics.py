"""The figures of this installation as Prometheus reads them; collected when somebody asks, by prometheus_client."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from app.kit.request_stats import BOUNDS_S, RequestStats
from app.services.engine_health import Figures

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


def exposition(figures: Figures, requests: RequestStats, tick_age_s: float | None) -> tuple[bytes, str]:
    """Return (the text, its media type)."""
    from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

    class Ours:
        """What the registry asks for families of figures."""

        def collect(self) -> Iterable["Metric"]:
            """Give every family."""
            yield from _of_work(figures, tick_age_s)
            yield from _of_requests(requests)

    registry = CollectorRegistry()
    registry.register(Ours())
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _of_work(figures: Figures, tick_age_s: float | None) -> Iterator["Metric"]:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    things = GaugeMetricFamily("tunedesk_things", "Rows by noun and status.", labels=("noun", "status"))
    for noun, by_status in figures.statuses.items():
        for status, count in by_status.items():
            things.add_metric((noun, status), count)
    yield things
    due = GaugeMetricFamily("tunedesk_engine_due", "Rows that are due and not held, by noun.", labels=("noun",))
    held = GaugeMetricFamily("tunedesk_engine_held", "Rows that are being worked on, by noun.", labels=("noun",))
    for level in figures.levels:
        due.add_metric((level.table,), level.due)
        held.add_metric((level.table,), level.held)
    yield due
    yield held
    yield GaugeMetricFamily("tunedesk_engine_overdue_seconds", "Of the row that is due longest.", figures.overdue_s)
    if tick_age_s is not None:
        yield GaugeMetricFamily("tunedesk_engine_tick_age_seconds", "Since the engine last looked.", tick_age_s)
    counters = CounterMetricFamily("tunedesk_engine_events", "What the engine counts.", labels=("event",))
    for name, count in figures.counters.items():
        counters.add_metric((name,), count)
    yield counters
    yield GaugeMetricFamily("tunedesk_connections_paused", "Connections that are paused.", figures.paused)
    yield GaugeMetricFamily("tunedesk_disk_free_bytes", "Free space where the data folder lies.", figures.disk_free)


def _of_requests(requests: RequestStats) -> Iterator["Metric"]:
    from prometheus_client.metrics_core import HistogramMetricFamily

    took = HistogramMetricFamily(
        "tunedesk_http_request_seconds", "How long answers took.", labels=("method", "route", "status")
    )
    for (method, route, status), answered in requests.answered().items():
        buckets = [(str(bound), count) for bound, count in zip(BOUNDS_S, answered.within, strict=True)]
        buckets.append(("+Inf", answered.count))
        took.add_metric((method, route, str(status)), buckets, answered.seconds)
    yield took
