"""What the service manager is told, if there is one that wants to know: systemd's protocol of readiness.

1.  It is a datagram to the socket that `NOTIFY_SOCKET` names; without that, nothing is sent. The variables are
    removed from the environment: they concern nobody else, least of all a process started by this one.
2.  With `WatchdogSec` the event loop gives a sign of life at half of that time. A loop that is blocked gives none,
    and systemd starts the service anew.
3.  A manager that is away is not the server's fault: it goes on.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import MutableMapping

NAMES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """Tells the service manager of one process.

    Args:
        environment: says where; those variables are removed.
        pid: of this process.
    """

    def __init__(self, environment: MutableMapping[str, str], pid: int) -> None:
        address, usec, whose = [environment.pop(name, "") for name in NAMES]
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        ours = usec.isdecimal() and whose in {"", str(pid)}
        self._period = int(usec) / 2_000_000 if ours else 0.0

    def ready(self, status: str) -> None:
        """Say that the server takes requests, or has read its configuration again."""
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` ends that."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say that the server stops."""
        self._tell("STOPPING=1\nSTATUS=telling the sessions to come back")

    async def keep_alive(self) -> None:
        """Give signs of life until cancelled, if somebody waits for them."""
        while self._address and self._period:
            self._tell("WATCHDOG=1")
            await trio.sleep(self._period)

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0)
            sock.sendto(text.encode(), self._address)
