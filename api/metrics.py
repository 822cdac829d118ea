"""What Prometheus reads, at `/metrics`: how the stores and views stand when it asks, and what was answered until then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.databases import StoreUnavailable
from api.bootstrap import Greffier
from api.health import stores
from projections.engine.status import ViewStatus

_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_STATES: Final = ("live", "faulted", "building", "outdated", "missing")
_OF_A_VIEW: Final[dict[str, tuple[str, Callable[[ViewStatus], float | None]]]] = {
    "greffier_view_position": ("The position of the last event that a view has taken in", lambda view: view.position),
    "greffier_view_lag_events": ("How many events a view lies behind the head of the log", lambda view: view.lag),
    "greffier_view_lag_seconds": (
        "How long the oldest event that a view has still to take in has been in the log",
        lambda view: view.lag_seconds,
    ),
    "greffier_view_events_per_second": (
        "How many events a second a view, or its rebuild, goes through at present",
        lambda view: view.rate,
    ),
    "greffier_view_rebuilt_to_position": (
        "How far a rebuild of a view that goes on has come; absent where none does",
        lambda view: view.rebuilt_to,
    ),
}


class Metrics:
    """The metrics of one process."""

    def __init__(self, greffier: Greffier) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Standing(greffier))
        self._requests = Counter(
            "greffier_http_requests", "Requests answered", ("operation", "status"), registry=self._registry
        )
        self._durations = Histogram(
            "greffier_http_request_seconds",
            "How long answers took, from the request's head to the whole answer",
            ("operation",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """Counts a request to an operation."""
        self._requests.labels(operation, status).inc()
        self._durations.labels(operation).observe(seconds)

    def exposition(self) -> bytes:
        """All metrics, in Prometheus' text format. Reads the stores: not for the event loop."""
        return generate_latest(self._registry)


class _Standing(Collector):
    """Looks at the stores when it is asked: an engine that died can't have left good figures behind."""

    def __init__(self, greffier: Greffier) -> None:
        self._greffier = greffier

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("greffier", "The version of Greffier", {"version": version("greffier")})
        yield self._reachable()
        try:
            views = self._greffier.engine.status()
            head = self._greffier.log.head()
        except StoreUnavailable:
            return  # greffier_store_up tells which
        yield GaugeMetricFamily("greffier_log_head_position", "The position of the log's last event", head)
        for name, (meaning, value_of) in _OF_A_VIEW.items():
            yield _gauge(name, meaning, ("view",), {(view.name,): value_of(view) for view in views})
        states = {(view.name, state): float(view.state == state) for view in views for state in _STATES}
        yield _gauge(
            "greffier_view_state", "1 for the state that a view is in, 0 for others", ("view", "state"), states
        )
        unknown = {(topic,): position for topic, position in self._greffier.engine.unknown_topics.items()}
        meaning = "Where an event of a type that this version doesn't know was last met; absent where none was"
        yield _gauge("greffier_unknown_topic_position", meaning, ("topic",), unknown)

    def _reachable(self) -> Metric:
        up = {(name,): float(_is_reached(reach)) for name, reach in stores(self._greffier).items()}
        return _gauge("greffier_store_up", "Whether a store could be read just now", ("store",), up)


def _gauge(name: str, meaning: str, labels: tuple[str, ...], values: Mapping[Any, float | None]) -> Metric:
    """A gauge with a value for each tuple of labels, but for None."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for label_values, value in values.items():
        if value is not None:
            family.add_metric(label_values, value)
    return family


def _is_reached(reach: Callable[[], object]) -> bool:
    try:
        reach()
    except StoreUnavailable:
        return False
    return True
