"""The Python client of the documentation loses nothing, gets nothing twice and everything in order.

It talks to the real machine of a session, in virtual time. The network between them loses requests and answers,
delays them, delivers requests twice, and tells the server of broken connections or does not.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from cometary.errors import ProtocolError
from cometary.sessions import Packet, SessionSettings
from examples import python_client
from tests.sessions.bench import Asked, Bench

LAST = 20
SETTINGS = SessionSettings(wait=5, die=1e6, requests=2, max_response_bytes=3 * len(Packet("down", 1).json))
KIND = 100.0
"""Seconds after which the network is kind: all has been sent by then."""

END = 250.0
"""Seconds after which all has to have arrived."""


class Sending(Asked):
    """A request on one connection, which waits for its answer."""

    def __init__(self, body: dict[str, Any]) -> None:
        packets = [Packet(packet["path"], packet["message"]) for packet in body["packets"]]
        super().__init__(body["rid"], ack=body["ack"], packets=packets)
        self.done = trio.Event()

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        super().answer(first_seq, packets)
        self.done.set()

    def refuse(self, error: ProtocolError) -> None:
        super().refuse(error)
        self.done.set()

    def response(self) -> httpx.Response:
        [reply] = self.replies
        if isinstance(reply, ProtocolError):
            return httpx.Response(reply.status, json=reply.body())
        first, packets = reply
        listed = [{"path": packet.path, "message": packet.message} for packet in packets]
        return httpx.Response(200, json={"seq": first, "packets": listed} if packets else {"packets": []})


class BadNetwork(httpx.AsyncBaseTransport):
    """Between the client and the session; what it does follows from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)  # noqa: S311 - no secret
        self.bench = Bench(SETTINGS)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if "sid" not in body:
            return httpx.Response(200, json={"sid": "secret", "wait": SETTINGS.wait})
        await self._delay()
        if self._happens(0.15):
            raise httpx.ConnectError("the request is lost")
        if self._happens(0.05):
            return httpx.Response(
                503, json={"status": 503, "error": "Service Unavailable"}
            )  # a gateway's own
        if self._happens(0.05):
            return httpx.Response(502, text="<h1>Bad gateway</h1>")
        if self._happens(0.15):
            self.bench.arrive(Sending(body))  # nobody waits for this one's answer
        sending = Sending(body)
        self.bench.arrive(sending)
        with trio.move_on_after(self.chance.uniform(0, 5) if self._happens(0.3) else 1000):
            await sending.done.wait()
        if not sending.done.is_set():
            if self._happens(0.7):
                self.bench.drop(sending)
            raise httpx.ReadError("the connection breaks before there is an answer")
        await self._delay()
        if self._happens(0.15):
            raise httpx.ReadTimeout("the answer is lost")
        return sending.response()

    async def _delay(self) -> None:
        await trio.sleep(self.chance.expovariate(5))

    def _happens(self, probability: float) -> bool:
        return trio.current_time() < KIND and self.chance.random() < probability


async def converse(seed: int, new_client: Callable[..., Any]) -> tuple[list[Any], list[Any]]:
    """Have both sides send; returns what the client and what the application has got by then."""
    network = BadNetwork(seed)
    bench, chance = network.bench, network.chance
    got: list[Any] = []

    def hear(_path: str, message: Any) -> None:
        got.append(message)

    client = new_client("http://session", hear)

    async def pass_time() -> None:
        while True:
            await trio.sleep(1)
            bench.pass_time(1)

    async def send() -> None:
        for number in range(1, LAST + 1):
            await trio.sleep(chance.uniform(0, 2))
            bench.push(Packet("down", number))
            await trio.sleep(chance.uniform(0, 2))
            await client.send("up", number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx, "AsyncClient", partial(httpx.AsyncClient, transport=network))
        patch.setattr("random.uniform", chance.uniform)
        async with trio.open_nursery() as nursery:
            for task in (client.run, pass_time, send):
                nursery.start_soon(task)
            await trio.sleep(END)
            nursery.cancel_scope.cancel()
    return got, [packet.message for packet in bench.handed_over]


def talk(seed: int, new_client: Callable[..., Any] = python_client.Client) -> None:
    """Have a conversation in virtual time; fails unless everything arrives once and in order."""
    clock = MockClock(autojump_threshold=0)
    assert trio.run(converse, seed, new_client, clock=clock) == (ALL, ALL)


ALL = list(range(1, LAST + 1))


@pytest.mark.parametrize("seed", range(20))
def test_each_packet_arrives_once_and_in_order_both_ways(seed: int) -> None:
    talk(seed)


BREAKS = {
    "take packets twice": ('[self._ack + 1 - answer.get("seq", self._ack + 1) :]', ""),
    "acknowledge more than has come": ("self._ack += len(fresh)", 'self._ack += len(answer["packets"])'),
    "send packets with the next request as well": (
        "self._packets, self._token_is_new = self._packets[self._most :], False",
        "self._token_is_new = False",
    ),
    "use an id twice": ("self._rid += 1", "self._rid += self._rid % 2"),
    "send nothing again": ("pass  # the request", 'return {"packets": []}  # the request'),
}


@pytest.mark.parametrize("rule", BREAKS)
def test_a_client_that_breaks_a_rule_is_found_out(rule: str) -> None:
    old, new = BREAKS[rule]
    source = inspect.getsource(python_client)
    assert source.count(old) == 1
    names: dict[str, Any] = {"__name__": "broken_python_client"}
    exec(source.replace(old, new), names)  # noqa: S102 - the example's own source
    with pytest.raises((AssertionError, ExceptionGroup)):
        list(map(partial(talk, new_client=names["Client"]), range(20)))
