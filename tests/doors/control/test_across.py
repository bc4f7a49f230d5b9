"""Calls that concern another node: forwarded there, and nowhere else; a name is looked for at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
import trio

from cometary.doors import questions
from cometary.doors.control.across import ENDED, LIVES, MOST, AcrossNodes
from cometary.errors import ProtocolError
from cometary.sessions import SessionManager
from cometary.transport.http.exchange import Exchange
from tests.doors.control.answered import Answered


class Others:
    """Two other nodes, of which each says the same whenever it is asked for a session; None is no answer."""

    own = "a"

    def __init__(self, **said: str | None) -> None:
        self._said = said
        self.asked = list[tuple[str, bytes]]()
        self.forwarded = list[tuple[str, bytes]]()
        self.answer = trio.Event()
        self.answer.set()

    def states(self) -> Sequence[tuple[str, str]]:
        return [(name, "there") for name in self._said]

    async def ask(self, node: str, question: bytes) -> bytes | None:
        self.asked.append((node, question))
        await self.answer.wait()
        said = self._said[node]
        return None if said is None else questions.write_answer(said)

    def forward(self, node: str, exchange: Exchange) -> None:
        if node not in self._said:
            raise ProtocolError("not-found", "There is no node of this name.")
        self.forwarded.append((node, exchange.query))


class Ended:
    """What is remembered of sessions that have ended: nothing but one."""

    def find(self, name: str) -> dict[str, Any] | None:
        return {"name": name} if name == "remembered" else None


class Manager:
    """A server without living sessions."""

    directory: Sequence[Any] = ()
    ended_sessions = Ended()


def across(nursery: trio.Nursery, others: Others) -> AcrossNodes:
    def here(exchange: Exchange) -> None:
        exchange.respond(200, b"here")

    return AcrossNodes(here, others, cast("SessionManager", Manager()), nursery.start_soon)


def call(endpoint: AcrossNodes, method: str, path: str, query: bytes = b"", body: bytes = b"") -> Answered:
    answered = Answered()
    exchange = Exchange(method, path, query, {b"content-type": b"application/json"}, body=body)
    exchange.arrive(answered, "127.0.0.1")
    endpoint(exchange)
    return answered


async def test_a_call_that_names_no_other_node_is_answered_here(nursery: trio.Nursery) -> None:
    others = Others(b="", c="")
    endpoint = across(nursery, others)
    for path, query in (("/tree", b""), ("/tree", b"node=a"), ("/inspector/", b"node=b"), ("/update", b"")):
        assert call(endpoint, "GET", path, query).body == b"here"
    assert (others.asked, others.forwarded) == ([], [])


async def test_what_anyone_may_ask_is_answered_here_whichever_node_it_names(nursery: trio.Nursery) -> None:
    others = Others(b="")
    endpoint = across(nursery, others)
    for path in ("/healthz", "/readyz"):
        for node in (b"node=b", b"node=z"):
            assert call(endpoint, "GET", path, node).body == b"here"
    assert others.forwarded == []


async def test_a_node_that_is_not_known_is_said_to_be_so(nursery: trio.Nursery) -> None:
    with pytest.raises(ProtocolError, match="no node of this name"):
        call(across(nursery, Others(b="")), "GET", "/tree", b"node=z")


async def test_a_session_is_looked_for_and_one_that_lives_goes_before_one_that_is_remembered(
    nursery: trio.Nursery,
) -> None:
    others = Others(b=ENDED, c=LIVES)
    call(across(nursery, others), "GET", "/session", b"name=x")
    await trio.testing.wait_all_tasks_blocked()
    assert others.forwarded == [("c", b"name=x&node=c")]


async def test_the_body_of_a_kick_says_whom_to_look_for(nursery: trio.Nursery) -> None:
    others = Others(b=LIVES)
    endpoint = across(nursery, others)
    call(endpoint, "POST", "/kick", body=b'{"name": "x"}')
    await trio.testing.wait_all_tasks_blocked()
    assert others.forwarded == [("b", b"node=b")]
    for body in (b'{"sid": "x"}', b'{"name": 7}', b"{"):
        assert call(endpoint, "POST", "/kick", body=body).body == b"here", (
            "whoever answers says what is wrong"
        )


async def test_a_session_that_is_remembered_here_is_looked_for_nowhere(nursery: trio.Nursery) -> None:
    others = Others(b=LIVES)
    endpoint = across(nursery, others)
    assert call(endpoint, "GET", "/session", b"name=remembered").body == b"here"
    assert endpoint.find("remembered") == b'"ended"'
    assert others.asked == []


async def test_what_a_node_was_forwarded_it_does_not_forward_again(nursery: trio.Nursery) -> None:
    others = Others(b=LIVES)
    assert call(across(nursery, others), "GET", "/session", b"name=x&node=a").body == b"here"
    assert others.asked == []


async def test_a_session_that_no_node_knows_is_unknown_here(nursery: trio.Nursery) -> None:
    answered = call(across(nursery, Others(b="", c=None)), "GET", "/trace", b"name=x")
    await trio.testing.wait_all_tasks_blocked()
    assert answered.body == b"here"


async def test_a_call_whose_caller_has_left_is_not_forwarded(nursery: trio.Nursery) -> None:
    others = Others(b=LIVES)
    exchange = Exchange("GET", "/trace", b"name=x", {})
    exchange.arrive(Answered(), "127.0.0.1")
    across(nursery, others)(exchange)
    exchange.drop()
    await trio.testing.wait_all_tasks_blocked()
    assert len(others.asked) == 1
    assert others.forwarded == []


async def test_so_many_are_looked_for_at_a_time(nursery: trio.Nursery) -> None:
    others = Others(b="")
    others.answer = trio.Event()
    endpoint = across(nursery, others)
    answers = [call(endpoint, "GET", "/session", b"name=x") for _ in range(MOST)]
    with pytest.raises(ProtocolError, match="too many"):
        call(endpoint, "GET", "/session", b"name=x")
    others.answer.set()
    await trio.testing.wait_all_tasks_blocked()
    assert {answer.body for answer in answers} == {b"here"}
    assert call(endpoint, "GET", "/session", b"name=x").status == 0
