"""A tracked packet: one whose outbox is to account for it, or may let go of it.

Most packets are none, and pay nothing for those that are.
"""

from __future__ import annotations

from typing import Any, Final

from cometary.errors import UsageError
from cometary.sessions.contract import KEEP, Contract, check_ttl
from cometary.sessions.packet import NOT_ENCODABLE, Packet, check_depth, not_encodable

LONGEST_RECEIPT: Final = 256
"""The most characters of a receipt's id."""


Slot = tuple[Contract, object]
"""What packets are conflated and counted by: their contract and their key."""


class TrackedPacket(Packet):
    """A packet on terms; like every packet immutable, and shared by all sessions that receive it.

    Args:
        path: see `Packet`.
        message: see `Packet`.
        sender: see `Packet`.
        contract: what may become of it where it has to wait.
        receipt: the sender's own id for the receipts it wants; None for no receipts.
        ttl: seconds that it waits unsent at most; None: as its contract says.
        key: what it is conflated and counted with; None: as its contract says.
    """

    __slots__ = ("contract", "key", "receipt", "slot", "ttl")

    def __init__(
        self,
        path: str,
        message: Any = None,
        sender: object = None,
        *,
        contract: Contract = KEEP,
        receipt: str | None = None,
        ttl: float | None = None,
        key: object = None,
    ) -> None:
        super().__init__(path, message, sender)
        self.contract = contract
        self.receipt = receipt
        self.ttl = contract.ttl if ttl is None else ttl
        if key is None:
            key = path if contract.key is None else contract.key(path, message)
        self.key = key
        self.slot: Slot | None = None if contract.when_full == "keep" else (contract, key)

    def __repr__(self) -> str:
        wanted = "" if self.receipt is None else f", receipt {self.receipt!r}"
        return f"<TrackedPacket to {self.path!r}{wanted}>"


def tracked(
    path: str,
    message: Any = None,
    sender: object = None,
    *,
    contract: Contract = KEEP,
    receipt: str | None = None,
    ttl: float | None = None,
    key: object = None,
) -> TrackedPacket:
    """Return a tracked packet that is sure to be encodable.

    Raises:
        UsageError: if it holds something that cannot be encoded, or its receipt, its time to live or
            its key is none; the caller's fault.
    """
    if receipt is not None:
        check_receipt(receipt)
    if ttl is not None:
        check_ttl(ttl)
    if path.__class__ is not str:
        path = str.__str__(path)
    packet = TrackedPacket(path, message, sender, contract=contract, receipt=receipt, ttl=ttl, key=key)
    try:
        hash(packet.slot)
    except TypeError:
        raise UsageError(f"the key of a packet to {path!r} cannot be compared: it has no hash") from None
    try:
        packet.size  # noqa: B018  # encodes it, once for all receivers
    except NOT_ENCODABLE as error:
        raise not_encodable(packet, error) from error
    check_depth(packet)
    return packet


def check_receipt(receipt: object) -> None:
    """Accept the id of a receipt by returning.

    Raises:
        UsageError: if it is no text of 1 to 256 characters; the caller's fault.
    """
    if not (isinstance(receipt, str) and 0 < len(receipt) <= LONGEST_RECEIPT):
        raise UsageError(f"a receipt's id is text of 1 to {LONGEST_RECEIPT} characters")
