"""What is said on one connection of STOMP: frames in, frames out, and what is asked of the server. No socket, no clock.

1.  CONNECT comes first, once. It says which versions the client speaks and how often there will be signs of life;
    `Server.admit` decides, perhaps not at once, who may connect.
2.  Any error is answered with ERROR, and then the connection is closed. What came before it has happened.
3.  A receipt says that the frame has been done: for SEND, that the server has taken the message. Frames are done in
    order; until one is done, the next waits (`busy`).
4.  A transaction keeps SEND, ACK and NACK until COMMIT, and is bounded. What is not committed has never happened.
5.  The subscription's mode says what ACK and NACK settle (`cometary.doors.stomp.subscription`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from cometary.actors import Future
from cometary.doors.stomp.frames import BEAT, VERSIONS, Frame, bad, encode, head, required
from cometary.doors.stomp.subscription import ACK_MODES, Subscription
from cometary.doors.stomp.transactions import Transactions
from cometary.errors import MailboxFullError, ProtocolError, UsageError

MOST_SUBSCRIPTIONS: Final = 1_000

OUR_BEATS: Final = (1_000, 10_000)
"""Milliseconds: how often signs of life can be sent, and how often they are wanted."""

NUMBER: Final = 10**9
"""The most milliseconds that a client may ask for."""


def result_of(answer: Future[None]) -> None:
    """Return if it was done, or if a session has ended meanwhile: its user has left, which is nobody's mistake.

    Raises:
        ProtocolError: it was not done, for any other reason.
    """
    try:
        answer.get()
    except ProtocolError as error:
        if error.condition != "unknown-session":
            raise
    except MailboxFullError as error:
        raise ProtocolError("too-many-requests", str(error), retry_after=1) from None
    except UsageError as error:
        raise bad(str(error)) from None


class Server(Protocol):
    """What a conversation asks of the server; see `cometary.doors.stomp.broker`."""

    def admit(self, login: str, passcode: str) -> Future[None] | None:
        """Let the client in.

        Returns:
            When it is in, or a `ProtocolError`; None if it is.

        Raises:
            ProtocolError: it is not let in.
        """
        ...

    def publish(self, frames: Sequence[Frame]) -> Future[None] | None:
        """Send the messages of SEND frames, all of them or none.

        Returns:
            When the server has taken them, or a `ProtocolError`; None if it has.

        Raises:
            ProtocolError: it does not take them; nothing was sent.
        """
        ...

    def subscribe(self, subscription: Subscription) -> None:
        """Let it hear its destination.

        Raises:
            ProtocolError: that cannot be heard; the client's fault.
        """
        ...

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop letting it hear its destination."""
        ...

    def settle(self, subscription: Subscription, message: object, *, taken: bool) -> None:
        """Take note that a message was acknowledged, or was not taken."""
        ...


class Beats(NamedTuple):
    """How often there are signs of life, in seconds; 0: none.

    Attributes:
        sent: how often some are sent.
        expected: how often the client sends some.
    """

    sent: float
    expected: float


