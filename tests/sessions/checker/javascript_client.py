"""The JavaScript client, by its own rules, to check a session with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.sessions.checker.clients import Move, older
from tests.sessions.checker.played import UP, Exchange
from tests.sessions.checker.world import World


class Written:
    """A request of the JavaScript client, with what that keeps about it."""

    __slots__ = ("attempts", "close", "on_the_wire", "packets", "rid", "was_first")

    def __init__(self, rid: int, packets: tuple[Any, ...], *, close: bool) -> None:
        self.rid = rid
        self.packets = packets
        self.close = close
        self.attempts = 0
        self.on_the_wire = False
        self.was_first = False


class JavaScriptClient:
    """The JavaScript client's rules (clients/javascript/src/protocol.js), one to one.

    Its pauses are not played: it may pump at any moment, as when a pause has just ended.

    Args:
        width: the most requests unanswered.
        closes: whether it may end the session.
    """

    __slots__ = (
        "ack",
        "closes",
        "closing",
        "highest_answered",
        "last_rid",
        "sent",
        "unanswered",
        "waiting",
        "width",
    )

    def __init__(self, width: int, *, closes: bool = False) -> None:
        self.width = width
        self.closes = closes
        self.closing = False
        self.last_rid = 1
        self.highest_answered = 1
        self.ack = 0
        self.sent = 0
        self.waiting = 0
        self.unanswered: list[Written] = []

    def moves(self, world: World, room: int) -> list[Move]:
        """Return: the page sends or closes, and a pump if that would send anything."""
        can: list[Move] = [("page sends",)] if room > 0 and not self.closing else []
        if self.closes and not self.closing:
            can.append(("page closes",))
        if self._lost() or self._may_write():
            can.append(("pumps",))
        return can

    def make(self, move: Move, world: World) -> None:
        """Do what the page, or the end of a pause, has the client do."""
        if move[0] == "page sends":
            self.sent += 1
            self.waiting += 1
        elif move[0] == "page closes":
            self.closing = True
        else:
            while (request := self.next()) is not None:
                world.exchanges.append(
                    Exchange(world, request.rid, self.ack, request.packets, close=request.close)
                )

    def _lost(self) -> list[Written]:
        return [request for request in self.unanswered if not request.on_the_wire]

    def _may_write(self) -> bool:
        if not self.unanswered:
            return True
        room = len(self.unanswered) < self.width and not self.unanswered[-1].close
        return room and (self.waiting > 0 or self.closing)

    def next(self) -> Written | None:
        """`next`: the request to send now."""
        lost = self._lost()
        if lost:
            request = lost[0]
        elif self._may_write():
            request = self._write()
        else:
            return None
        request.on_the_wire = True
        request.attempts += 1
        request.was_first = request is self.unanswered[0]
        return request

    def _write(self) -> Written:
        sure = not any(request.attempts > 1 for request in self.unanswered)
        taken = self.waiting if sure else 0
        first = self.sent - self.waiting + 1
        self.waiting -= taken
        close = sure and self.closing and self.waiting == 0
        self.last_rid += 1
        request = Written(self.last_rid, UP[first : first + taken], close=close)
        self.unanswered.append(request)
        return request

    def reads(self, exchange: Exchange) -> None:
        """`answered` and `refused`."""
        request = self._written(exchange.rid)
        if isinstance(exchange.reply, str):
            self.refused(request, exchange.reply)
        else:
            assert exchange.reply is not None
            first, packets = exchange.reply
            self.answered(request, first, packets)

    def answered(self, request: Written, first: int, packets: Sequence[Any]) -> list[Any]:
        """`answered`: returns the packets that are new."""
        self.highest_answered = max(self.highest_answered, request.rid)
        self.unanswered.remove(request)
        for other in self._lost():
            self._forget_if_processed(other)
        known = self.ack + 1 - (first if packets else self.ack + 1)
        assert known >= 0, f"packet {first} comes, and the client has {self.ack}"
        fresh = list(packets[known:])
        self.ack += len(fresh)
        assert not fresh or fresh[-1].message == self.ack
        return fresh

    def refused(self, request: Written, condition: str) -> str:
        """`refused`: returns the verdict."""
        request.on_the_wire = False
        if condition == "rid-out-of-window" and not request.was_first:
            self._forget_if_processed(request)
            return "retry"
        assert condition == "session-ended", f"the session is given up: {condition} for request {request.rid}"
        return "reopen"

    def loses(self, exchange: Exchange) -> None:
        """`lost`."""
        request = self._written(exchange.rid)
        request.on_the_wire = False
        self._forget_if_processed(request)

    def _forget_if_processed(self, request: Written) -> None:
        if request.rid < self.highest_answered:
            self.unanswered.remove(request)

    def _written(self, rid: int) -> Written:
        [request] = [one for one in self.unanswered if one.rid == rid]
        return request

    def rids(self) -> Iterable[int]:
        """Return the request ids that matter to it."""
        return [self.last_rid, self.highest_answered, *[request.rid for request in self.unanswered]]

    def rebase(self, number: Callable[[int], int], up: int, down: int) -> None:
        """Use smaller request ids and packet numbers."""
        self.last_rid = number(self.last_rid)
        self.highest_answered = number(self.highest_answered)
        self.sent -= up
        self.ack -= down
        for request in self.unanswered:
            request.rid = number(request.rid)
            request.attempts = min(request.attempts, 2)
            request.packets = older(request.packets, up)
