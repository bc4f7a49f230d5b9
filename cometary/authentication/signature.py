"""Signatures of webhooks, so that a back-end can tell the server's events from anybody else's.

Source: Standard Webhooks, https://www.standardwebhooks.com, sections "Webhook payload and headers" and
"Signature scheme"; libraries for it exist in many languages. The signed text is the id, the time of the
attempt and the body, so an attempt that somebody recorded is of no use a few minutes later.

Pure: no clock, no socket.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

PREFIX: Final = "whsec_"
KEY_BYTES: Final = range(24, 65)
TOLERANCE: Final = 300
"""Seconds by which the clocks of both machines may differ; what is older was recorded by somebody."""
DIGITS: Final = 16
"""More than any time has."""


def read_secret(secret: str) -> bytes:
    """Return the key that a secret holds.

    Args:
        secret: `whsec_` and then the base64 of 24 to 64 bytes.

    Raises:
        ValueError: if it is none; whoever wrote it is at fault. The message does not repeat it.
    """
    if not secret.startswith(PREFIX):
        raise ValueError("a secret begins with whsec_")
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("behind whsec_ there is no base64") from None
    if len(key) not in KEY_BYTES:
        raise ValueError("a secret has from 24 to 64 bytes")
    return key


def signed_headers(key: bytes, event_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """Return the headers that say what is sent, when, and by whom.

    Args:
        key: what the back-end knows as well.
        event_id: the same for each attempt.
        seconds: since 1970: when this attempt is made.
        body: what is sent.
    """
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": _signature(key, event_id, str(seconds), body),
    }


def is_genuine(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a server with the same key has sent this, and not long ago.

    Args:
        key: what the server signs with.
        headers: of the request; their names in lower case, or in any if the mapping does not mind.
        body: as it came, byte for byte.
        now: seconds since 1970.
    """
    event_id, seconds, signatures = (
        headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) < DIGITS):
        return False
    if abs(now - int(seconds)) > TOLERANCE:
        return False
    expected = _signature(key, event_id, seconds, body).encode()
    return any(hmac.compare_digest(expected, one.encode()) for one in signatures.split())


def _signature(key: bytes, event_id: str, seconds: str, body: bytes) -> str:
    text = f"{event_id}.{seconds}.".encode(errors="replace") + body
    return f"v1,{b64encode(hmac.digest(key, text, 'sha256')).decode()}"
