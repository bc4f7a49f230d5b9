"""What all of Roots' protocols have in common: Dolores, her Pig, and the hub behind both.

1.  What back-ends say is told to Dolores: Pig takes note of control messages, and everything goes to the hub, and so
    to everybody connected to the path, in whatever way. What a Thestral hears comes back from there.
2.  Where there is a secret, those who have not shown it may say anything except control messages. These are dropped,
    and logged (in Roots, a filter called Filch was meant to do that).
3.  An id that Dolores does not know may be that of a session: it is connected as a back-end would connect it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from cometary.actors import Actor, Future
from cometary.doors.roots.dolores import Dolores
from cometary.doors.roots.pig import Pig, is_control
from cometary.errors import MailboxFullError, ProtocolError, UsageError
from cometary.log import get_logger
from cometary.packets.packet import Packet
from cometary.packets.paths import check_path
from cometary.packets.patterns import ANY_SEGMENT

if TYPE_CHECKING:
    from cometary.actors import ActorRef
    from cometary.dispatch.hub import Hub
    from cometary.doors.control.rights import Secrets

logger = get_logger("cometary.doors")


class Forest:
    """The Thestrals of one server.

    Args:
        hub: sends, whoever asks.
        secrets: what makes control messages count: one that is good for everything; not needed if there are none.
    """

    def __init__(self, hub: Hub, secrets: Secrets) -> None:
        self.dolores = Dolores()
        self.pig = Pig(self.dolores, self._heard, self._connect_session)
        self.id = self.dolores.id
        self.taken = self.dropped = 0
        """Messages."""
        self._hub = hub
        self._secrets = secrets
        self._ear: ActorRef[Ear] | None = None
        self._waiting: Future[None] | None = None
        self.dolores.delegate(self)

    def is_authorized(self, given: str | None) -> bool:
        """Whether somebody who shows this may say control messages (rule 2)."""
        return self._secrets.allow_everything(given or "")

    def say(self, source: Any, path: str, message: Any, *, authorized: bool) -> Future[None] | None:
        """Take a message of a back-end.

        Returns:
            When the server has it; None if it has.

        Raises:
            ProtocolError: it cannot be taken, and nothing has changed; its sender's fault.
        """
        check_path(path, from_client=False)
        if is_control(path) and not authorized:
            self.dropped += 1
            text = "a message to a control path is dropped: its sender has not shown the secret"
            logger.warning("control message dropped", text=text, path=path)
            return None
        try:
            self._hub.packet(path, message)  # refused before anybody hears it, if it cannot be sent
        except UsageError as error:
            raise ProtocolError("bad-request", str(error)) from None
        self.taken += 1
        self._waiting = None
        self.dolores.update(source, path, message)
        waiting, self._waiting = self._waiting, None
        return waiting

    def update(self, source: Any, path: str, data: Any) -> None:
        """Take what Dolores has been told (rule 1)."""
        self.pig.control(path, data)
        taken = self._hub.publish_all([self._hub.packet(path, data, source)])
        self._waiting = None if taken.done() else taken

    def attach(self, ear: ActorRef[Ear]) -> None:
        """Have `ear` hear what Thestrals are connected to."""
        self._ear = ear

    def _heard(self, path: str, heard: bool) -> None:  # noqa: FBT001 - as Pig says it
        if (
            self._ear is not None and ANY_SEGMENT not in path
        ):  # a star would be a pattern, which Roots does not have
            change = self._hub.listen if heard else self._hub.unlisten
            change(self._ear, path)

    def _connect_session(self, sid: str, path: str, connect: bool) -> None:  # noqa: FBT001 - the same
        change = self._hub.connect if connect else self._hub.disconnect
        try:
            change(sid, [path]).get()
            if connect:
                self._hub.send(sid, [self._hub.packet(path, "")])
        except (ProtocolError, UsageError):
            return  # it is not a session either, or can be connected to nothing more


class Ear(Actor):
    """Hears for all Thestrals."""

    def __init__(self, forest: Forest) -> None:
        super().__init__()
        self._forest = forest
        forest.attach(self.actor_ref)

    def on_receive(self, message: Any) -> None:
        """Have Pig tell those who hear this."""
        if isinstance(message, Packet):
            self._forest.pig.deliver(message.path, message.message)


def outcome(taken: Future[None] | None, done: Any) -> None:
    """Call `done` with None once a message was taken, or with a `ProtocolError`."""
    if taken is None:
        done(None)
    else:
        taken.add_done_callback(partial(_settled, taken, done))


def _settled(taken: Future[None], done: Any) -> None:
    try:
        taken.get()
    except (ProtocolError, UsageError, MailboxFullError) as error:
        done(error)
    else:
        done(None)
