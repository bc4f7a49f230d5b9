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
from typing import Final

PREFIX: Final = "whsec_"
KEY_BYTES: Final = range(24, 65)


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
    text = f"{event_id}.{seconds}.".encode() + body
    signature = b64encode(hmac.digest(key, text, "sha256")).decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
    }