class Conversation:
    """One client.

    Args:
        server: does what is asked.
        say: sends bytes.
        name: the name that the client is given for its session, with which message ids begin.

    Attributes:
        version: the version that is spoken.
        connected: whether CONNECT has come and was good.
        closing: whether the connection is to be closed when all has been sent.
        busy: whether a frame is not done yet, so that the next has to wait.
        beats: how often there are signs of life.
        resume: called when it is not busy any more.
    """

    def __init__(self, server: Server, say: Callable[[bytes], object], name: str) -> None:
        self._server = server
        self._say = say
        self._name = name
        self._count = 0
        self._subscriptions: dict[str, Subscription] = {}
        self._by_message: dict[str, Subscription] = {}
        self._transactions = Transactions()
        self.version = VERSIONS[-1]
        self.connected = self.closing = self.busy = False
        self.beats = Beats(0, 0)
        self.resume: Callable[[], object] = lambda: None
        self._commands: dict[str, Callable[[Frame], None]] = {
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "ACK": self._acknowledge,
            "NACK": self._acknowledge,
            "BEGIN": self._transactions.begin,
            "ABORT": self._abort,
            "DISCONNECT": self._disconnect,
        }

    # -- what comes ---------------------------------------------------------------------------

    def take(self, frame: Frame) -> None:
        """Do what a frame says; not while it is busy."""
        if frame is BEAT or self.closing:
            return
        try:
            self._do(frame)
        except ProtocolError as error:
            self.fail(error, frame)

    def fail(self, error: ProtocolError, frame: Frame | None = None) -> None:
        """Say what is wrong, and close (rule 2)."""
        if self.closing:
            return
        self.closing = True
        headers = [("message", error.condition), ("content-type", "text/plain")]
        if frame is not None and "receipt" in frame.headers:
            headers.append(("receipt-id", frame.headers["receipt"]))
        self._say(encode("ERROR", headers, self.version, error.detail.encode()))

    def end(self) -> None:
        """Give up all subscriptions: the connection is closed. What was not acknowledged goes to others."""
        self.closing = True
        for subscription in [*self._subscriptions.values()]:
            self._drop(subscription)

    def _do(self, frame: Frame) -> None:
        if frame.command == "SEND" and self.connected and "transaction" not in frame.headers:
            required(frame, "destination")
            self._when(self._server.publish((frame,)), frame, partial(self._done, frame))
            return
        if frame.command in {"CONNECT", "STOMP"}:
            self._connect(frame)
            return
        if not self.connected:
            raise ProtocolError("unauthorized", "CONNECT comes first.")
        if "transaction" in frame.headers and frame.command in {"SEND", "ACK", "NACK"}:
            self._transactions.keep(frame)
            self._done(frame)
        elif frame.command == "COMMIT":
            self._commit(frame)
        elif (do := self._commands.get(frame.command)) is not None:
            do(frame)
            self._done(frame)
        else:
            raise bad(f"There is no command {frame.command[:20]}.")

    def _done(self, frame: Frame) -> None:
        if "receipt" in frame.headers:
            self._say(encode("RECEIPT", [("receipt-id", frame.headers["receipt"])], self.version))

    # -- connecting ---------------------------------------------------------------------------

    def _connect(self, frame: Frame) -> None:
        headers = frame.headers
        if self.connected:
            raise bad("CONNECT comes only once.")
        offered = headers.get("accept-version", VERSIONS[-1]).split(",")
        spoken = next((version for version in VERSIONS if version in offered), None)
        if spoken is None:
            raise ProtocolError(
                "bad-request", f"One of the versions {', '.join(VERSIONS)} has to be accepted."
            )
        beats = _beats(headers.get("heart-beat", "0,0"))
        self._when(
            self._server.admit(headers.get("login", ""), headers.get("passcode", "")),
            frame,
            partial(self._welcome, spoken, *beats),
            Future[None].get,
        )

    def _welcome(self, spoken: str, can: int, wishes: int) -> None:
        self.version, self.connected = spoken, True
        ours, wished = OUR_BEATS
        self.beats = Beats(max(ours, wishes) / 1000 if wishes else 0, max(can, wished) / 1000 if can else 0)
        told = [("version", spoken), ("session", self._name), ("server", "cometary")]
        self._say(encode("CONNECTED", [*told, ("heart-beat", f"{ours},{wished}")], spoken))

    def _disconnect(self, _: Frame) -> None:
        self.closing = True

    # -- sending ------------------------------------------------------------------------------

    def _publish(self, frames: Sequence[Frame], asked_by: Frame) -> None:
        """Do what SEND, ACK and NACK ask for, all or nothing, and say when that is done (rule 3)."""
        sent = [frame for frame in frames if frame.command == "SEND"]
        for frame in sent:
            required(frame, "destination")
        settled = self._settled_by([frame for frame in frames if frame.command != "SEND"])
        taken = self._server.publish(sent)
        self._when(taken, asked_by, partial(self._published, settled, asked_by))

    def _when(
        self,
        taken: Future[None] | None,
        asked_by: Frame,
        go_on: Callable[[], object],
        result: Callable[[Future[None]], None] = result_of,
    ) -> None:
        """Go on when something has been done; until then the next frame waits."""
        if taken is None:
            go_on()
        else:
            self.busy = True
            taken.add_done_callback(partial(self._was_done, taken, result, asked_by, go_on))

    def _was_done(
        self,
        taken: Future[None],
        result: Callable[[Future[None]], None],
        asked_by: Frame,
        go_on: Callable[[], object],
    ) -> None:
        self.busy = False
        if self.closing:
            return
        try:
            result(taken)
        except ProtocolError as error:
            self.fail(error, asked_by)
        else:
            go_on()
        self.resume()

    def _published(self, settled: Mapping[str, bool], asked_by: Frame) -> None:
        self._settle(settled)
        self._done(asked_by)

    def _commit(self, frame: Frame) -> None:
        self._publish(self._transactions.end(frame), frame)

    def _abort(self, frame: Frame) -> None:
        self._transactions.end(frame)

    # -- subscribing ----------------------------------------------------------------------------

    def _subscribe(self, frame: Frame) -> None:
        destination, mode = required(frame, "destination"), frame.headers.get("ack", ACK_MODES[0])
        name = self._subscription_id(frame)
        if mode not in ACK_MODES:
            raise bad(f"An ack mode is one of {', '.join(ACK_MODES)}.")
        if name in self._subscriptions:
            raise bad("There is already a subscription with this id.")
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise ProtocolError("too-large", f"There may be at most {MOST_SUBSCRIPTIONS} subscriptions.")
        subscription = Subscription(name, destination, mode)
        self._subscriptions[name] = subscription  # before: a queue may have something for it at once
        try:
            self._server.subscribe(subscription)
        except ProtocolError:
            del self._subscriptions[name]
            raise

    def _unsubscribe(self, frame: Frame) -> None:
        subscription = self._subscriptions.get(self._subscription_id(frame))
        if subscription is None:
            raise bad("There is no subscription with this id.")
        self._drop(subscription)

    def _drop(self, subscription: Subscription) -> None:
        del self._subscriptions[subscription.id]
        for message in subscription.unacknowledged:
            del self._by_message[message]
        self._server.unsubscribe(subscription)

    def _subscription_id(self, frame: Frame) -> str:
        """Return what a subscription is known by: in 1.0, the destination will do."""
        if self.version == VERSIONS[-1] and "id" not in frame.headers:
            return required(frame, "destination")
        return required(frame, "id")

    def deliver(self, subscription: Subscription, path: str, rest: bytes, message: object = None) -> None:
        """Send a message to a subscription.

        Args:
            subscription: the subscription, of this conversation.
            path: its destination.
            rest: the end of the frame, which is the same for everybody.
            message: what it is known by when it is acknowledged.
        """
        self._count += 1
        name = f"{self._name}-{self._count}"
        headers = [("subscription", subscription.id), ("message-id", name), ("destination", path)]
        if subscription.mode != ACK_MODES[0]:
            subscription.unacknowledged[name] = message
            self._by_message[name] = subscription
            headers.append(("ack", name))
        self._say(head("MESSAGE", headers, self.version) + rest)

    # -- acknowledging (rule 5) -----------------------------------------------------------------

    @property
    def _name_of_message(self) -> str:
        """The header in which ACK and NACK have what the message is known by."""
        return "id" if self.version == VERSIONS[0] else "message-id"

    def _acknowledge(self, frame: Frame) -> None:
        self._settle(self._settled_by([frame]))

    def _settled_by(self, frames: Iterable[Frame]) -> dict[str, bool]:
        """Return the names of the messages that ACK and NACK are for, with whether each was taken."""
        settled: dict[str, bool] = {}
        for frame in frames:
            name, taken = required(frame, self._name_of_message), frame.command == "ACK"
            if not taken and self.version == VERSIONS[-1]:
                raise bad("There is no NACK in version 1.0.")
            subscription = self._by_message.get(name)
            if subscription is None or name in settled:
                raise bad("No message with this id waits to be acknowledged.")
            names = [name]
            if subscription.mode == "client":
                flying = list(subscription.unacknowledged)
                names = flying[: flying.index(name) + 1]
            for each in names:
                settled.setdefault(each, taken)
        return settled

    def _settle(self, settled: Mapping[str, bool]) -> None:
        for name, taken in settled.items():
            subscription = self._by_message.pop(name, None)
            if subscription is not None:  # else the connection was closed while the server took messages
                message = subscription.unacknowledged.pop(name)
                self._server.settle(subscription, message, taken=taken)


def _beats(text: str) -> tuple[int, int]:
    """Return how often the client can send signs of life, and how often it wants some."""
    numbers = text.split(",")
    if len(numbers) != len(OUR_BEATS) or not all(
        number.isascii() and number.isdecimal() and len(number) < len(str(NUMBER)) for number in numbers
    ):
        raise bad("heart-beat is two numbers of milliseconds.")
    return int(numbers[0]), int(numbers[1])
