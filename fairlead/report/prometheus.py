"""Metrics in the text format of Prometheus
(https://prometheus.io/docs/instrumenting/exposition_formats/), named after
https://prometheus.io/docs/practices/naming/.

All are gauges: they are of a window that moves on, so that each may fall.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fairlead.model import Metrics, Spread

Samples = Mapping[str, float | None]  # by the value of the label


def exposition(project: str, found: Sequence[Metrics]) -> str:
    """What is not known has no sample."""
    registry = CollectorRegistry()
    registry.register(_Collected([_gauge(project, found, *one) for one in GAUGES]))
    return generate_latest(registry).decode()


class _Collected(Collector):
    def __init__(self, families: Sequence[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families


def _gauge(
    project: str,
    found: Sequence[Metrics],
    name: str,
    words: str,
    label: str,
    samples: Callable[[Metrics], Samples],
) -> GaugeMetricFamily:
    labels = ["project", "environment", *([label] if label else [])]
    family = GaugeMetricFamily(f"fairlead_{name}", words, labels=labels)
    for one in found:
        for value, amount in samples(one).items():
            if amount is not None:
                family.add_metric([project, one.environment, *([value] if label else [])], amount)
    return family


def _parts(spread: Spread) -> Samples:
    return {"0.5": spread.median, "0.9": spread.ninetieth}


def _last(one: Metrics) -> float | None:
    return one.last_at.timestamp() if one.last_at else None


GAUGES: Sequence[tuple[str, str, str, Callable[[Metrics], Samples]]] = (
    (
        "window_seconds",
        "How far back the other metrics look.",
        "",
        lambda one: {"": one.days * 86_400},
    ),
    (
        "changes",
        "Releases and promotions that came to serve, or were put back, by how they ended.",
        "outcome",
        lambda one: {"good": one.changes - one.failed, "failed": one.failed},
    ),
    (
        "change_failure_ratio",
        "Of the changes those that were put back, by themselves or by hand, or could not be.",
        "",
        lambda one: {"": one.failure_ratio},
    ),
    (
        "changes_not_restored",
        "Failed changes after which the environment has not recovered yet.",
        "",
        lambda one: {"": one.not_restored},
    ),
    (
        "last_change_timestamp_seconds",
        "When the last change came to serve.",
        "",
        lambda one: {"": _last(one)},
    ),
    (
        "lead_time_seconds",
        "From the commit of a change to where it serves.",
        "quantile",
        lambda one: _parts(one.lead),
    ),
    (
        "lead_time_changes",
        "Changes whose lead time is known, by what it begins with.",
        "known_from",
        lambda one: one.lead_known_from,
    ),
    (
        "restore_time_seconds",
        "From when a change failed to when the environment had recovered.",
        "quantile",
        lambda one: _parts(one.restore),
    ),
    (
        "migration_duration_seconds",
        "How long the migrations of a release took.",
        "quantile",
        lambda one: _parts(one.migration),
    ),
)
