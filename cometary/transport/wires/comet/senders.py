"""Who sends a long body, found out before it is read: a client without a session has no reason to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from cometary.errors import ProtocolError
from cometary.sessions.locator import unknown_session
from cometary.transport.codecs import json

if TYPE_CHECKING:
    from cometary.transport.codecs import Codec

LONGEST_OPENING: Final = 32 * 1024
"""Bytes of a request that opens a session: there is little in it but a token."""

KEY: Final = b"\x63sid"
"""In CBOR."""


class _Sender(msgspec.Struct):
    """A request of which only the session counts; nothing is made of all else that is in it."""

    sid: str | UnsetType = UNSET


_read_sender = msgspec.json.Decoder(_Sender).decode


class Gate(Protocol):
    """Who finds the sessions."""

    def may_find(self, sid: str, /) -> bool:
        """Whether a request may find a session with this id, or its end."""
        ...


def check_sender(body: bytes, codec: Codec, gate: Gate) -> None:
    """See whether a body longer than `LONGEST_OPENING` belongs to a session that there may be, or was.

    In CBOR, where nothing can be skipped, that is seen only if there is no id at all. What is malformed, and
    what is wrong in any other way, is left to what reads all of it.

    Raises:
        ProtocolError: `too-large` or `unknown-session`; the client's fault.
    """
    if codec is not json:
        if KEY not in body:
            raise _too_long()
        return
    try:
        sid = _read_sender(body).sid
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if sid is UNSET:
        raise _too_long()
    if not gate.may_find(sid):
        raise unknown_session()


def _too_long() -> ProtocolError:
    return ProtocolError(
        "too-large", f"A request that opens a session is not longer than {LONGEST_OPENING} bytes."
    )
