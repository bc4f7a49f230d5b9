"""Pages that speak other wires, against a server in this process; and what is found out of one that fails."""

from __future__ import annotations

from typing import Any, Final

import pytest
import trio.testing

from cometary.app import App
from cometary.chaos.application import add_echo, echo
from cometary.chaos.guest_ledgers import DoublingLedger, LosingLedger
from cometary.chaos.xmpp_echo import xmpp_echo
from cometary.config import Address
from cometary.sessions import Session
from tests.chaos.test_fleet import run

SOCKETIO: Final[dict[str, Any]] = {"socketio": "/socket.io/", "socketio_recovery": "on"}
SERVING: Final[dict[str, dict[str, Any]]] = {
    "socketio": SOCKETIO,
    "csp": {"csp": "/csp"},
    "stomp": {"stomp": Address("127.0.0.1", 0), "beside": "stomp"},
}


@pytest.mark.parametrize("mode", SERVING)
async def test_nothing_is_lost_doubled_or_reordered(mode: str, mock_clock: trio.testing.MockClock) -> None:
    app = App()
    add_echo(app)
    result = await run(mock_clock, mode, app, seconds=8, pages=4, **SERVING[mode])
    up, down = result.wrong
    assert (up.wrong, down.wrong) == (0, 0)
    assert up.sent == up.received > 60
    assert result.fleet.shared.ended == {}
    assert result.fleet.cuts == result.fleet.shared.troubles["broken"] > 8
    assert (result.crashed > 4) is (mode != "stomp")


async def test_nor_is_it_by_bosh(mock_clock: trio.testing.MockClock) -> None:
    async with xmpp_echo() as port:
        behind = Address("127.0.0.1", port)
        settings: dict[str, Any] = {"bosh": "/http-bind", "xmpp": behind, "xmpp_hosts": ("localhost",)}
        result = await run(mock_clock, "bosh", App(), seconds=8, pages=4, **settings)
    up, down = result.wrong
    assert (up.wrong, down.wrong) == (0, 0)
    assert up.sent == up.received == down.received > 60
    assert result.fleet.cuts > 16


async def test_a_server_that_fails_is_found_out(mock_clock: trio.testing.MockClock) -> None:
    app, lost = App(), list[object]()

    @app.packet("chaos/up")
    def up(session: Session, path: str, message: Any) -> None:
        if message[0] % 10:
            echo(session, path, message)
        else:
            lost.append(message)

    result = await run(mock_clock, "socketio", app, seconds=5, pages=3, **SOCKETIO)
    assert 0 < result.fleet.up().lost <= len(lost)


async def test_a_session_that_is_not_recovered_is_a_fault(mock_clock: trio.testing.MockClock) -> None:
    app = App()
    add_echo(app)
    result = await run(mock_clock, "socketio", app, seconds=4, pages=2, socketio="/socket.io/", die=0.1)
    assert result.fleet.shared.ended


def test_what_was_under_way_to_the_server_may_be_lost_and_nothing_else() -> None:
    ledger = LosingLedger()
    for _ in range(4):
        ledger.number()
    ledger.answered(1, 1)
    ledger.doubt((2, 3))
    assert (ledger.outstanding, ledger.excused) == (1, 2)
    ledger.answered(2, 3)  # it had been taken
    assert (ledger.outstanding, ledger.excused) == (1, 1)
    assert (ledger.up().sent, ledger.up().lost) == (3, 1)
    ledger.answered(3, 3)
    assert ledger.up().doubled == 1


def test_what_was_under_way_may_come_again_and_nothing_else() -> None:
    ledger = DoublingLedger()
    for number in range(1, 4):
        ledger.answered(ledger.number(), number)
    ledger.doubt((2,))
    ledger.answered(2, 2)
    assert (ledger.excused, ledger.up().doubled, ledger.down().doubled) == (1, 0, 0)
    ledger.answered(3, 3)
    assert (ledger.excused, ledger.up().doubled, ledger.down().doubled) == (1, 1, 1)
