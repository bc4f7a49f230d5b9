"""The table of contracts: which path has which contract with slow consumers.

1.  A contract is declared for a pattern. Of those that cover a path the one declared first holds;
    a path that none covers is kept (`cometary.packets.contract`, rule 1).
2.  A packet that has no contract with slow consumers and no wishes of its sender is a plain `Packet`: those who use
    none of this pay one look-up for an update, and nothing for a delivery.
3.  A path comes from the calling code as it is (`Any`, so that compiled code takes it): what is not a path is refused
    where it is looked up.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final

from cometary.errors import UsageError
from cometary.packets.contract import KEEP, Contract, declare
from cometary.packets.encoded import Encoded
from cometary.packets.packet import Packet, check_encodable, outgoing
from cometary.packets.paths import check_own_path
from cometary.packets.patterns import Pattern
from cometary.packets.tracked import TrackedPacket, tracked

if TYPE_CHECKING:
    from collections.abc import Iterable

ENDLESS: Final = 1 << 60
"""Bytes that no packet has."""

LONGEST_MARK: Final = 64
"""Bytes that a packet grows by at most when it gets its position in a history."""

MOST_REMEMBERED_PATHS: Final = 1024
"""Paths whose contracts are remembered; when there are more, all are looked up again."""


class Contracts:
    """From paths to contracts, and so to packets.

    Args:
        declared: patterns with their contracts, in the order in which they are to be looked at.
        most_bytes: all that a session queues: a larger packet could reach nobody.
    """

    def __init__(self, declared: Iterable[tuple[Pattern, Contract]] = (), most_bytes: float = inf) -> None:
        self.declared = list(declared)
        self._most_bytes = most_bytes - (LONGEST_MARK if self.keeping else 0)
        self._most: int = ENDLESS if self._most_bytes == inf else int(self._most_bytes)
        self._remembered: dict[str, Contract] = {}

    def __bool__(self) -> bool:
        return bool(self.declared)

    @property
    def keeping(self) -> bool:
        """Whether there are paths with a history."""
        return any(contract.history is not None for _, contract in self.declared)

    @property
    def presence(self) -> bool:
        """Whether there are paths of which it is told who is connected to them."""
        return any(contract.presence for _, contract in self.declared)

    @property
    def durable(self) -> bool:
        """Whether there are paths whose packets are recorded."""
        return any(contract.durable for _, contract in self.declared)

    def declare(self, pattern: str, contract: Contract) -> None:
        """Let `contract` hold for the paths that `pattern` covers and none declared before does.

        Raises:
            PatternError: if it is not a pattern; the caller's fault, nothing has changed.
            UsageError: if that pattern has a contract; the caller's fault, nothing has changed.
        """
        declare(self.declared, pattern, contract)
        self._remembered.clear()

    def find(self, path: Any) -> Contract:
        """Return the contract that holds for `path`.

        Raises:
            UsageError: if it is not a path; the caller's fault.
        """
        contract = self._remembered.get(path)
        if contract is None:  # so a path is looked at when it is new, not with each packet
            check_own_path(path)
            if len(self._remembered) >= MOST_REMEMBERED_PATHS:
                self._remembered.clear()
            self._remembered[path] = contract = self._first(path)
        return contract

    def kept(self, wish: Pattern) -> list[Contract]:
        """Return the contracts with a history that may hold for paths that `wish` covers.

        Raises:
            UsageError: if it is no path of an application's; the caller's fault.
        """
        if wish.exact:
            contract = self.find(wish.text)
            return [] if contract.history is None else [contract]
        return [
            contract
            for pattern, contract in self.declared
            if contract.history is not None and pattern.meets(wish)
        ]

    def _first(self, path: str) -> Contract:
        for pattern, contract in self.declared:
            if pattern.matches(path):
                return contract
        return KEEP

    # -- making packets ---------------------------------------------------------------------

    def packet(self, path: Any, message: Any = None, sender: object = None) -> Packet:
        """Return a packet without wishes of its sender.

        Raises:
            UsageError: if `path` is not a path, or it cannot be encoded or queued; the caller's fault.
        """
        contract = self.find(path)
        if contract.plain:
            return self.plain(path, message, sender)
        packet = tracked(path, message, sender, contract=contract)
        if packet.size > self._most_bytes:
            raise self._too_large(packet)
        return packet

    def plain(self, path: str, message: Any = None, sender: object = None) -> Packet:
        """Return a packet to a path that is known to be one, and to have no contract; see `packet`."""
        if type(message) is not str and isinstance(message, Encoded):
            packet = Packet(path, message.value, sender)
            message.put_into(packet)
            check_encodable(packet)
        else:
            packet = outgoing(path, message, sender)
        if len(packet.json) > self._most:
            raise self._too_large(packet)
        return packet

    def _too_large(self, packet: Packet) -> UsageError:
        return UsageError(
            f"the packet to {packet.path!r} has {packet.size} bytes, and a session queues "
            f"{self._most_bytes:.0f} at most (queue-bytes)"
        )

    def tracked(
        self,
        path: Any,
        message: Any = None,
        sender: object = None,
        *,
        receipt: str | None = None,
        ttl: float | None = None,
        key: object = None,
        exclude: str | None = None,
    ) -> TrackedPacket:
        """Return a packet with them; see `cometary.packets.tracked.tracked`.

        Raises:
            UsageError: if `path` is not a path, it cannot be encoded or queued, or one of them makes no sense;
                the caller's fault.
        """
        contract = self.find(path)
        packet = tracked(
            path, message, sender, contract=contract, receipt=receipt, ttl=ttl, key=key, exclude=exclude
        )
        if packet.size > self._most_bytes:
            raise self._too_large(packet)
        return packet
