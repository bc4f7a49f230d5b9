"""What several workers have answered, as one answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from cometary.transport.codecs import json
from cometary.workers.messages import Answered

Merging = Callable[[Sequence[int], Sequence[Answered], Callable[[], dict[str, Any]]], Answered]
"""Makes one answer, given the numbers of the workers, their answers, and what returns the tree above them."""


def _decoded(answers: Sequence[Answered]) -> list[Any]:
    return [json.decode(answer.body) for answer in answers]


def _as_answer(value: object) -> Answered:
    return Answered(0, 200, json.encode(value), json.content_type, ())


def summed(_: Sequence[int], answers: Sequence[Answered], __: Any) -> Answered:
    """Add numbers up."""
    total: Counter[str] = Counter()
    for each in _decoded(answers):
        total.update({name: value for name, value in each.items() if isinstance(value, int)})
    return _as_answer(dict(total))


def listed(name: str, workers: Sequence[int], answers: Sequence[Answered], _: Any) -> Answered:
    """Put lists one behind the other, and say of each entry whose it is."""
    entries = [
        {**entry, "worker": worker}
        for worker, each in zip(workers, _decoded(answers), strict=True)
        for entry in each[name]
    ]
    return _as_answer({name: entries})


def trees(
    workers: Sequence[int], answers: Sequence[Answered], above: Callable[[], dict[str, Any]]
) -> Answered:
    """Put the tree of each worker below what runs it."""
    tree = above()
    below = dict(zip([f"worker-{worker}" for worker in workers], _decoded(answers), strict=True))
    for child in tree.get("children", []):
        for process in child.get("children", []):
            if process.get("id") in below:
                process.update(children=[below[process["id"]]], count=1)
    return _as_answer(tree)


def metrics(workers: Sequence[int], answers: Sequence[Answered], _: Any) -> Answered:
    """Give each sample the label `worker`."""
    families: dict[str, Metric] = {}
    for worker, answer in zip(workers, answers, strict=True):
        for family in text_string_to_metric_families(answer.body.decode()):
            kept = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                labels = {**sample.labels, "worker": str(worker)}
                kept.add_sample(sample.name, labels, sample.value, sample.timestamp, sample.exemplar)
    text = generate_latest(_Families(families))
    return Answered(0, 200, text, answers[0].content_type, ())


class _Families(Collector):
    def __init__(self, families: Mapping[str, Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return [*self._families.values()]


def found(_: Sequence[int], answers: Sequence[Answered], __: Any) -> Answered:
    """Tell what the first of them has said."""
    return answers[0]


MERGED: Final[Mapping[tuple[str, str], Merging]] = {
    ("GET", "/statistics"): summed,
    ("GET", "/sessions"): partial(listed, "sessions"),
    ("GET", "/ended"): partial(listed, "ended"),
    ("GET", "/crashes"): partial(listed, "crashes"),
    ("GET", "/nodes"): found,
    ("GET", "/session"): found,
    ("GET", "/readyz"): found,
    ("GET", "/tree"): trees,
    ("GET", "/metrics"): metrics,
    ("POST", "/kick"): found,
    ("POST", "/actor"): found,
    ("POST", "/drain"): summed,
    ("POST", "/reload"): found,
}
"""The calls that are made at all workers."""
