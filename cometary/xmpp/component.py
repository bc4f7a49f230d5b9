"""A component: what an XMPP server hands all stanzas for a domain to (XEP-0114).

1.  It is three children below a supervisor: `connection`, which connects it again and again, `handlers`, which calls
    the handlers, and whatever its parts bring along. A crash of one harms no other.
2.  What is sent while there is no connection waits; see `Outbox`. What is longer than the server takes is never sent to
    it: the server would end the stream.
3.  A handler that raises a `StanzaError` refuses a stanza. Any other error is logged, and its sender gets
    `internal-server-error`; nothing else happens.
4.  Everything is on the loop: another thread calls `trio.from_thread.run_sync(component.send, …)`.

Why not a library: Slixmpp, the one that is kept up and speaks XEP-0114, runs on asyncio alone, and of XEP-0060 it has
the client's half. Its thread would need a bridge for every stanza in both directions, with bounds of its own, and would
save this file, `stream` and `connection`. aioxmpp is not kept up and has no components; Wokkel needs Twisted.
"""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Protocol
from xml.etree.ElementTree import Element

import trio

from cometary.config.kinds import Address
from cometary.declarations import check_text
from cometary.errors import ProtocolError, StanzaError, UsageError
from cometary.log import get_logger
from cometary.supervision import Backoff, ChildSpec, SupervisorSpec
from cometary.xmpp.connection import BACKOFF, Connection
from cometary.xmpp.discovery import Discovery
from cometary.xmpp.lines import Lines
from cometary.xmpp.names import COMPONENT, PING
from cometary.xmpp.outbox import Outbox
from cometary.xmpp.sender import MOST_STANZA, Sender
from cometary.xmpp.stanzas import KINDS, Reply, Stanza
from cometary.xmpp.xml import make, parse, split_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.doors.bosh.elements import Element as Whole

PORT: Final = 5347
MOST_WAITING: Final = 10_000
MOST_BYTES: Final = 16 << 20

_PING_TAG: Final = f"{{{PING}}}ping"

PAUSES: Final = Backoff(min=0.1, max=5.0)
"""Before a child that has crashed is started again."""

logger = get_logger("cometary.xmpp")

Outcome = Element | Reply | None
IqHandler = Callable[[Stanza], Outcome | Awaitable[Outcome]]
"""What it returns is the answer; None: there is nothing to say but that it is done."""

StanzaHandler = Callable[[Stanza], object]


class Part(Protocol):
    """What makes a component more than one that answers pings."""

    def join(self, component: Component) -> None:
        """Declare handlers, and what can be discovered."""
        ...


