"""Signatures are those of Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from cometary.authentication.signature import read_secret, signed_headers

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def test_a_secret_holds_a_key() -> None:
    assert read_secret(SECRET) == KEY


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_key_of_the_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="from 24 to 64 bytes"):
        read_secret("whsec_" + base64.b64encode(bytes(size)).decode())


@pytest.mark.parametrize("secret", ["", SECRET.removeprefix("whsec_"), "whsec_=", "whsec_" + 40 * "!"])
def test_what_is_no_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValueError, match=r"whsec_|base64|bytes") as caught:
        read_secret(secret)
    assert not secret or secret not in str(caught.value)


def test_id_time_and_body_are_signed() -> None:
    expected = hmac.new(KEY, b"1f-2.1700000000." + b'{"a":1}', hashlib.sha256).digest()
    assert signed_headers(KEY, "1f-2", 1_700_000_000, b'{"a":1}') == {
        "webhook-id": "1f-2",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1," + base64.b64encode(expected).decode(),
    }
