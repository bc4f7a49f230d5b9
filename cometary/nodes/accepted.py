"""The link that another node has dialed: what that asks of this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cometary.log import get_logger
from cometary.nodes.answering import Answering
from cometary.nodes.link import Link
from cometary.nodes.messages import (
    Asked,
    Came,
    Census,
    Dropped,
    Forwarded,
    Granted,
    Leaving,
    Missed,
    Passed,
    Ping,
    Pong,
    Said,
    Told,
    Tunnelled,
    Unwants,
    Wants,
    Went,
    decode_of_dialer,
)
from cometary.nodes.tunnels import Tunnels

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.nodes.link import Flushing
    from cometary.nodes.messages import State
    from cometary.nodes.publications import Incoming
    from cometary.server.front_end import FrontEnd
    from cometary.transport.http.service import Service


logger = get_logger("cometary.nodes")


@dataclass(frozen=True, slots=True)
class Home:
    """What this node has, once it takes clients.

    Attributes:
        front_end: its connections.
        clients: answers clients.
        control: answers back-ends; None if there is nothing that does.
        gaps: tells sessions that they may have missed something on a path; on all paths, if it is given None.
        answer: tells what another node asks for its operators, by what it is given; None if nothing does.
    """

    front_end: FrontEnd
    clients: Service
    control: Service | None
    gaps: Callable[[str | None], object]
    answer: Callable[[bytes, Callable[[bytes | None], None]], None] | None = None


class Accepted:
    """One such link.

    Args:
        node: who has dialed.
        flushing: has links send.
        home: what this node has. Nothing is taken from the link before that exists.
        incoming: takes what the other node has published.
        ended: told when the link has.
        told: told what the other node says of itself.

    Attributes:
        link: the link.
    """

    def __init__(  # noqa: PLR0917 - who has dialed, and four that are told of it
        self,
        node: str,
        flushing: Flushing,
        home: Callable[[], Home],
        incoming: Incoming,
        ended: Callable[[Accepted], object],
        told: Callable[[Leaving | State], object],
    ) -> None:
        self.link = Link(node, flushing, decode_of_dialer, self._take, self._has_ended)
        self._home = home
        self._incoming = incoming
        self._ended = ended
        self._told = told
        self._tunnels = Tunnels(self.link)
        self._answering: Answering | None = None
        incoming.link = self.link

    def _take(self, message: Any) -> None:  # noqa: C901 - one line for each kind
        match message:
            case Forwarded():
                self._answers().answer(message)
            case Dropped():
                self._answers().drop(message)
            case Granted():
                self._answers().grant(message)
            case Asked():
                self._tell(message)
            case Told():
                self._incoming.take(message)
            case Missed():
                text = f"node {self.link.node} believed this one gone: updates may be missing, and sessions are told so"
                logger.warning("updates missed", text=text, node=self.link.node)
                self._home().gaps(None)
            case Ping():
                self.link.send(Pong())
            case Leaving(last=True):
                if self._answering is not None:
                    self._answering.hurry()
                self._told(message)
            case Leaving() | Came() | Went() | Census() | Wants() | Unwants() | Passed():
                self._told(message)
            case Tunnelled():
                self._tunnels.open(message, self._home().front_end)
            case _:
                self._tunnels.take(message)

    def _tell(self, asked: Asked) -> None:
        def said(answer: bytes | None) -> None:
            self.link.send(Said(asked.number, answer))

        answer = self._home().answer
        if answer is None or self.link.full:
            said(None)
        else:
            answer(asked.question, said)

    def _answers(self) -> Answering:
        if self._answering is None:
            home = self._home()
            self._answering = Answering(self.link, home.clients, home.control, home.front_end.traffic.refused)
        return self._answering

    def _has_ended(self) -> None:
        if self._incoming.link is self.link:  # else another one is there by now
            self._incoming.link = None
        if self._answering is not None:
            self._answering.close()
        self._tunnels.close()
        self._ended(self)