class Component:
    """One component.

    Args:
        domain: its domain, as the XMPP server has it configured.
        secret: what both know.
        host: where the server takes components.
        port: the port there.
        name: what people are shown.
        most_waiting: the most requests and answers that wait to be sent, and the most other stanzas; when there are
            more of either, the oldest of them are dropped. A stanza for many counts as one.
        most_bytes: the most bytes of either.
        most_stanza: the most bytes of one stanza: no more than the server takes. See `send`.
        trusted_network: whether the server may be on another machine, although nothing is encrypted.
        backoff: how long it waits before it connects again.

    Raises:
        UsageError: an argument makes no sense, or the server is on another machine; the caller's fault.

    Attributes:
        domain: the same.
        most_stanza: the same.
        discovery: what can be found out about it (XEP-0030).
    """

    def __init__(
        self,
        domain: str,
        secret: str,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        name: str = "Cometary",
        most_waiting: int = MOST_WAITING,
        most_bytes: int = MOST_BYTES,
        most_stanza: int = MOST_STANZA,
        trusted_network: bool = False,
        backoff: Backoff = BACKOFF,
    ) -> None:
        check_text("Component", domain, 'Component("DOMAIN", SECRET)')
        check_text("Component", secret, "Component(DOMAIN, SECRET)")
        if not (trusted_network or Address(host, port).is_loopback):
            raise UsageError(
                f"nothing is encrypted on the way to {host}: pass trusted_network=True if that is acceptable"
            )
        self.domain = domain
        self.most_stanza = most_stanza
        self.discovery = Discovery(name)
        self._address = (host, port)
        self._backoff = backoff
        self._secret = secret
        self._outbox = Outbox(most_waiting, most_bytes)
        self._sender = Sender(domain, self._outbox, most_stanza)
        self._connection: Connection | None = None
        self._waiting = Lines(self._handle)
        self._accepted = trio.Event()
        self._iq: dict[tuple[str, str], IqHandler] = {}
        self._others: dict[str, list[StanzaHandler]] = {"message": [], "presence": []}
        self._children: list[ChildSpec] = []
        self._asked: dict[str, tuple[str, trio.Event, list[Stanza]]] = {}
        self.add(self.discovery)
        self.on_iq("get", _PING_TAG, _pong)
        self.discovery.features.add(PING)

    # -- what is declared -----------------------------------------------------------------------

    def add(self, part: Part) -> None:
        """Add a part, such as a `PubSubService`."""
        part.join(self)

    def on_iq(self, type: str, name: str, handler: IqHandler) -> None:  # noqa: A002 - XMPP's word
        """Call `handler(stanza)` to answer requests.

        Args:
            type: `get` or `set`.
            name: of the element in it, `{namespace}name`.
            handler: returns what the answer consists of, or None, or is async. It refuses by a `StanzaError`.

        Raises:
            UsageError: if they have a handler already; the caller's fault.
        """
        if (type, name) in self._iq:
            raise UsageError(f"there is already a handler for {type} {name}")
        self._iq[type, name] = handler

    def on_message(self, handler: StanzaHandler) -> StanzaHandler:
        """Call `handler(stanza)`, which may be async, with each message."""
        self._others["message"].append(handler)
        return handler

    def on_presence(self, handler: StanzaHandler) -> StanzaHandler:
        """Call `handler(stanza)`, which may be async, with each presence."""
        self._others["presence"].append(handler)
        return handler

    def run_too(self, child: ChildSpec) -> None:
        """Run something else beside the component; for parts."""
        self._children.append(child)

    def child(self, id: str = "xmpp") -> ChildSpec:  # noqa: A002 - a specification's word
        """Return what runs the component: a child for any supervisor, such as `app.child(component.child())`."""
        children = [
            ChildSpec("handlers", self._handle_all),
            *self._children,
            ChildSpec("connection", self._connect),
        ]
        return ChildSpec(id, SupervisorSpec(children, intensity=10, period=5.0, backoff=PAUSES))

    # -- what is called while it runs -------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether it is connected to the XMPP server."""
        return self._connection is not None and self._connection.connected

    async def wait_connected(self) -> None:
        """Wait until it is connected to the XMPP server."""
        while not self.connected:
            await self._accepted.wait()

    def statistics(self) -> dict[str, int]:
        """Return how many stanzas wait to be sent, and how many were dropped for lack of room."""
        return {"xmpp_waiting": len(self._outbox), "xmpp_dropped": self._outbox.dropped}

    def send(self, element: Element) -> None:
        """Send a stanza, now or when there is a connection; without a sender it comes from the component.

        It is on the loop. See `most_waiting` for what happens when there is no room. Of what is longer than
        `most_stanza`, an answer becomes the error `not-acceptable`, and a message or presence is dropped, and logged.

        Raises:
            StanzaError: `not-acceptable`: it is a request, and too long; the caller's fault.
        """
        self._sender.send(element)
        self._wake()

    def send_to_each(self, element: Element, addresses: Sequence[str]) -> None:
        """Send the same message to many: it is written once, and each address is put into it when its turn comes.

        It is on the loop. If it is longer than `most_stanza` it is dropped, and logged.

        Args:
            element: it, without `to`.
            addresses: whom to.
        """
        self._sender.send_to_each(element, addresses)
        self._wake()

    def _wake(self) -> None:
        if self._connection is not None:
            self._connection.wake()

    async def request(
        self,
        to: str,
        payload: Element,
        *,
        type: str = "get",  # noqa: A002 - XMPP's word
        sender: str | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109
    ) -> Element | None:
        """Ask somebody something.

        Args:
            to: whom.
            payload: what.
            type: `get` or `set`.
            sender: who asks; None for the component.
            timeout: seconds.

        Returns:
            What the answer consists of; None if it only says that it is done.

        Raises:
            StanzaError: it was refused; it is too long, see `send`; or `remote-server-timeout`: the connection was
                lost, nobody's fault.
            trio.TooSlowError: there is no answer; nobody's fault.
        """
        id_ = secrets.token_urlsafe(12)
        came, answers = trio.Event(), list[Stanza]()
        self._asked[id_] = (to, came, answers)
        asked = make(
            COMPONENT, "iq", {"type": type, "id": id_, "to": to, "from": sender or self.domain}, payload
        )
        try:
            with trio.fail_after(timeout):
                self.send(asked)
                await came.wait()
        finally:
            del self._asked[id_]
        if not answers:
            raise StanzaError("remote-server-timeout", "the connection to the XMPP server is lost")
        if answers[0].type == "error":
            raise answers[0].error()
        return answers[0].payload

    async def ping(self, to: str, *, timeout: float = 30.0) -> bool:  # noqa: ASYNC109 - said by who asks
        """Return whether somebody is there (XEP-0199): any answer counts, even that pings are unknown there.

        Args:
            to: whom.
            timeout: seconds after which nobody is taken to be there.

        Raises:
            StanzaError: the ping was refused for another reason.
        """
        try:
            await self.request(to, make(PING, "ping"), timeout=timeout)
        except trio.TooSlowError:
            return False
        except StanzaError as error:
            if error.condition not in {"service-unavailable", "feature-not-implemented"}:
                raise
        return True

    # -- its children -----------------------------------------------------------------------------

    async def _handle_all(self) -> None:
        await self._waiting.run()

    async def _connect(self) -> None:
        self._connection = connection = Connection(
            self.domain,
            self._secret,
            self._address,
            self._outbox,
            take=self._take,
            changed=self._changed,
            backoff=self._backoff,
        )
        await connection.run()

    def _changed(self, *, connected: bool) -> None:
        if connected:
            self._accepted.set()
        else:
            self._accepted = trio.Event()
            for _, came, _ in self._asked.values():
                came.set()

    # -- what comes -------------------------------------------------------------------------------

    async def _take(self, whole: Whole) -> None:
        """Take an element.

        What is too much to read is refused, if its sender is known.

        Answers are taken at once, whether there is room or not: handlers may wait for them, and there is no room before
        these are done. So are pings while there is none: a server that gets no answer takes the component for dead.
        """
        try:
            stanza = _read(whole)
        except ProtocolError as error:
            stanza = Stanza(make(COMPONENT, split_name(_clark(whole.name))[1], whole.attributes))
            self._refuse(stanza, StanzaError("bad-request", error.detail))
            return
        if stanza.kind not in KINDS:
            return
        if stanza.kind == "iq" and stanza.type in {"result", "error"}:
            self._answered(stanza)
            return
        if self._waiting.is_full and _is_ping(stanza):
            self.send(stanza.answer())
            return
        if not self._asked:
            await self._waiting.room()
        try:
            self._waiting.add(stanza)
        except StanzaError as error:
            self._refuse(stanza, error)

    def _answered(self, stanza: Stanza) -> None:
        waiting = self._asked.get(stanza.id)
        if waiting is None:
            return
        asked, came, answers = waiting
        if stanza.sender == asked:
            answers.append(stanza)
            came.set()

    async def _handle(self, stanza: Stanza) -> None:
        try:
            if stanza.kind == "iq":
                outcome = await self._answer(stanza)
                self.send(stanza.answer(outcome.payload if isinstance(outcome, Reply) else outcome))
                if isinstance(outcome, Reply):
                    outcome.afterwards()
            else:
                for handler in self._others[stanza.kind]:
                    await settled(handler(stanza))
        except StanzaError as error:
            self._refuse(stanza, error)
        except Exception:
            text = f"A handler of an XMPP {stanza.kind} has failed"
            logger.exception("xmpp handler failed", text=text, domain=self.domain, sender=stanza.sender)
            self._refuse(stanza, StanzaError("internal-server-error"))

    async def _answer(self, stanza: Stanza) -> Outcome:
        payload = stanza.payload
        if payload is None or stanza.type not in {"get", "set"}:
            raise StanzaError("bad-request", "a request is a get or a set, with one element in it")
        handler = self._iq.get((stanza.type, payload.tag))
        if handler is None:
            raise StanzaError("service-unavailable")
        answer: Outcome = await settled(handler(stanza))
        return answer

    def _refuse(self, stanza: Stanza, error: StanzaError) -> None:
        """Tell the sender; but an error is never answered by an error (RFC 6120, section 8.3.1), nor is presence."""
        is_request = stanza.kind == "iq" and stanza.type in {"get", "set"}
        if is_request or (stanza.kind == "message" and stanza.type != "error"):
            self.send(stanza.refusal(error))


async def settled(outcome: Any) -> Any:
    """Return what a handler has returned, awaited if it is async."""
    return await outcome if inspect.isawaitable(outcome) else outcome


def _pong(_: Stanza) -> None:
    """Answer a ping (XEP-0199)."""


def _is_ping(stanza: Stanza) -> bool:
    payload = stanza.payload
    return stanza.kind == "iq" and stanza.type == "get" and payload is not None and payload.tag == _PING_TAG


def _read(whole: Whole) -> Stanza:
    if not whole.is_whole:
        raise ProtocolError("bad-request", "a namespace in it, or a tag, is too long")
    return Stanza(parse(whole.source))


def _clark(name: str) -> str:
    """Return the name that a splitter gives as ElementTree writes it."""
    namespace, found, local = name.rpartition(" ")
    return f"{{{namespace}}}{local}" if found else local
