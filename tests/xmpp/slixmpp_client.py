"""Slixmpp, a client of XMPP that others have written, in a thread of its own with asyncio's loop."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import slixmpp

T = TypeVar("T")
PATIENCE = 20.0


class SlixmppClient:
    """One client that is connected.

    Args:
        jid: its account.
        password: that of the account.
        port: where the server takes clients on loopback.

    Attributes:
        events: what it is told of pub/sub, and messages with a body: the name of the event and the stanza.
    """

    def __init__(self, jid: str, password: str, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._account = jid, password
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.xmpp: Any = None

    def start(self) -> None:
        """Connect."""
        self._thread.start()
        self.call(self._connect())

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine of Slixmpp's does."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def ask(self, method: str, *args: Any, plugin: str = "xep_0060", **kwargs: Any) -> Any:
        """Call a method of one of its plug-ins."""

        async def ask() -> Any:
            return await getattr(self.xmpp.plugin[plugin], method)(*args, **kwargs)

        return self.call(ask())

    def told(self, name: str) -> Any:
        """Return the next event, which is to have a name."""
        event, stanza = self.events.get(timeout=PATIENCE)
        assert event == name, (event, str(stanza))
        return stanza

    def stop(self) -> None:
        """Go."""
        self.call(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self) -> None:
        xmpp: Any = slixmpp.ClientXMPP(*self._account)
        self.xmpp = xmpp
        xmpp.enable_direct_tls = xmpp.enable_starttls = False
        xmpp.enable_plaintext = True
        xmpp.auto_subscribe, xmpp.auto_authorize = False, None
        for plugin in ("xep_0030", "xep_0060", "xep_0199"):
            xmpp.register_plugin(plugin)
        xmpp.plugin["feature_mechanisms"].unencrypted_plain = True
        begun = asyncio.Event()

        def begin(_: object) -> None:
            begun.set()

        xmpp.add_event_handler("session_start", begin)
        for name in ("pubsub_publish", "pubsub_retract", "pubsub_purge", "pubsub_delete", "message"):
            xmpp.add_event_handler(name, partial(self._take, name))
        xmpp.add_event_handler("presence_subscribed", partial(self._take_presence, "subscribed"))
        xmpp.add_event_handler("presence_available", partial(self._take_presence, "available"))
        xmpp.connect(*self._address)
        await asyncio.wait_for(begun.wait(), PATIENCE)
        await xmpp.get_roster()
        xmpp.send_presence()

    def _take(self, name: str, stanza: Any) -> None:
        if name != "message" or stanza["body"]:
            self.events.put((name, stanza))

    def _take_presence(self, name: str, stanza: Any) -> None:
        if stanza["from"].bare != self._account[0].partition("/")[0]:
            self.events.put((name, stanza))

    async def _leave(self) -> None:
        await self.xmpp.disconnect()
        self.xmpp = None
        gc.collect()  # it would miss its loop, which is going to be closed
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)


@contextmanager
def slixmpp_client(jid: str, password: str, port: int) -> Generator[SlixmppClient]:
    """Have a client for the length of the block."""
    client = SlixmppClient(jid, password, port)
    client.start()
    try:
        yield client
    finally:
        client.stop()
