"""Signatures are those of Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from cometary.authentication.signature import is_genuine, read_secret, signed_headers

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def test_a_secret_holds_a_key() -> None:
    assert read_secret(SECRET) == KEY


@pytest.mark.parametrize("size", [24, 64])
def test_the_shortest_and_the_longest_key_are_good(size: int) -> None:
    assert read_secret("whsec_" + base64.b64encode(bytes(size)).decode()) == bytes(size)


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_key_of_the_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="from 24 to 64 bytes"):
        read_secret("whsec_" + base64.b64encode(bytes(size)).decode())


@pytest.mark.parametrize(
    "secret", ["", SECRET.removeprefix("whsec_"), "whsec_=", "whsec_" + 40 * "!", SECRET + "\n"]
)
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


NOW = 1_700_000_000
BODY = b'{"a":1}'
HEADERS = signed_headers(KEY, "1f-2", NOW, BODY)


@pytest.mark.parametrize("later", [-301, -300, 0, 300, 301])
def test_what_was_signed_is_genuine_as_long_as_clocks_may_differ(later: int) -> None:
    assert is_genuine(KEY, HEADERS, BODY, NOW + later) is (abs(later) <= 300)


@pytest.mark.parametrize(
    ("key", "changed", "body"),
    [
        (bytes(32), {}, BODY),
        (KEY, {}, BODY + b" "),
        (KEY, {"webhook-id": "1f-3"}, BODY),
        (KEY, {"webhook-timestamp": f"{NOW + 1}"}, BODY),
        (KEY, {"webhook-signature": HEADERS["webhook-signature"][:-1]}, BODY),
        (KEY, {"webhook-signature": ""}, BODY),
    ],
    ids=["key", "body", "id", "time", "signature", "none"],
)
def test_what_was_changed_is_not_genuine(key: bytes, changed: dict[str, str], body: bytes) -> None:
    assert not is_genuine(key, {**HEADERS, **changed}, body, NOW)


@pytest.mark.parametrize("left_out", HEADERS)
def test_nor_is_what_lacks_a_header(left_out: str) -> None:
    assert not is_genuine(KEY, {name: HEADERS[name] for name in HEADERS if name != left_out}, BODY, NOW)


@pytest.mark.parametrize("seconds", ["", "-1", "1.5", "now", "\N{DEVANAGARI DIGIT ONE}", "0" * 6 + str(NOW)])
def test_a_time_that_is_none_is_refused_though_it_was_signed(seconds: str) -> None:
    signature = base64.b64encode(hmac.digest(KEY, f"1f-2.{seconds}.".encode() + BODY, "sha256")).decode()
    headers = {**HEADERS, "webhook-timestamp": seconds, "webhook-signature": f"v1,{signature}"}
    assert not is_genuine(KEY, headers, BODY, float(NOW))
    assert not is_genuine(KEY, headers, BODY, 1.0)


def test_one_of_several_signatures_is_enough_while_a_key_is_replaced() -> None:
    several = f"v1,AAAA {HEADERS['webhook-signature']} v1a,BBBB"
    assert is_genuine(KEY, {**HEADERS, "webhook-signature": several}, BODY, NOW)
