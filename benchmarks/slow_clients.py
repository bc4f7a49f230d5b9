"""What a client that never fetches costs in memory, by the contract of the path that it hears.

python -m benchmarks.slow_clients

One update goes to every session, so a packet is kept once however many sessions wait for it; what is
measured here is what each session keeps of its own. Then every session has packets of its own.
"""

from __future__ import annotations

import gc
import tracemalloc
from typing import Final

from cometary.packets.contract import Contract, make_contract
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.outbox import Outbox
from cometary.sessions.settings import SessionSettings
from cometary.sessions.tracking import forget

SESSIONS: Final = 10
UPDATES: Final = 1_200
PAYLOAD: Final = "x" * 64
KEYS: Final = 10
CONTRACTS: Final = {
    "keep": make_contract("keep"),
    "conflate": make_contract("conflate"),
    "drop_oldest 100": make_contract("drop_oldest", limit=100),
    "drop_newest 100": make_contract("drop_newest", limit=100),
    "close 100": make_contract("close", limit=100),
}


def fill(contract: Contract, *, shared: bool) -> tuple[float, float]:
    """Send updates to sessions that never fetch; returns packets and bytes of memory a session."""
    settings = SessionSettings()
    boxes = [Outbox(settings.max_queued_packets, settings.max_queued_bytes) for _ in range(SESSIONS)]
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    living = set(boxes)
    for number in range(UPDATES):
        common = packet_for(number, contract)
        for box in list(living):
            if not box.admit(common if shared else packet_for(number, contract), number, forget):
                living.discard(box)  # the session ends here
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    return sum(map(len, boxes)) / SESSIONS, (after - before) / SESSIONS


def packet_for(number: int, contract: Contract) -> TrackedPacket:
    """Return the packet of one update, encoded as the wire would have it."""
    packet = TrackedPacket(f"prices/{number % KEYS}", PAYLOAD, contract=contract)
    packet.size  # noqa: B018  # encodes it
    return packet


def main() -> None:
    """Print a table."""
    tracemalloc.start()
    print(f"{UPDATES} updates of {len(PAYLOAD)} bytes to {KEYS} paths; {SESSIONS} sessions never fetch")
    print(f"{'contract':18} {'packets':>8} {'KiB, same packets':>18} {'KiB, own packets':>18}")
    for name, contract in CONTRACTS.items():
        packets, shared = fill(contract, shared=True)
        _, own = fill(contract, shared=False)
        print(f"{name:18} {packets:8.0f} {shared / 1024:18.1f} {own / 1024:18.1f}")


if __name__ == "__main__":
    main()
