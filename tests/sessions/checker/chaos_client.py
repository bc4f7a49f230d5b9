"""The client of `cometary chaos`: its very class, to check a session with."""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cometary.client.conversation import Conversation, Request
from tests.sessions.checker.clients import OLDEST, Move
from tests.sessions.checker.played import UP, Exchange
from tests.sessions.checker.world import World


class ChaosClient:
    """A page of the bench without its connections: `Conversation`, and what its page does with it.

    Args:
        width: the most requests unanswered.
    """

    __slots__ = ("conversation", "sent")

    def __init__(self, width: int) -> None:
        self.conversation = Conversation("sid", 1, width)
        self.sent = 0

    @property
    def ack(self) -> int:
        """The number of the last packet received."""
        return self.conversation.ack

    def moves(self, world: World, room: int) -> list[Move]:
        """Return: the page sends, and a pump if that would send anything."""
        can: list[Move] = [("page sends",)] if room > 0 else []
        now = self.conversation
        idle = not now.unanswered
        if now.has_lost or idle or (now._waiting and now.unanswered < now._requests):
            can.append(("pumps",))
        return can

    def make(self, move: Move, world: World) -> None:
        """Do what the page does, or what a connection without a request does."""
        if move[0] == "page sends":
            self.sent += 1
            self.conversation.offer(written(self.sent))
            return
        while (request := self.conversation.take()) is not None:
            packets = tuple([UP[int(packet)] for packet in request.packets])
            world.exchanges.append(Exchange(world, request.rid, self.ack, packets))

    def reads(self, exchange: Exchange) -> None:
        """An answer arrives; one that refuses the request has it sent again."""
        if isinstance(exchange.reply, str):
            assert exchange.reply in ("rid-out-of-window", "session-ended"), f"refused: {exchange.reply}"
            self.loses(exchange)
            return
        assert exchange.reply is not None
        before = self.ack
        fresh = self.conversation.answered(*exchange.reply)
        got = [packet.message for packet in fresh]
        assert got == list(range(before + 1, self.ack + 1)), (
            f"packets {got} come, and the client has {before}"
        )

    def loses(self, exchange: Exchange) -> None:
        """The connection of a request breaks."""
        packets = tuple([written(UP.index(packet)) for packet in exchange.packets])
        self.conversation.lost(Request(exchange.rid, packets))

    def rids(self) -> Iterable[int]:
        """Return the request ids that matter to it."""
        return [self.conversation._rid, *[request.rid for request in self.conversation._lost]]

    def rebase(self, number: Callable[[int], int], up: int, down: int) -> None:
        """Use smaller request ids and packet numbers."""
        now: Any = self.conversation
        now._rid = number(now._rid)
        now.ack -= down
        self.sent -= up
        now._lost = [Request(number(one.rid), _older(one.packets, up)) for one in sorted(now._lost)]
        now._waiting = type(now._waiting)(_older(now._waiting, up))


def written(number: int) -> bytes:
    """Return what stands for the client's packet of this number in its bodies."""
    return b"%d" % number


def _older(packets: Iterable[bytes], by: int) -> tuple[bytes, ...]:
    return tuple([written(max(int(packet) - by, OLDEST)) for packet in packets])
