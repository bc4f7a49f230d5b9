"""From numbers to what `prometheus_client` writes: short ways to make its families of metrics."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.core import Metric

    from cometary.histograms import Histogram

Labelled = (
    Mapping[str, int]
    | Mapping[str, int | float]
    | Mapping[tuple[str, ...], int]
    | Mapping[tuple[str, str], int]
)
"""Numbers, by the values of their labels."""


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a number that goes up and down."""
    return GaugeMetricFamily(name, text, value=value)


def gauges(name: str, text: str, labels: Sequence[str], values: Labelled) -> Metric:
    """Return several, told apart by labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for label, value in values.items():
        family.add_metric(_listed(label), value)
    return family


def counter(name: str, text: str, value: float) -> Metric:
    """Return a number that only rises; its name ends in `_total`."""
    return CounterMetricFamily(name, text, value=value)


def counters(name: str, text: str, labels: Sequence[str], values: Labelled) -> Metric:
    """Return several, told apart by labels."""
    family = CounterMetricFamily(name, text, labels=labels)
    for label, value in values.items():
        family.add_metric(_listed(label), value)
    return family


def histograms(name: str, text: str, label: str, values: Mapping[str, Histogram]) -> Metric:
    """Return histograms, told apart by a label."""
    family = HistogramMetricFamily(name, text, labels=[label])
    for value, each in values.items():
        family.add_metric([value], _buckets(each), each.sum)
    return family


def histogram(name: str, text: str, value: Histogram) -> Metric:
    """Return one histogram."""
    return HistogramMetricFamily(name, text, buckets=_buckets(value), sum_value=value.sum)


def _buckets(value: Histogram) -> list[tuple[str, float]]:
    return [("+Inf" if bound == inf else str(bound), count) for bound, count in value.cumulative()]


def _listed(label: str | tuple[str, ...]) -> list[str]:
    return [label] if isinstance(label, str) else list(label)
