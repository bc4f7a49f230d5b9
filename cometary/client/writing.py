"""Packets as a client writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cometary.client.bodies import Packet
from cometary.errors import UsageError
from cometary.packets.paths import CONTROL_PREFIX, FROM_CLIENTS, check_own_path

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES: Final = 256_000
"""Bytes of one packet."""


def listed(paths: str | Iterable[str]) -> list[str]:
    """Return paths as a list.

    Raises:
        UsageError: one of them is not a path; the caller's fault.
    """
    given = [paths] if isinstance(paths, str) else [*paths]
    for path in given:
        check_own_path(path)
    return given


def packed(path: str, message: object, **wishes: str | None) -> bytes:
    """Write a packet.

    Raises:
        UsageError, TypeError, ValueError: see `Comet.send`.
    """
    check_own_path(path)
    if path.startswith(CONTROL_PREFIX) and path not in FROM_CLIENTS:
        raise UsageError("a client may not send to control paths (::)")
    members = {name: wish for name, wish in wishes.items() if wish is not None}
    text = json.dumps({"path": path, "message": message, **members}, ensure_ascii=False, allow_nan=False)
    packet = text.encode()
    if len(packet) > MOST_BYTES:
        raise UsageError(f"a packet of {len(packet)} bytes is too large for one request")
    return packet


def shown(packet: bytes) -> tuple[str, Any]:
    """Return the path and the message of a packet that was written here."""
    read = msgspec.json.decode(packet, type=Packet)
    return read.path, read.message
