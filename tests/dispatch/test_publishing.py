"""Publishing: once under a key, to all but one, and as it was encoded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary import App, encoded_cbor, encoded_json
from cometary.errors import KeyReusedError, UsageError
from cometary.packets.contract_table import Contracts
from cometary.packets.encodings import CBOR
from cometary.packets.packet import Packet
from cometary.packets.tracked import TrackedPacket
from cometary.transport.codecs import cbor, json
from tests.dispatch.house import House, at_home


@pytest.fixture
async def house() -> AsyncIterator[House]:
    app = App()
    app.path("kept", history=5)
    async with at_home(app) as house:
        yield house


async def test_an_update_is_sent_once_under_a_key(house: House) -> None:
    guest = await house.visit()
    guest.session.connect("a")
    for _ in range(3):
        house.app.update("a", 1, idempotency_key="k")
    with pytest.raises(KeyReusedError):
        house.app.update("a", 2, idempotency_key="k")
    house.app.update("a", 2, idempotency_key="l")
    assert await guest.hear() == [("a", 1), ("a", 2)]


@pytest.mark.parametrize("wish", [{"ttl": 5.0}, {"key": "k"}, {"receipt": "r"}, {}])
async def test_what_is_wished_of_an_update_goes_with_it_each_wish_by_itself(
    house: House, wish: dict[str, Any]
) -> None:
    guest = await house.visit()
    guest.session.connect("a")
    house.app.update("a", 1, **wish)
    await wait_all_tasks_blocked()
    [packet] = guest.keeper.machine.outbox.packets
    wished = {name: getattr(packet, name) for name in wish} if isinstance(packet, TrackedPacket) else {}
    assert wished == wish


@pytest.mark.parametrize("path", ["", "a\n", "x" * 5000, 7])
async def test_what_is_no_path_is_neither_published_to_nor_read(house: House, path: Any) -> None:
    with pytest.raises(UsageError):
        house.app.update(path, 1)
    with pytest.raises(UsageError):
        await house.app.history(path)
    if path != 7:  # the application and the doors let nothing through that is not text
        with pytest.raises(UsageError):
            house.hub.history(path, None, 1)


@pytest.mark.parametrize("path", ["a", "kept"])
async def test_an_update_is_for_all_but_the_one_that_is_excluded(house: House, path: str) -> None:
    ada, grace = await house.visit(), await house.visit()
    for guest in (ada, grace):
        guest.session.connect(path)
        await guest.hear()
    house.app.update(path, 1, exclude=ada.session)
    house.app.update(path, 2, exclude=grace.session, receipt="r")
    house.app.update(path, 3)
    assert await ada.hear() == [(path, 2), (path, 3)]
    assert await grace.hear() == [(path, 1), (path, 3)]
    routed = [r.sessions for r in house.manager.receipts.read().receipts if r.outcome == "routed"]
    assert routed == [1]


async def test_to_exclude_a_session_that_has_ended_excludes_nobody(house: House) -> None:
    ada, grace = await house.visit(), await house.visit()
    grace.session.connect("a")
    ada.keeper.end("closed")
    await wait_all_tasks_blocked()
    house.app.update("a", 1, exclude=ada.session)
    assert await grace.hear() == [("a", 1)]


# -- encoded already ------------------------------------------------------------------------------

JSON = b'{"n":1.00, "big":123456789012345678901234567890,"e":1E2}'
COMPACT = b'{"n":1.00,"big":123456789012345678901234567890,"e":1E2}'
CBOR_BYTES = (
    b"\xa2\x61\x61\xfa\x3f\x80\x00\x00\x61\x62\x1a\x00\x00\x00\x01"  # numbers longer than they need be
)


@pytest.mark.parametrize("make", [Contracts().packet, Contracts().tracked])
def test_json_is_passed_on_byte_for_byte(make: Callable[..., Packet]) -> None:
    packet = make("é/a", encoded_json(JSON))
    assert packet.json == '{"path":"é/a","message":'.encode() + JSON + b"}"
    assert packet.message == {"n": 1.0, "big": 123456789012345678901234567890, "e": 100.0}
    assert packet.size == len(packet.json)


def test_line_breaks_are_taken_out_since_a_packet_is_one_line() -> None:
    pretty = b'{\n  "n": 1.00,\r\n "big": 123456789012345678901234567890, "e": 1E2}'
    assert Contracts().packet("a", encoded_json(pretty)).json == b'{"path":"a","message":' + COMPACT + b"}"
    in_text = encoded_json('["a\\nb"]')
    assert in_text.json == b'["a\\nb"]'


def test_cbor_is_passed_on_byte_for_byte_and_read_by_clients_of_json() -> None:
    packet = Contracts().packet("a/b", encoded_cbor(CBOR_BYTES))
    assert CBOR.encode(packet).endswith(CBOR_BYTES)
    assert cbor.decode(CBOR.encode(packet)) == {"path": "a/b", "message": {"a": 1.0, "b": 1}}
    assert json.decode(packet.json) == {"path": "a/b", "message": {"a": 1.0, "b": 1}}


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"a":1,"a":2}', b"NaN", b"1 2", b"\xff", b"[" * 70 + b"]" * 70, b'"\\ud800"']
)
def test_what_a_client_could_not_read_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        encoded_json(data)


@pytest.mark.parametrize("data", [b"", b"\xc1\x00", b"\x01\x01", b"\xa1\x01\x01", b"\x9f\xff", b"\xf7"])
def test_so_is_cbor(data: bytes) -> None:
    with pytest.raises(UsageError):
        encoded_cbor(data)


async def test_what_is_encoded_already_is_kept_with_its_position(house: House) -> None:
    house.app.update("kept", encoded_json(JSON))
    house.app.update("kept", encoded_cbor(CBOR_BYTES))
    await wait_all_tasks_blocked()
    first, second = (await house.app.history("kept")).packets
    assert JSON in first.json
    assert b'"at":"' in first.json
    decoded = cbor.decode(CBOR.encode(second))
    assert isinstance(decoded, dict)
    assert decoded["message"] == {"a": 1.0, "b": 1}
    assert decoded["at"]


async def test_a_message_that_is_encoded_already_is_measured_like_any_other() -> None:
    async with at_home(App(), max_queued_bytes=50) as house:
        with pytest.raises(UsageError, match="50"):
            house.app.update("a", encoded_json(b'"' + b"x" * 50 + b'"'))
