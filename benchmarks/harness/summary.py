"""Turns measurements into medians, ratios and verdicts. Pure: numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benchmarks.harness.server import LOADED, Mode
from benchmarks.harness.servers import (
    ERLANG,
    INTERPRETED,
    NCHAN,
    SOCKETIO,
    SOCKETIO_NODE,
    SOCKETIO_NODE_WEBSOCKET,
    SOCKETIO_WEBSOCKET,
    SUBJECT,
    WEBSOCKET,
)
from benchmarks.harness.spread import Spread
from benchmarks.harness.swarm import Measurement
from benchmarks.harness.target import Target

# Cometary's targets: at most this share of the peer's CPU time a delivery ...
CPU_TARGETS = {NCHAN: 1.0, SOCKETIO_NODE: 0.35, ERLANG: 0.40}
# ... the same from its sources, where nothing is compiled ...
INTERPRETED_CPU_TARGETS = {SOCKETIO_NODE: 0.50}
# ... and at most this much memory.
SESSION_KB_TARGET = 3.0

# The same on WebSockets.
SOCKET_CPU_TARGET = 1.0
SOCKET_KB_TARGET = 4.0

# To the same clients, by the same wire.
PEERS = {SOCKETIO: SOCKETIO_NODE, SOCKETIO_WEBSOCKET: SOCKETIO_NODE_WEBSOCKET}
PEER_CPU_TARGET = 0.60
PEER_KB_TARGET = 0.50


class Summary:
    """What the measurements with one number of sessions say.

    Args:
        measurements: All of a run; those with another number of sessions are left out.
        sessions: The number of sessions.
    """

    def __init__(self, measurements: Iterable[Measurement], sessions: int) -> None:
        self.sessions = sessions
        self._measurements = [each for each in measurements if each.sessions == sessions]

    def cpu_us(self, server: str, mode: Mode) -> Spread | None:
        """Returns the server CPU microseconds a delivery."""
        return Spread.of(list(self._by_round(server, mode).values()))

    def session_kb(self, server: str) -> Spread | None:
        """Returns the kilobytes a session, which every mode measures before its load begins."""
        return self._spread(server, lambda each: each.session_kb)

    def idle_core(self, server: str) -> Spread | None:
        """Returns the share of a core that merely holding the sessions took."""
        return self._spread(server, lambda each: each.idle_core, Mode.IDLE)

    def ratio(self, server: str, base: str, mode: Mode) -> Spread | None:
        """Returns one server's CPU time over another's.

        It is taken round by round, so that a machine that was slower for a while was slower
        for both sides of each ratio.
        """
        over, under = self._by_round(server, mode), self._by_round(base, mode)
        return Spread.of([over[number] / under[number] for number in over if number in under])

    def faults(self, server: str) -> dict[str, int]:
        """Returns everything that went wrong, added up over modes and rounds."""
        total: dict[str, int] = {}
        for each in self._of(server):
            for name, count in each.faults.items():
                total[name] = total.get(name, 0) + count
        return total

    def foreign_cores(self) -> Spread | None:
        """Returns how many cores were busy with something else: the noise of the run."""
        return Spread.of([each.foreign_cores for each in self._measurements])

    def targets(self) -> list[Target]:
        """Returns Cometary's promises, kept or not."""
        ratios = [
            Target(f"{mode} ÷ {peer}", limit, _middle(self.ratio(SUBJECT, peer, mode)))
            for mode in LOADED
            for peer, limit in CPU_TARGETS.items()
        ]
        ratios += self._interpreted_targets()
        memory = Target("KB a session", SESSION_KB_TARGET, _middle(self.session_kb(SUBJECT)))
        found = sum(self.faults(SUBJECT).values()) if self._of(SUBJECT) else None
        own = [*ratios, memory, Target("faults", 0, found), *self._socket_targets()]
        others = [target for server in PEERS if self._of(server) for target in self._socketio_targets(server)]
        return [*(own if self._of(SUBJECT) or not others else ()), *others]

    def _interpreted_targets(self) -> list[Target]:
        """Returns what was promised of the sources; nothing if these were not measured."""
        if not self._of(INTERPRETED):
            return []
        return [
            Target(f"interpreted {mode} ÷ {peer}", limit, _middle(self.ratio(INTERPRETED, peer, mode)))
            for mode in LOADED
            for peer, limit in INTERPRETED_CPU_TARGETS.items()
        ]

    def _socketio_targets(self, server: str) -> list[Target]:
        """Returns what was promised of clients of Socket.IO, by one of its wires."""
        peer = PEERS[server]
        ratios = [
            Target(f"{server} {mode} ÷ {peer}", PEER_CPU_TARGET, _middle(self.ratio(server, peer, mode)))
            for mode in LOADED
        ]
        ours, theirs = _middle(self.session_kb(server)), _middle(self.session_kb(peer))
        share = None if ours is None or not theirs else ours / theirs
        memory = Target(f"{server} KB a session ÷ {peer}", PEER_KB_TARGET, share)
        return [*ratios, memory, Target(f"{server} faults", 0, sum(self.faults(server).values()))]

    def _socket_targets(self) -> list[Target]:
        """Returns what was promised of WebSockets; nothing if these were not measured."""
        if not self._of(WEBSOCKET):
            return []
        peer = SOCKETIO_NODE_WEBSOCKET
        ratios = [
            Target(
                f"WebSocket {mode} ÷ {peer}", SOCKET_CPU_TARGET, _middle(self.ratio(WEBSOCKET, peer, mode))
            )
            for mode in LOADED
        ]
        memory = Target("KB a WebSocket session", SOCKET_KB_TARGET, _middle(self.session_kb(WEBSOCKET)))
        return [*ratios, memory, Target("faults on WebSockets", 0, sum(self.faults(WEBSOCKET).values()))]

    def _spread(
        self, server: str, value: Callable[[Measurement], float], mode: Mode | None = None
    ) -> Spread | None:
        return Spread.of([value(each) for each in self._of(server) if mode in {None, each.mode}])

    def _by_round(self, server: str, mode: Mode) -> dict[int, float]:
        return {
            each.round: each.cpu_us
            for each in self._of(server)
            if each.mode is mode and each.cpu_us is not None
        }

    def _of(self, server: str) -> list[Measurement]:
        return [each for each in self._measurements if each.server == server]


def _middle(spread: Spread | None) -> float | None:
    return None if spread is None else spread.median
