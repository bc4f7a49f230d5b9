"""A door that another package brings: each line that comes over TCP, `path text`, becomes an update."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cometary.config import Address, Section, kinds
from cometary.config.option import option
from cometary.config.section import section_of
from cometary.doors.door import Door, Inside, Listener, Route
from cometary.transport.net.channel import Channel, Floor


@dataclass(frozen=True)
class LinesSection(Section):
    lines: Address = option(Address("127.0.0.1", 0), kinds.ADDRESS, "Where lines are taken.")


class LinesDoor(Door):
    name, section = "lines", LinesSection

    def open(self, inside: Inside) -> None:
        self.inside, self.at, self.taken = inside, [("", 0)], 0

    def listeners(self) -> Sequence[Listener]:
        address = section_of(self.settings, LinesSection).lines
        return [Listener("lines", address, lambda: self.channel, opened=self.at.extend)]

    def channel(self, sock: socket.socket, _peer: str, floor: Floor) -> Channel:
        return LineChannel(sock, self, floor)

    def routes(self) -> Sequence[Route]:
        return [Route("GET", "/lines", lambda asked: asked.respond(200, msgspec.json.encode(self.at[-1])))]

    def statistics(self) -> dict[str, int]:
        return {"lines_taken": self.taken}


class LineChannel(Channel):
    def __init__(self, sock: socket.socket, door: LinesDoor, floor: Floor) -> None:
        super().__init__(sock)
        self.door, self.floor = door, floor

    def readable(self, bits: int) -> None:
        for line in self.sock.recv(self.floor.read_bytes).splitlines() or [b""]:
            if not line:
                self.close()
                return
            self.door.inside.hub.update(*line.decode().split(" ", 1))
            self.door.taken += 1

    def close(self) -> None:
        self.floor.forget(self)
        self.sock.close()
