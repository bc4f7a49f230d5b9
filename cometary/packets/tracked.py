"""A tracked packet: one whose outbox is to account for it, or may let go of it.

Most packets are none, and pay nothing for those that are.
"""

from __future__ import annotations

from typing import Any, Final

from cometary.errors import UsageError
from cometary.escapes import exit_in, plain, really
from cometary.packets.contract import KEEP, Contract
from cometary.packets.encoded import Encoded
from cometary.packets.packet import Packet, check_encodable
from cometary.packets.terms import check_ttl

LONGEST_RECEIPT: Final = 256
"""The most characters of a receipt's id."""


PLAIN_KEYS: Final = frozenset({str, int, float, bool, bytes, type(None)})
"""Classes whose values are compared as they are."""

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
        exclude: the id of a session that it is not for; None for none.
    """

    __slots__ = ("contract", "exclude", "key", "receipt", "slot", "ttl")

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
        exclude: str | None = None,
    ) -> None:
        super().__init__(path, message, sender)
        self.contract = contract
        self.exclude = exclude
        self.receipt = receipt
        self.ttl = contract.ttl if ttl is None else ttl
        if key is None:
            key = path if contract.key is None else as_key(contract.key(path, message), path)
        self.key = key
        self.slot: Slot | None = None if contract.when_full == "keep" else (contract, key)

    @property
    def has_wishes(self) -> bool:
        """Whether whoever routes it has to look at more than its path."""
        return self.receipt is not None or self.exclude is not None

    def take_key(self, key: object) -> None:
        """Have a key that the contract has already said, be it None: its function is not asked again.

        It is the application's, and may be for messages that are no plain data, as they are after a journey.
        """
        self.key = key
        if self.slot is not None:
            self.slot = (self.contract, key)

    def again(self) -> TrackedPacket:
        """See `Packet.again`."""
        twin = TrackedPacket(self.path, self.message, self.sender, contract=self.contract, key=self.path)
        twin.take_key(self.key)
        twin.receipt, twin.ttl, twin.exclude, twin.cause = self.receipt, self.ttl, self.exclude, self.cause
        return twin

    def __repr__(self) -> str:
        wanted = "" if self.receipt is None else f", receipt {self.receipt!r}"
        return f"<TrackedPacket to {self.path!r}{wanted}>"


class Key:
    """A key of the application's own class, which is hashed once and whose comparison never fails.

    Keys are compared in the outbox of each session that a packet goes to: none of them may suffer from one.

    Args:
        value: the key.

    Raises:
        TypeError: if it has no hash; its author's fault.
    """

    __slots__ = ("_hash", "_value")

    def __init__(self, value: object) -> None:
        self._value = value
        self._hash = hash(value)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if type(other) is not Key:
            return NotImplemented
        try:
            return bool(self._value is other._value or self._value == other._value)
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            return False


def as_key(value: object, path: str) -> object:
    """Return `value` as what packets are compared by.

    Raises:
        UsageError: if it has no hash; the caller's fault.
    """
    if really(value, str):
        return plain(value)
    try:
        return value if type(value) in PLAIN_KEYS else Key(value)
    except TypeError:
        raise UsageError(f"the key of a packet to {path!r} cannot be compared: it has no hash") from None


def tracked(
    path: str,
    message: Any = None,
    sender: object = None,
    *,
    contract: Contract = KEEP,
    receipt: str | None = None,
    ttl: float | None = None,
    key: object = None,
    exclude: str | None = None,
) -> TrackedPacket:
    """Return a tracked packet that is sure to be encodable.

    Raises:
        UsageError: if it holds something that cannot be encoded, or its receipt, its time to live,
            its key or the session that it is not for is not valid; the caller's fault.
    """
    if exclude is not None:
        check_exclude(exclude)
    if receipt is not None:
        check_receipt(receipt)
    if ttl is not None:
        check_ttl(ttl)
    if key is not None:
        key = as_key(key, path)
    if type(path) is not str:
        path = str.__str__(path)
    value = message.value if isinstance(message, Encoded) else message
    packet = TrackedPacket(
        path, value, sender, contract=contract, receipt=receipt, ttl=ttl, key=key, exclude=exclude
    )
    if isinstance(message, Encoded):
        message.put_into(packet)
    check_encodable(packet)
    return packet


def check_exclude(exclude: object) -> None:
    """Accept the id of a session, living or not, by returning.

    Raises:
        UsageError: if it is not text; the caller's fault.
    """
    if not isinstance(exclude, str):
        raise UsageError("exclude is the id of a session, which is text")


def check_receipt(receipt: object) -> None:
    """Accept the id of a receipt by returning.

    Raises:
        UsageError: if it is not text of 1 to 256 characters; the caller's fault.
    """
    if not (isinstance(receipt, str) and 0 < len(receipt) <= LONGEST_RECEIPT):
        raise UsageError(f"a receipt's id is text of 1 to {LONGEST_RECEIPT} characters")
