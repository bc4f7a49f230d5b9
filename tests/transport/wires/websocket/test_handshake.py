"""The handshake: what a request has to say to become a WebSocket, compared with another implementation."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request
from websockets.server import ServerProtocol

from cometary.errors import ProtocolError
from cometary.transport.wires.websocket.handshake import (
    accepted_key,
    answer,
    asks_for_upgrade,
    chosen_protocol,
    is_meant,
)

KNOWN = (b"cometary.1", b"cometary.1.cbor")
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="

keys = st.one_of(
    st.binary(min_size=16, max_size=16).map(b64encode),
    st.binary(max_size=20).map(b64encode),
    st.text("ab=+/ ", max_size=26).map(str.encode),
)
protocols = st.lists(
    st.sampled_from(["cometary.1", "cometary.1.cbor", "chat", "COMETARY.1", "cometary"]), max_size=4
)


def test_the_answer_is_that_of_the_rfc() -> None:
    headers = {b"sec-websocket-key": KEY, b"sec-websocket-protocol": b"chat, cometary.1"}
    assert accepted_key(headers) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer(accepted_key(headers), chosen_protocol(headers, KNOWN)) == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"Sec-WebSocket-Protocol: cometary.1\r\n"
        b"\r\n"
    )
    assert b"Protocol" not in answer(b"", None).replace(b"Switching Protocols", b"")


@given(keys, st.sampled_from(["websocket", "WebSocket", "h2c", "h2c, websocket", "websocket2"]))
@example(KEY, "websocket")
def test_both_implementations_take_the_same_handshakes(key: bytes, upgrade: str) -> None:
    headers = {b"upgrade": upgrade.encode(), b"sec-websocket-key": key.strip()}
    request = Request(
        "/comet",
        Headers(
            {
                "Host": "test",
                "Connection": "Upgrade",
                "Upgrade": upgrade,
                "Sec-WebSocket-Key": key.strip().decode(),
                "Sec-WebSocket-Version": "13",
            }
        ),
    )
    try:
        theirs = ServerProtocol().process_request(request)[0]
    except InvalidHandshake:
        theirs = ""
    try:
        ours = accepted_key(headers).decode() if asks_for_upgrade(headers) else ""
    except ProtocolError:
        ours = ""
    if "," not in upgrade:  # where several are named the other one takes none
        assert ours == theirs


@given(protocols)
def test_the_first_protocol_that_both_sides_know_is_chosen(offered: list[str]) -> None:
    headers = {b"sec-websocket-protocol": ", ".join(offered).encode()}
    known = [name.encode() for name in offered if name.encode() in KNOWN]
    if known:
        assert chosen_protocol(headers, KNOWN) == known[0]
        return
    with pytest.raises(ProtocolError, match="bad-request"):
        chosen_protocol(headers, KNOWN)


@pytest.mark.parametrize(
    ("headers", "meant"),
    [
        ({}, False),
        ({b"upgrade": b"h2c"}, False),
        ({b"upgrade": b"WebSocket"}, True),
        ({b"sec-websocket-key": KEY}, True),
    ],
)
def test_a_request_whose_upgrade_a_proxy_has_taken_out_is_known_by_its_key(
    headers: dict[bytes, bytes], meant: bool
) -> None:
    assert is_meant(headers) is meant
    assert not asks_for_upgrade({b"sec-websocket-key": KEY})


@pytest.mark.parametrize("key", [b"", KEY[:-4], KEY[:4] + b"!" + KEY[4:], KEY + KEY, b"AAAA" + KEY])
def test_a_key_is_sixteen_bytes_in_base64_and_nothing_beside_it(key: bytes) -> None:
    with pytest.raises(ProtocolError, match="16 bytes in base64"):
        accepted_key({b"sec-websocket-key": key})
