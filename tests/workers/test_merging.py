"""What several workers have answered is told as one answer, which says whose each part is."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.transport.codecs import json
from cometary.workers.merging import MERGED
from cometary.workers.messages import Answered

PLAIN = b"text/plain; version=0.0.4; charset=utf-8"


def merged(
    method: str, path: str, *bodies: bytes, above: Any = None, content_type: bytes = PLAIN
) -> Answered:
    answers = [Answered(9, 200, body, content_type, ((b"A", b"b"),)) for body in bodies]
    return MERGED[method, path](list(range(1, len(bodies) + 1)), answers, lambda: above)


def told(method: str, path: str, *bodies: bytes, above: Any = None) -> Any:
    answer = merged(method, path, *bodies, above=above)
    assert (answer.status, answer.content_type, answer.headers) == (200, json.content_type, ())
    return json.decode(answer.body)


@pytest.mark.parametrize(("method", "path"), [("GET", "/statistics"), ("POST", "/drain")])
def test_numbers_are_added_up_and_what_is_none_is_left_out(method: str, path: str) -> None:
    first, second = b'{"sent": 1, "since": "then"}', b'{"sent": 2, "received": 3}'
    assert told(method, path, first, second) == {"sent": 3, "received": 3}


@pytest.mark.parametrize("name", ["sessions", "ended", "crashes"])
def test_of_each_entry_of_a_list_it_is_told_whose_it_is(name: str) -> None:
    bodies = [json.encode({name: entries}) for entries in ([{"a": 1}, {"a": 2}], [], [{"a": 3}])]
    entries = [{"a": 1, "worker": 1}, {"a": 2, "worker": 1}, {"a": 3, "worker": 3}]
    assert told("GET", f"/{name}", *bodies) == {name: entries}


def test_the_tree_of_each_worker_is_below_its_process() -> None:
    processes = [{"id": "worker-1"}, {"id": "worker-2"}, {"id": "worker-3"}]
    above = {"id": "cometary", "children": [{"id": "workers", "children": processes}, {"id": "front-end"}]}
    tree = told("GET", "/tree", b'{"id": "one"}', b'{"id": "two"}', above=above)
    workers, front_end = tree["children"]
    assert workers["children"] == [
        {"id": "worker-1", "children": [{"id": "one"}], "count": 1},
        {"id": "worker-2", "children": [{"id": "two"}], "count": 1},
        {"id": "worker-3"},
    ]
    assert front_end == {"id": "front-end"}


METRICS = b"""# HELP sent_total What was sent.
# TYPE sent_total counter
sent_total{wire="comet"} %d
# HELP sessions Those that live.
# TYPE sessions gauge
sessions %d
"""


def test_each_metric_is_told_once_with_the_samples_of_all() -> None:
    answer = merged("GET", "/metrics", METRICS % (1, 2), METRICS % (3, 4))
    assert (answer.status, answer.content_type) == (200, PLAIN)
    assert answer.body.decode().splitlines() == [
        "# HELP sent_total What was sent.",
        "# TYPE sent_total counter",
        'sent_total{wire="comet",worker="1"} 1.0',
        'sent_total{wire="comet",worker="2"} 3.0',
        "# HELP sessions Those that live.",
        "# TYPE sessions gauge",
        'sessions{worker="1"} 2.0',
        'sessions{worker="2"} 4.0',
    ]


def test_so_are_those_of_one_alone() -> None:
    answer = merged("GET", "/metrics", METRICS % (1, 2))
    assert answer.content_type == PLAIN
    assert 'sessions{worker="1"} 2.0' in answer.body.decode()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/session"), ("GET", "/readyz"), ("POST", "/kick"), ("POST", "/reload")]
)
def test_what_is_the_same_at_all_or_at_one_alone_is_told_as_the_first_says_it(method: str, path: str) -> None:
    answer = merged(method, path, b"first", b"second")
    assert (answer.body, answer.content_type, answer.headers) == (b"first", PLAIN, ((b"A", b"b"),))
