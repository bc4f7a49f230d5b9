"""Peers that vanish without a word, on connections that this server opens and that may be silent for hours.

The kernel asks such a peer whether it is still there, and breaks the connection if it does not answer. The connections
of clients need it less: their sessions end by their own timers.
"""

from __future__ import annotations

import socket
from typing import Final

import trio

OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 6),
)
"""After a minute of silence it is asked every 10 seconds, 6 times: within two minutes it is known."""


def notice_when_it_vanishes(stream: trio.SocketStream) -> None:
    """Have a connection break within two minutes if its peer is not there any more."""
    for level, option, value in OPTIONS:
        stream.setsockopt(level, option, value)
