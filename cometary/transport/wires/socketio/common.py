"""What all clients of one endpoint of Socket.IO have in common: what they are offered, and which namespaces exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cometary.transport.wires.socketio.client import Client
from cometary.transport.wires.socketio.events import Namespace

if TYPE_CHECKING:
    from cometary.gate.gate import Gate
    from cometary.sessions.policy import Policy
    from cometary.transport.wires.engineio.connection import EngineConnection
    from cometary.transport.wires.engineio.engine import Engine


@dataclass(frozen=True, slots=True)
class Terms:
    """What clients are offered.

    Attributes:
        policy: what their sessions are like, in whichever namespace.
        has: whether there is a namespace of that name, beside the main one.
        most_packets: the most packets in one request of a session.
        most_unheard: packets on their way beyond which a client is asked for a sign of life.
        recovers: whether a client that comes back goes on with its sessions.
    """

    policy: Policy
    has: Callable[[str], bool]
    most_packets: int
    most_unheard: int
    recovers: bool


class SocketIo:
    """All clients of one endpoint.

    Args:
        gate: lets clients in.
        terms: what they are offered.
    """

    def __init__(self, gate: Gate, terms: Terms) -> None:
        self.gate = gate
        self.terms = terms
        self.engine: Engine | None = None
        self._namespaces: dict[str, Namespace] = {}
        self._policies: dict[str, Policy] = {}

    def new_talk(self, connection: EngineConnection) -> Client:
        """Return a new client."""
        return Client(self, connection)

    def namespace(self, name: str) -> Namespace | None:
        """Return the namespace of that name, if there is one."""
        known = self._namespaces.get(name)
        if known is None and (name == "/" or self.terms.has(name)):
            known = self._namespaces[name] = Namespace(name)
        return known

    def policy_of(self, namespace: Namespace) -> Policy:
        """Return what the sessions of a namespace are like."""
        policy = self._policies.get(namespace.name)
        if policy is None:
            policy = self._policies[namespace.name] = replace(self.terms.policy, namespace=namespace.name)
        return policy
