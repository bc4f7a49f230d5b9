"""A link when its node stops: what is to be said goes out, then it ends."""

from __future__ import annotations

import socket

from cometary.nodes.link import Flushing, Link
from cometary.nodes.messages import Leaving, decode_of_dialer
from cometary.transport.net.channel import Channel, Floor, Traffic


class Draining(Floor):
    """What watches connections, of a server that stops."""

    def __init__(self) -> None:
        super().__init__(65_536, Traffic())
        self.closing = True

    def watch(self, channel: Channel, *, reading: bool, writing: bool, ended: bool = False) -> None:
        """Watch nothing."""

    def forget(self, channel: Channel) -> None:
        """Know nothing of it."""


async def test_a_link_that_has_something_to_say_when_its_node_stops_ends_when_it_was_said() -> None:
    ends = list[str]()
    link = Link("b", Flushing(), decode_of_dialer, lambda _: None, lambda: ends.append("ended"))
    here, there = socket.socketpair()
    here.setblocking(False)
    channel = link.speak(here, "", Draining())
    link.send(Leaving())
    assert not channel.idle, "or it is closed at once, with that unsaid"
    link.flush()
    there.settimeout(1)
    with there:
        assert b"v" in there.recv(100)
        assert there.recv(100) == b""
    assert ends == ["ended"]
