"""The WebSocket endpoint: the comet endpoint's URL, asked by GET, as a handshake.

It lets nobody in: that is up to the gate, once the first frame says who asks for what. What it refuses is answered in
HTTP, for people who look for what is wrong: a browser's page is told nothing of it.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING

from cometary.errors import ProtocolError
from cometary.transport.http.exchange import written
from cometary.transport.wires.websocket.bodies import FORMS, Form
from cometary.transport.wires.websocket.conversation import Conversation
from cometary.transport.wires.websocket.counterparts import FrameCredentials
from cometary.transport.wires.websocket.handshake import (
    OUR_VERSION,
    UPGRADE,
    VERSION,
    accepted_key,
    answer,
    asks_for_upgrade,
    chosen_protocol,
    is_meant,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.gate.gate import Gate
    from cometary.transport.http.exchange import Endpoint, Exchange, Headers
    from cometary.transport.net.channel import Floor
    from cometary.transport.wires.websocket.common import Common


class WebSocketEndpoint:
    """Makes WebSockets of GET requests.

    Args:
        gate: lets clients in.
        common: what all connections have in common.
        otherwise: answers what was never meant to be a WebSocket.
    """

    def __init__(self, gate: Gate, common: Common, otherwise: Endpoint) -> None:
        self._gate = gate
        self._common = common
        self._otherwise = otherwise

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`.

        Raises:
            ProtocolError: `bad-request`, the client's fault; or what `otherwise` raises.
        """
        headers = exchange.headers
        if not is_meant(headers):
            self._otherwise(exchange)
            return
        if not asks_for_upgrade(headers):
            refuse(
                exchange, "The upgrade to a WebSocket did not come through; a proxy may have taken it out."
            )
        elif headers.get(b"sec-websocket-version") != VERSION:
            refuse_version(exchange)
        else:
            protocol = chosen_protocol(headers, FORMS)
            greeting = answer(accepted_key(headers), protocol)
            exchange.upgrade(partial(self._succeed, written(exchange), headers, FORMS[protocol], greeting))

    def _succeed(  # noqa: PLR0917 - as `Successor` is called
        self,
        handshake: bytes,
        headers: Mapping[bytes, bytes],
        form: Form,
        greeting: bytes,
        sock: socket.socket,
        peer: str,
        floor: Floor,
        beyond: bytes,
    ) -> Conversation:
        credentials = FrameCredentials(peer, headers)
        return Conversation(
            sock,
            floor,
            self._common,
            greeting,
            beyond,
            gate=self._gate,
            form=form,
            credentials=credentials,
            handshake=handshake,
        )


def refuse_version(exchange: Exchange) -> None:
    """Answer that the handshake is for another version of the protocol (RFC 6455, section 4.4)."""
    refuse(exchange, "Version 13 of the WebSocket protocol is spoken here.", (OUR_VERSION,))


def refuse(exchange: Exchange, detail: str, headers: Headers = ()) -> None:
    """Answer that only a WebSocket will do (RFC 9110, section 15.5.22)."""
    exchange.refuse(ProtocolError("upgrade-required", detail), headers=(*UPGRADE, *headers))
