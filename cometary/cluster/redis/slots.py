"""Which server of a Redis Cluster has what: the slot of a key, the key of a command, the server of a slot.

Pure: no clock, no socket. Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, cast

from cometary.cluster.redis.wire import Reply

SLOTS: Final = 16_384

FUNCTION_CALL: Final = b"FCALL"
"""Has its first key behind the name of the function and the number of keys; other commands have it first."""


class Address(NamedTuple):
    """Where a server of a cluster is."""

    host: str
    port: int


def slot_of(key: bytes) -> int:
    """Return the slot of a key: that of what stands in its first braces, if anything does."""
    begin = key.find(b"{")
    if begin >= 0:
        end = key.find(b"}", begin)
        if end > begin + 1:
            key = key[begin + 1 : end]
    return crc_hqx(key, 0) % SLOTS


def key_of(command: bytes) -> bytes:
    """Return the first key of a command that is written as `cometary.cluster.redis.wire.command` writes it."""
    parts = command.split(b"\r\n", 9)
    return parts[8] if parts[2] == FUNCTION_CALL else parts[4]


def _host(said: str, asked: str) -> str:
    """Return a host; a server that knows no name of another one, or of itself, says "?" or nothing: the one asked."""
    return asked if said in ("", "?") else said


class SlotMap:
    """Which server has each slot.

    Args:
        ranges: first and last slot, and the server that has these and those between them.

    Attributes:
        servers: all servers that have any.
    """

    def __init__(self, ranges: Iterable[tuple[int, int, Address]] = ()) -> None:
        self._servers: list[Address | None] = [None] * SLOTS
        for first, last, server in ranges:
            self._servers[first : last + 1] = [server] * (last + 1 - first)
        self.servers = {server for server in self._servers if server is not None}

    def of(self, slot: int) -> Address | None:
        """Return which server has a slot; None if none has."""
        return self._servers[slot]

    def note_moved(self, slot: int, server: Address) -> None:
        """Note that a server has a slot now."""
        self._servers[slot] = server
        self.servers.add(server)

    @property
    def whole(self) -> bool:
        """Whether every slot has a server."""
        return None not in self._servers

    def may_lack(self, before: SlotMap) -> bool:
        """Whether a server has slots of one that no longer has any, and so may have taken over from a dead one.

        A server that hands slots over keeps others, or hands over all of them: one that has handed over its last slot
        is taken to be dead, which costs a grace.
        """
        gone = before.servers - self.servers
        return any(
            had in gone and has is not None for had, has in zip(before._servers, self._servers, strict=True)
        )


def slots_from(reply: Reply, asked: str) -> SlotMap:
    """Read what `CLUSTER SLOTS` has answered.

    Args:
        reply: the answer.
        asked: the host of the server that was asked, which may leave out its own name.
    """
    ranges = list[tuple[int, int, Address]]()
    for first, last, master, *_ in cast("list[Any]", reply):
        host = (master[0] or b"").decode()
        ranges.append((first, last, Address(_host(host, asked), master[1])))
    return SlotMap(ranges)


class Redirection(NamedTuple):
    """Where to send a call instead.

    Attributes:
        slot: the slot that it is about.
        server: the server.
        once: whether only this call is: the slot is on its way to that server (`ASK`).
    """

    slot: int
    server: Address
    once: bool


def redirection_from(refusal: str, asked: str) -> Redirection | None:
    """Read a refusal that says who has what was asked for; None if it is another one.

    Args:
        refusal: what the server has said.
        asked: its host.
    """
    kind, _, rest = refusal.partition(" ")
    if kind not in {"MOVED", "ASK"}:
        return None
    slot, _, where = rest.partition(" ")
    host, _, port = where.rpartition(":")
    return Redirection(int(slot), Address(_host(host, asked), int(port)), kind == "ASK")
