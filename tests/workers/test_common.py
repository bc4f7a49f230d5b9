"""Histories and presence of several workers: one for all, whichever worker is asked, and whichever ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest

from tests.workers.house import Page, Workers, asked_again, running_workers, said


@pytest.fixture(scope="module")
def workers() -> Generator[Workers]:
    """Two workers, the same for all tests, in their order: the last one does them harm."""
    with running_workers() as running:
        yield running


def tell(workers: Workers, page: Page, *packets: tuple[str, Any]) -> None:
    """Send packets of a page, and take what comes at once."""
    with closing(workers.connect()) as connection:
        page.come += packets_of(page, said(connection, page.request(*packets, hold=False)))


def packets_of(page: Page, answer: dict[str, Any]) -> list[tuple[str, Any]]:
    assert "error" not in answer, answer
    page.take(answer)
    return [(packet["path"], packet["message"]) for packet in answer.get("packets", [])]


def until(workers: Workers, page: Page, last: Any) -> list[tuple[str, Any]]:
    """Poll until a certain message has come; returns all that has."""
    with closing(workers.connect()) as connection:
        while last not in [message for _, message in page.come]:
            page.come += packets_of(page, said(connection, page.request()))
    come, page.come = page.come, []
    return come


def history(workers: Workers, path: str, **more: Any) -> dict[str, Any]:
    return asked(workers, "/history", {"path": path, **more})


def asked(workers: Workers, call: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask until a worker answers: the one that was asked may have ended."""
    while (answer := workers.control.post(call, json=body)).status_code == 503:
        pass
    told: dict[str, Any] = answer.json()
    return told


def present(workers: Workers) -> tuple[int, list[Any]]:
    answer = asked(workers, "/presence", {"path": "room"})
    return answer["count"], sorted(each["shown"] for each in answer["members"])


def of_paths(packets: list[tuple[str, Any]], prefix: str) -> list[Any]:
    return [message for path, message in packets if path.startswith(prefix)]


def test_a_path_has_one_order_for_all_sessions_and_in_its_history(workers: Workers) -> None:
    pages = [*workers.one_of_each(), *workers.one_of_each()]
    for page in pages:
        tell(workers, page, ("hear", "kept/**"))
    for number in range(10):  # of all publishers at once: nobody waits for another
        for page in pages:
            tell(workers, page, (f"keep/{number % 2}", f"{pages.index(page)}-{number}"))
    tell(workers, pages[0], ("keep/0", "end"))
    come = [of_paths(until(workers, page, "end"), "kept/") for page in pages]
    kept = [packet["message"] for packet in history(workers, "kept/*", last=100)["packets"]]
    assert len(kept) == 41
    assert come == [kept] * 4
    assert [each for each in kept if each.startswith("2-")] == [f"2-{number}" for number in range(10)]


def test_what_is_missed_is_replayed_by_any_worker(workers: Workers) -> None:
    first, second = workers.one_of_each()
    for number in range(5):
        workers.control.post("/update", json={"path": "kept/missed", "message": number})
    at = history(workers, "kept/missed", last=5)["packets"][1]["at"]
    for page in (first, second):
        body = {"sid": page.sid, "paths": ["kept/missed"], "since": {"kept/missed": at}}
        assert workers.control.post("/connect", json=body).status_code == 200
        assert of_paths(until(workers, page, 4), "kept/") == [2, 3, 4]


def test_who_is_there_is_told_to_the_sessions_of_all_workers(workers: Workers) -> None:
    pages = workers.one_of_each()
    for number, page in enumerate(pages):
        tell(workers, page, ("enter", number))
    names = set[int]()
    for page in pages:
        while len(names & {0, 1}) < 2:
            come = until_presence(workers, page)
            names |= {each["shown"] for told in come for each in told.get("joined", [])}
        names.clear()
    assert present(workers) == (2, [0, 1])
    workers.control.post("/kick", json={"sid": pages[0].sid})
    while present(workers) != (1, [1]):  # as soon as it is heard of
        pass
    workers.control.post("/kick", json={"sid": pages[1].sid})


def until_presence(workers: Workers, page: Page) -> list[Any]:
    with closing(workers.connect()) as connection:
        while True:
            come = packets_of(page, said(connection, page.request()))
            if told := of_paths(come, "::presence"):
                return told


def test_a_killed_worker_takes_along_its_sessions_and_nothing_that_is_kept(workers: Workers) -> None:
    first, second = workers.one_of_each()
    for page in (first, second):
        tell(workers, page, ("enter", page.worker), ("keep/last", page.worker))
    tell(workers, second, ("hear", "kept/last"))
    tell(workers, first, ("keep/last", "end"))
    before = of_paths(until(workers, second, "end"), "kept/")
    kept = history(workers, "kept/*", last=100)
    assert present(workers) == (2, [1, 2])
    os.kill(workers.process_of(first), signal.SIGKILL)
    while present(workers) != (1, [2]):
        pass
    while workers.control.get("/readyz").json() != {"status": "ready"}:
        pass
    with closing(workers.connect()) as connection:
        assert asked_again(connection, first)["error"] == "unknown-session"
    assert present(workers) == (1, [2]), "the new one has a copy"
    assert history(workers, "kept/*", last=100) == kept
    newcomer, _ = workers.one_of_each()
    at = kept["packets"][-4]["at"]
    tell(workers, newcomer, ("hear", "kept/last"), ("keep/last", "after"))
    assert of_paths(until(workers, newcomer, "after"), "kept/") == [*before, "after"]
    assert of_paths(until(workers, second, "after"), "kept/") == ["after"]
    since = history(workers, "kept/*", since=at, last=100)
    assert since["complete"]
    assert [packet["message"] for packet in since["packets"]][-1] == "after"
