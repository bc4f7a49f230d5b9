"""A session's machine with a clock and a client, for tests of its rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from cometary.doors.bosh.bodies import Body
from cometary.doors.bosh.events import (
    Answer,
    Arrived,
    Asked,
    End,
    Forward,
    Gone,
    Leave,
    Reading,
    Restart,
    ServerEnded,
)
from cometary.doors.bosh.machine import BoshMachine
from cometary.doors.bosh.terms import Offer, Terms, agree
from cometary.fsm import CancelTimer, StartTimer, Stopped

FIRST = 1000
OFFER = Offer(frozenset({"localhost", "other.example"}))


class Request:
    """One request, and what it was answered."""

    def __init__(self, rid: int, children: Sequence[bytes] = (), **said: str) -> None:
        attributes = {name.replace("__", " ").replace("_", "-"): value for name, value in said.items()}
        self.body = Body({"rid": str(rid), **attributes}, [*children])
        self.asked: Asked | None = None
        self.answers: list[tuple[int, bytes]] = []

    def answer(self, status: int, body: bytes, content: str) -> None:
        del content
        self.answers.append((status, body))

    @property
    def held(self) -> bool:
        """Whether it was not answered."""
        return not self.answers

    @property
    def raw(self) -> bytes:
        """What was answered."""
        ((_, body),) = self.answers
        return body

    @property
    def status(self) -> int:
        ((status, _),) = self.answers
        return status

    @property
    def said(self) -> dict[str, str]:
        """The attributes of the answer."""
        return dict(ET.fromstring(self.raw).attrib)  # noqa: S314

    @property
    def got(self) -> list[str]:
        """The names of the elements in the answer."""
        return [element.tag for element in ET.fromstring(self.raw)]  # noqa: S314

    @property
    def condition(self) -> str | None:
        return self.said.get("condition", "") if self.said.get("type") == "terminate" else None


class Driver:
    """A session that has begun.

    Args:
        offer: what the server offers.
        opened: whether the XMPP server has sent its features.
        said: more of the first request.
    """

    def __init__(self, offer: Offer = OFFER, *, opened: bool = True, **said: str) -> None:
        self.now = 100.0
        defaults: dict[str, Any] = {"to": "localhost", "wait": "60", "hold": "1", "ver": "1.6", **said}
        self.first = self._request(FIRST, **defaults)
        agreed = agree(self.first.body, offer)
        assert isinstance(agreed, Terms)
        self.terms = agreed
        assert self.first.asked is not None
        self.machine = BoshMachine("the-sid", agreed, self.first.asked)
        self.forwarded: list[bytes] = []
        self.restarts = 0
        self.reading = True
        self.ended = False
        self.undelivered: Sequence[bytes] | None = None
        self._timer: tuple[float, StartTimer] | None = None
        self.last = FIRST
        self._do(self.machine.start())
        if opened:
            self.arrive(b"<features/>")

    def _request(self, rid: int, children: Sequence[bytes] = (), **said: str) -> Request:
        request = Request(rid, children, **said)
        request.asked = Asked(request.body, request, self.now)
        return request

    def ask(self, *children: bytes, rid: int | None = None, **said: str) -> Request:
        """Have a request come; the next one, if no `rid` is given."""
        if rid is None:
            self.last = rid = self.last + 1
        request = self._request(rid, children, sid="the-sid", **said)
        assert request.asked is not None
        self._do(self.machine.step(request.asked))
        return request

    def gone(self, request: Request) -> None:
        """Have the connection of a request break."""
        assert request.asked is not None
        self._do(self.machine.step(Gone(request.asked, self.now)))

    def arrive(self, *elements: bytes) -> None:
        """Have the XMPP server send elements."""
        self._do(self.machine.step(Arrived(elements, self.now)))

    def server_ends(self, condition: str, *elements: bytes) -> None:
        self._do(self.machine.step(ServerEnded(condition, elements, self.now)))

    def end(self, condition: str) -> None:
        self._do(self.machine.step(End(condition)))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self._timer is not None and self._timer[0] <= until:
            self.now, timer = self._timer
            self._timer = None
            self._do(self.machine.step(timer.timed_out()))
        self.now = until

    def _do(self, actions: Sequence[Any]) -> None:
        for action in actions:
            match action:
                case Answer(asked, body, status):
                    asked.request.answer(status, body, "")
                case StartTimer():
                    due = action.at if action.at is not None else self.now + (action.seconds or 0.0)
                    self._timer = (due, action)
                case CancelTimer():
                    self._timer = None
                case Forward(elements):
                    self.forwarded += elements
                case Restart():
                    self.restarts += 1
                case Reading(on):
                    self.reading = on
                case Leave(undelivered):
                    self.undelivered = undelivered
                case Stopped():
                    self.ended = True
                case _:
                    raise AssertionError(action)
