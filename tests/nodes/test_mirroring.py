"""Clients of version 1 whose node is killed: real processes, a real Redis, and requests that are written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.nodes.house import House, Node, running_house
from tests.nodes.round_robin import BrokenError, read_message

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

APP = "tests/cluster/resuming_application.py:app"
KEPT = "kept/stream"
OPTIONS = ("--sessions", "mirror", "--paths", "kept/* keep history=1000")


class OldPage:
    """A client of version 1: it knows its session, ids of requests and numbers of packets, and no more.

    Each of its requests goes to the next node, and comes again, as it was written, until it is answered.
    """

    def __init__(self, house: House) -> None:
        ports = [node.server.port for node in house.nodes]
        self._ports = {"poll": cycle(ports), "say": cycle(ports[::-1])}
        self._sid = ""
        self._rid = 1
        self._ack = 0
        self.ticks: list[int] = []
        self.kept: list[int] = []
        self.gaps: list[str] = []
        self.answers: list[int] = []
        self.died: list[int] = []
        self.repeated = 0

    async def open(self) -> str:
        """Open a session; returns its id."""
        opened = await self._ask("poll", {"rid": 1, "wait": 0.2})
        assert "gen" not in opened
        self._sid = opened["sid"]
        return self._sid

    async def poll(self) -> None:
        """Take what comes, for ever."""
        while True:
            await self._request("poll")

    async def say(self, numbers: range) -> None:
        """Ask for the path, then say each number, one at a time."""
        await self._request("say", {"path": "hear", "message": KEPT}, hold=False)
        for number in numbers:
            await self._request("say", {"path": "say", "message": number}, hold=False)
            await trio.sleep(0.01)

    async def _request(self, line: str, *packets: dict[str, Any], **more: object) -> None:
        self._rid += 1
        body = {"sid": self._sid, "rid": self._rid, "ack": self._ack, "packets": packets, **more}
        answer = await self._ask(line, body)
        for number, packet in enumerate(answer["packets"], answer.get("seq", 0)):
            if number > self._ack:
                assert number == self._ack + 1, "there is a gap"
                self._ack = number
                self._note(packet["path"], packet["message"])

    def _note(self, path: str, message: Any) -> None:
        if path == "tick":
            self.ticks.append(message)
        elif path == "said":
            self.answers.append(message)
        elif path == KEPT:
            self.kept.append(message)
        elif path == "::gap":
            self.gaps.append(message["path"])
        elif path == "failed":
            self.died.append(message[1])

    async def _ask(self, line: str, body: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps(body).encode()
        head = f"POST /comet HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
        while True:
            answer = await self._ask_at(next(self._ports[line]), head.encode() + b"\r\n\r\n" + data)
            if answer is not None and answer.get("error") != "shutting-down":
                assert "error" not in answer, f"{body} was refused: {answer}"
                return answer
            self.repeated += 1
            await trio.sleep(0.05)

    @staticmethod
    async def _ask_at(port: int, asked: bytes) -> dict[str, Any] | None:
        try:
            async with await trio.open_tcp_stream("127.0.0.1", port) as node:
                await node.send_all(asked)
                answer = await read_message(node)
        except (OSError, BrokenError, trio.BrokenResourceError):
            return None
        body: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
        return body

    def adds_up(self, last: int) -> bool:
        """Whether all that was said has been answered, or reported; nothing twice, and in order."""
        assert self.ticks == [*range(1, len(self.ticks) + 1)]
        assert self.kept == [*range(min(self.kept, default=0), max(self.kept, default=-1) + 1)]
        assert self.answers == sorted(set(self.answers))
        return sorted([*self.answers, *self.died]) == [*range(1, last + 1)]


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so, of which nobody tells."""
    with trio.fail_after(60):
        while not condition():  # noqa: ASYNC110 - see above
            await trio.sleep(0.02)


async def publish(node: Node) -> None:
    """Publish numbers to the path that is kept, for ever."""
    for number in count(1):
        update = {"path": KEPT, "message": number}
        await trio.to_thread.run_sync(partial(node.control.post, "/update", json=update))
        await trio.sleep(0.01)


async def test_an_old_client_that_asks_any_node_loses_nothing_when_its_own_is_killed(tmp_path: Path) -> None:
    account, said = tmp_path / "account", 40
    with running_house("a", "b", app=APP, options=OPTIONS, ACCOUNT=str(account)) as house:
        owner, other = house.nodes
        page = OldPage(house)
        async with trio.open_nursery() as nursery:
            await page.open()
            nursery.start_soon(page.poll)
            nursery.start_soon(publish, other)
            async with trio.open_nursery() as saying:
                saying.start_soon(page.say, range(1, said + 1))
                await until(lambda: len(page.answers) >= said // 4 and page.kept)
                owner.server.process.kill()
            ticks, kept = len(page.ticks), len(page.kept)
            await until(lambda: page.adds_up(said) and len(page.ticks) >= ticks + 5)
            await until(lambda: page.adds_up(said) and len(page.kept) >= kept + 5)
            nursery.cancel_scope.cancel()
        assert not page.gaps
        lines = account.read_text().split("\n")
        handled = [int(line.split()[1]) for line in lines if line.startswith("said ")]
        assert handled == sorted(set(handled)), "none was handled twice, or out of order"
        assert {*handled, *page.died} == {*range(1, said + 1)}
        assert page.repeated, "the node that was killed was asked as well"
        assert other.control.get("/sessions").json()["sessions"]
