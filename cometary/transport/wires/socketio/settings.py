"""What an operator can say about Socket.IO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.config import kinds
from cometary.config.option import option
from cometary.config.section import Section

CUSTOMARY: Final = "/socket.io/"
"""The URL path that clients ask for unless they are told another one."""


@dataclass(frozen=True, kw_only=True)
class SocketIoSection(Section):
    """Whether Socket.IO is spoken, and where."""

    socketio: str | None = option(
        None, kinds.URL_PATH, f"The URL path where Socket.IO is spoken; its clients ask for {CUSTOMARY}."
    )
    socketio_recovery: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether its clients go on with their sessions when they come back; each event then has its number behind it.",
    )
    socketio_ping_interval: float = option(
        25, kinds.seconds(0.1, 3600), "How often its clients are asked for a sign of life."
    )
    socketio_ping_timeout: float = option(20, kinds.seconds(0.1, 3600), "How long they have for it.")
    socketio_connect_timeout: float = option(
        45, kinds.seconds(0.1, 3600), "How long a client may be connected to no namespace."
    )
