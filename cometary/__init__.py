"""Cometary: Erlang/OTP's way of building servers for Python on Trio, and the push server built from it.

The names here are imported when they are first used, so that a program which wants only
`cometary.actors` or `cometary.fsm` does not pay for a web server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.on_demand import importer

if TYPE_CHECKING:
    from cometary.app import App, Socket
    from cometary.connector import AsyncConnector, Connector, Outbox
    from cometary.sessions import Failure, Handshake, Packet, Receipt, Session
    from cometary.transport.codecs.encoded import encoded_cbor, encoded_json
    from cometary.version import __version__

__all__ = [
    "App",
    "AsyncConnector",
    "Connector",
    "Failure",
    "Handshake",
    "Outbox",
    "Packet",
    "Receipt",
    "Session",
    "Socket",
    "__version__",
    "encoded_cbor",
    "encoded_json",
]

_find = importer(
    __name__,
    {
        "App": "cometary.app",
        "AsyncConnector": "cometary.connector",
        "Connector": "cometary.connector",
        "Failure": "cometary.sessions",
        "Handshake": "cometary.sessions",
        "Outbox": "cometary.connector",
        "Packet": "cometary.sessions",
        "Receipt": "cometary.sessions",
        "Session": "cometary.sessions",
        "Socket": "cometary.app",
        "__version__": "cometary.version",
        "encoded_cbor": "cometary.transport.codecs.encoded",
        "encoded_json": "cometary.transport.codecs.encoded",
    },
)


def __getattr__(name: str) -> Any:
    return _find(name)
