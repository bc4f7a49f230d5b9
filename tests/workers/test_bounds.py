"""A worker takes no more of what others have for it than it has room for, and what is wrong with that harms nobody."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import system
from cometary.packets.contract_table import Contracts
from cometary.packets.packet import Packet
from cometary.packets.published import as_published
from cometary.packets.receipts import ReceiptLog
from cometary.server.front_end import FrontEnd
from cometary.sessions.flow import MOST_PENDING, Flow
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.net.listener import SYSTEM
from cometary.transport.net.resumed import ResumedSocket
from cometary.workers.control import WorkersControl
from cometary.workers.engine import LONGEST, SharedEngine
from cometary.workers.members import SharedMembers
from cometary.workers.messages import Answered, Handed
from cometary.workers.part import Part
from cometary.workers.within import Within
from tests.transport.wire import echo


@pytest.mark.parametrize("clears", [3.0, 100.0])
async def test_what_others_publish_waits_while_too_much_is_to_be_routed_but_not_for_ever(
    clears: float, autojump_clock: trio.testing.MockClock
) -> None:
    routed = list[str]()
    local: Any = SimpleNamespace(attach=None, interest=None, history=None)

    def publish(packet: Packet) -> None:
        routed.append(packet.path)

    local.publish = publish
    link: Any = None
    flow = Flow()
    engine = SharedEngine(local, Contracts([]), flow, link, worker=1, members=SharedMembers(1, link))
    flow.parked = MOST_PENDING
    published = as_published(Packet("news", 1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.hear, published)
        await trio.sleep(min(clears, LONGEST) - 1)
        assert not routed
        flow.parked = 0 if clears < LONGEST else MOST_PENDING
    assert routed == ["news"]
    assert autojump_clock.current_time() < LONGEST + 1


def no_more_than_two(_: int) -> tuple[int, int]:
    return 2, 2


async def test_a_connection_that_is_handed_over_is_closed_if_there_are_as_many_as_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cometary.server.front_end.resource.getrlimit", no_more_than_two)
    async with system() as actors, trio.open_nursery() as nursery:
        front_end = FrontEnd([], SYSTEM, actors.scheduler, lambda: Http(Service(echo)), lambda: None)
        await nursery.start(front_end.run)
        ours = list[socket.socket]()
        for _ in range(3):
            here, there = socket.socketpair()
            here.settimeout(0)
            ours.append(here)
            front_end.resume(ResumedSocket(there.detach(), b"GET / HTTP/1.1\r\n"), "peer")
        assert front_end.open_connections == 2
        for sock in ours[:2]:
            with pytest.raises(BlockingIOError):
                sock.recv(1)
        assert ours[2].recv(1) == b""
        nursery.cancel_scope.cancel()
    for sock in ours:
        sock.close()


async def test_a_connection_that_was_lost_on_its_way_is_not_served(tmp_path: object) -> None:
    here, there = socket.socketpair()
    with here:
        within = Within(Part(1, 2, there.detach(), [], str(tmp_path)))
        served = list[tuple[int, str]]()

        def resume(sock: socket.socket, peer: str, _: object) -> None:
            served.append((sock.detach(), peer))

        front_end: Any = SimpleNamespace(resume=resume, at_next_batch=None)
        within._meet(front_end, None)
        sock, other = socket.socketpair()
        with other:
            await within._take(Handed(1, "lost", b"", 0), -1)
            await within._take(Handed(1, "come", b"", 0), sock.detach())
        assert [peer for _, peer in served] == ["come"]
        os.close(served[0][0])
        within.link._close()


class Answers:
    """Who has asked."""

    def __init__(self) -> None:
        self.status = 0

    def carry(self, _: Exchange, status: int, *__: object) -> None:
        self.status = status

    def note_refusal(self, condition: str) -> None:
        assert condition == "internal-error"


async def test_answers_that_do_not_go_together_are_the_servers_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def ask(_: int, __: Exchange, ___: object, answered: Any) -> None:
        answered(Answered(1, 200, b"no JSON", b"application/json", ()))

    relay: Any = SimpleNamespace(ready=[1, 2], ask=ask, receipts=ReceiptLog())
    carrier: Any = Answers()
    exchange = Exchange("GET", "/statistics", b"", {})
    exchange.arrive(carrier, "peer")
    WorkersControl(relay, "", 2, dict, lambda *_: None)(exchange)
    assert carrier.status == 500
    assert "the workers' answers to /statistics do not fit together" in caplog.text
