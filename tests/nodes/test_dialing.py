"""Where other nodes are, as the engine says it, which anybody may have put there."""

from __future__ import annotations

import pytest

from cometary.nodes.dialing import read_address


@pytest.mark.parametrize(
    ("text", "host"), [("127.0.0.1:7000", "127.0.0.1"), ("[::1]:7000", "::1"), ("a.b:7000", "a.b")]
)
def test_an_address_is_read(text: str, host: str) -> None:
    assert read_address(text) == (host, 7000)


@pytest.mark.parametrize(
    "text", ["", "10.0.0.1", "10.0.0.1:", "a:99999999999999999999999", "a:-1", "\ufffd:1", ":1"]
)
def test_what_is_no_address_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"it is not an address, HOST:PORT"):
        read_address(text)
