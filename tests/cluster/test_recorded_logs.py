"""What is replayed to a recorded session, and what its record keeps of that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cometary.cluster.log_places import LogPlaces
from cometary.cluster.recorded_logs import RecordedLogs
from cometary.packets.packet import Packet
from cometary.packets.position import Position
from cometary.sessions.outbox import Outbox
from cometary.sessions.replayed import Replayed


def _always(_path: str) -> bool:
    return True


class Shell:
    """What stands around the places of a session that is connected to one path, or to none."""

    def __init__(self, *connected: str) -> None:
        self.places = LogPlaces(1)
        recording = SimpleNamespace(keeps=_always)
        self._recorded = SimpleNamespace(places=self.places, recording=recording)

        def is_connected(_keeper: object, path: str) -> bool:
            return path in connected

        hub = SimpleNamespace(is_connected=is_connected)
        self._manager = SimpleNamespace(hub=hub)
        self._keeper = SimpleNamespace(machine=SimpleNamespace(outbox=Outbox(100, 100_000)))
        self.published: list[str] = []

    def _record_places(self) -> None:
        """There is no record."""

    def _publish_at(self, packet: Packet, path: str, at: Position | None) -> None:
        self.published.append(packet.path)


@pytest.mark.parametrize("connected", [("kept/a",), ()], ids=["there", "left"])
def test_what_is_replayed_gives_a_place_only_to_a_session_that_is_still_connected(
    connected: tuple[str, ...],
) -> None:
    shell = Shell(*connected)
    replayed = Replayed("kept/a", Position("e", 0), Position("e", 1), [Packet("kept/a", 1)])
    RecordedLogs._replay(cast("Any", shell), replayed)
    assert shell.places.has("kept/a") is bool(connected)
    assert shell.published[1:] == ["kept/a"], "it was wished for"
