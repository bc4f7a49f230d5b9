"""Calls that act on one session or one actor, named as operators know it: `POST /kick`, `POST /actor`.

1.  A session is kicked by its id, or by its public name.
2.  An actor is known by its URN, which the tree and crash reports show. It may be killed, which its supervisor
    handles like any other end; suspended, so that it handles no mail; and resumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from cometary.actors import sys
from cometary.dispatch.call_line import settled
from cometary.doors.control.named import living_session
from cometary.doors.control.shapes import ActorOrder, SessionToKick
from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors import ActorRef, ActorSystem, Future
    from cometary.dispatch.hub import Hub
    from cometary.sessions import SessionManager

    Outcome = tuple[Future[Any], Callable[[Any], dict[str, object]]]
    """What a call comes to, now or later, and how that is told."""


def acting(
    hub: Hub, manager: SessionManager, actors: ActorSystem
) -> dict[str, tuple[Any, Callable[[Any], Outcome]]]:
    """Return these calls by their paths, each with the type of its body.

    Args:
        hub: ends sessions.
        manager: knows them.
        actors: the system whose actors may be told something.
    """

    def kick(body: SessionToKick) -> Outcome:
        if (body.sid is None) == (body.name is None):
            raise ProtocolError("bad-request", "The body has either a sid or a name.")
        sid = living_session(manager, body.name).sid if body.name is not None else body.sid
        return hub.kick(cast("str", sid)), _nothing

    def order(body: ActorOrder) -> Outcome:
        ORDERS[body.order](find_actor(actors, body.urn))
        return settled(None), _nothing

    return {"/kick": (SessionToKick, kick), "/actor": (ActorOrder, order)}


def find_actor(actors: ActorSystem, urn: str) -> ActorRef[Any]:
    """Return the actor with a URN.

    Raises:
        ProtocolError: `not-found`; the caller's fault.
    """
    ref = actors.urns.get(urn)
    if ref is None:
        raise ProtocolError("not-found", "There is no actor with this URN; it may have ended.")
    return ref


def _nothing(_: object) -> dict[str, object]:
    return {}


def _kill(ref: ActorRef[Any]) -> None:
    ref.kill()


ORDERS: Final[dict[str, Callable[[ActorRef[Any]], object]]] = {
    "kill": _kill,
    # It may be busy for as long as it likes: nobody waits until it handles this.
    "suspend": sys.suspend,
    "resume": sys.resume,
}
