"""The model: what sessions do, times what that costs, is how many cores nodes and engine need.

1.  A request reaches any node with the same chance. So of N nodes, (N - 1) / N of all requests are forwarded.
2.  An update goes to every node, whether somebody hears it there or not; then to each of its sessions. Nothing of that
    is recorded.
3.  Of a recorded session, each packet of its client and each packet to it alone is recorded. One change is under way at
    a time, so what comes meanwhile is recorded together: the model counts none of that, and is too high for busy
    sessions.
4.  A core that is busy for more than a part of its time makes others wait. That part is `BUSY`.

Pure arithmetic.
"""

from __future__ import annotations

from math import ceil
from typing import Final, NamedTuple

BUSY: Final = 0.7
"""How busy a core is to be at most."""

WAIT: Final = 55.0
"""Seconds for which a poll is held."""

LEASE: Final = 5.0
RENEWALS: Final = 3
"""How long a lease is, in seconds, and how often it is renewed in that time."""

MICRO: Final = 1e-6


class Constants(NamedTuple):
    """What one of each costs, in microseconds of processor time, and in bytes.

    Attributes:
        request: a client's packet and the answer to it, at the node that has the session.
        forward: more for one that came at another node, of both.
        delivery: an update in the hands of one client, with the request by which that asks for the next.
        update: routing one where it was published.
        link: sending it to one more node, of both.
        change: a change of a record, of the node.
        engine_change: the same, of the engine.
        changes: of the record for a client's packet and its answer.
        renewal: of a lease, of the engine, for each node that is there.
        change_bytes: to the engine and back, for a change.
        record_bytes: of the engine's memory, for a session.
    """

    request: float
    forward: float
    delivery: float
    update: float
    link: float
    change: float
    engine_change: float
    changes: float
    renewal: float
    change_bytes: float
    record_bytes: float


class Workload(NamedTuple):
    """What sessions do.

    Attributes:
        name: what it is called.
        packets: of each client, a second, each with an answer of its own.
        sends: packets to each session alone, a second, besides.
        updates: published a second, for each session.
        audience: how many sessions hear each.
        recorded: which part of the sessions is.
    """

    name: str
    packets: float = 0.0
    sends: float = 0.0
    updates: float = 0.0
    audience: float = 0.0
    recorded: float = 1.0


class Need(NamedTuple):
    """What a cluster needs.

    Attributes:
        node_cores: processor seconds a second, of all nodes together.
        forwarding: of these, for forwarding.
        links: of these, for updates to other nodes.
        engine_calls: a second.
        engine_cores: processor seconds a second.
        engine_bytes: a second.
        engine_memory: bytes.
        shards: how many servers the engine has to be, each of which has one core.
        nodes: how many nodes with one core each are enough, at the least.
    """

    node_cores: float
    forwarding: float
    links: float
    engine_calls: float
    engine_cores: float
    engine_bytes: float
    engine_memory: float
    shards: int
    nodes: int


def need(constants: Constants, workload: Workload, sessions: int, nodes: int) -> Need:
    """Return what so many sessions on so many nodes need."""
    packets, sends, updates = (
        sessions * rate for rate in (workload.packets, workload.sends, workload.updates)
    )
    deliveries = sends + updates * workload.audience
    answered = packets + deliveries
    idle = max(0.0, sessions / WAIT - answered)
    forwarded = (answered + idle) * (1 - 1 / nodes)
    changes = workload.recorded * (packets * constants.changes + sends)
    renewals = nodes * RENEWALS / LEASE
    forwarding = forwarded * constants.forward * MICRO
    links = updates * (nodes - 1) * constants.link * MICRO
    own = packets * constants.request + (deliveries + idle) * constants.delivery + updates * constants.update
    node_cores = (own + changes * constants.change) * MICRO + forwarding + links
    engine_cores = (changes * constants.engine_change + renewals * nodes * constants.renewal) * MICRO
    return Need(
        node_cores,
        forwarding,
        links,
        changes + renewals,
        engine_cores,
        changes * constants.change_bytes,
        sessions * workload.recorded * constants.record_bytes,
        max(1, ceil(engine_cores / BUSY)),
        max(1, ceil(node_cores / BUSY)),
    )


def echo_cost(constants: Constants, nodes: int, *, recorded: bool) -> tuple[float, float]:
    """Return what a client's packet and its answer cost, of the nodes and of the engine, in microseconds."""
    changes = constants.changes if recorded else 0.0
    node = constants.request + (1 - 1 / nodes) * constants.forward + changes * constants.change
    return node, changes * constants.engine_change


def update_cost(constants: Constants, nodes: int) -> float:
    """Return what a packet costs that its handler tells everybody, though nobody listens."""
    forwarding = (1 - 1 / nodes) * constants.forward
    return constants.request + forwarding + constants.update + (nodes - 1) * constants.link
