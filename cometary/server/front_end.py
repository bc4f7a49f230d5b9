"""The front end: both listeners of a server, and the switchboard that has all their connections.

1.  The sockets are open before anything is started that could fail later; callers wait in the backlog.
2.  They outlive the switchboard, so a front end that is restarted turns nobody away.
3.  Of the connections that there may be, and the descriptors, some are kept for back-ends.
4.  A server that stops closes them first, and the switchboard once everything has been answered.
"""

from __future__ import annotations

import resource
from itertools import chain
from typing import TYPE_CHECKING

import trio

from cometary.config import Address
from cometary.transport.http.protocol import Http
from cometary.transport.http.settings import limits_for
from cometary.transport.net.switchboard import Listen, Switchboard

if TYPE_CHECKING:
    import socket
    from contextlib import ExitStack

    from cometary.actors.scheduler import Scheduler
    from cometary.settings import Settings
    from cometary.transport.http.service import Service
    from cometary.transport.net.listener import Network


class FrontEnd:
    """The front end of one server.

    Args:
        settings: how the server is set up.
        services: what answers clients, and what answers back-ends.
        network: where connections come from.
        scheduler: runs the actors that it sends to. Their timers wait for what is to be read.
    """

    def __init__(
        self,
        settings: Settings,
        services: tuple[Service, Service],
        network: Network,
        scheduler: Scheduler,
    ) -> None:
        self._settings = settings
        self._services = services
        self._network = network
        self._scheduler = scheduler
        self._sockets: list[list[socket.socket]] = []
        self._switchboard: Switchboard | None = None

    async def listen(self, until: ExitStack) -> None:
        """Open the sockets.

        Args:
            until: closes them, at the latest.

        Raises:
            OSError: an address cannot be listened on, the one that `filename` says: the configuration's fault.
        """
        public = Address(self._settings.host, self._settings.port)
        addresses = (public, self._settings.control)
        for (host, port), service in zip(addresses, self._services, strict=True):
            try:
                sockets = await self._network.open_sockets(host, port)
            except OSError as error:
                error.filename = str(Address(host, port))  # an error of a socket says nothing of where
                raise
            self._sockets.append(sockets)
            if service.hosts is not None:
                service.hosts.listening_at(sock.getsockname()[:2] for sock in sockets)
            for sock in sockets:
                until.callback(sock.close)

    @property
    def urls(self) -> tuple[str, str]:
        """Where clients and where back-ends connect, with the ports that were really taken."""
        public, control = [Address(*sockets[0].getsockname()[:2]).url for sockets in self._sockets]
        return public, control

    async def run(self, *, task_status: trio.TaskStatus[object]) -> None:
        """Serve connections until cancelled; for a child specification."""
        limits = limits_for(self._settings, self._settings.die)
        public, control = (Http(service, limits) for service in self._services)
        listen = [
            Listen(public, sockets=self._sockets[0]),
            Listen(control, sockets=self._sockets[1], reserve=True),
        ]
        scheduler = self._scheduler
        switchboard = Switchboard(
            listen,
            self._network.new_poller,
            run=scheduler.run_with,
            descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )
        self._switchboard, scheduler.catch_up = switchboard, switchboard.catch_up
        try:
            await switchboard.serve(task_status=task_status)
        finally:
            scheduler.catch_up = None
        await trio.sleep_forever()  # it was closed by `aclose`, so the supervisor will cancel this

    def stop_listening(self) -> None:
        """Take no more connections; those that there are go on."""
        for sock in chain.from_iterable(self._sockets):
            sock.close()

    async def aclose(self, grace: float) -> None:
        """Let answers go out for `grace` seconds at most, then close all connections."""
        if self._switchboard is not None:
            await self._switchboard.aclose(grace)
