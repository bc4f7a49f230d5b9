"""Every error that Cometary raises; each says whose fault it is.

Actors that have died raise a subclass of Pykka's own `pykka.ActorDeadError`, and waits that take
too long `pykka.Timeout`, so that code written for Pykka keeps working.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Self

from pykka import ActorDeadError


class CometaryError(Exception):
    """The root of all of them; never raised itself. Each can be pickled and copied."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by calling the class again, as exceptions do: what they are made from is not always their `args`.
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[CometaryError], args: tuple[object, ...]) -> CometaryError:
    error = kind.__new__(kind)
    error.args = args
    return error


class UsageError(CometaryError):
    """The calling code asked for something that makes no sense; nothing has changed."""


class BlockingCallError(UsageError):
    """The calling code would have blocked the event loop for ever; the error says what to write there instead."""


class CallingSelfError(UsageError):
    """An actor awaited its own answer, or its own end, which cannot come while it waits: the actor's fault."""


class NoSystemError(UsageError):
    """The calling code started an actor where no actor system is running."""


class NameTakenError(UsageError):
    """The calling code registered a name that a living actor already has: that of `ref`.

    Source: OTP, `{already_started, Pid}`.
    """

    ref: Any = None
    """The reference of the actor that has it; None if it is not known: it is not pickled along."""

    def __init__(self, message: str, ref: Any = None) -> None:
        super().__init__(message)
        if ref is not None:
            self.ref = ref

    def __reduce__(self) -> tuple[Any, ...]:
        again, made_from, told = super().__reduce__()
        return again, made_from, {name: value for name, value in told.items() if name != "ref"}

    def __copy__(self) -> Self:
        return self._with(self.__dict__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._with(copy.deepcopy(self.__dict__, memo))

    def _with(self, told: dict[str, Any]) -> Self:
        again, made_from, _ = self.__reduce__()
        twin: Self = again(*made_from)
        twin.__dict__.update(told)
        return twin


class MailboxFullError(CometaryError):
    """An actor has as many messages waiting as its mailbox takes: nobody's fault, try later."""


class ActorEndedError(CometaryError, ActorDeadError):
    """An actor has ended, or ended before it answered: nobody's fault.

    Args:
        message: who, and how it ended.
        reason: the reason of its `Exit`, such as `crashed`. The exception of a crash is the `__cause__`.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class TaskCancelledError(CometaryError):
    """A task was cancelled, or what it ran for has ended, before it had a result: nobody's fault."""


class StrayExitError(CometaryError):
    """Code that was called for somebody raised what is no `Exception`, and asks for no exit: that code's fault.

    What it raised, such as a `SystemExit`, is the `__cause__`.
    """


CONDITIONS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "bad-request": 400,
        "bad-ack": 400,
        "forbidden-path": 400,
        "unauthorized": 401,
        "forbidden": 403,
        "unknown-session": 404,
        "not-found": 404,
        "method-not-allowed": 405,
        "rid-out-of-window": 409,
        "session-ended": 410,
        "length-required": 411,
        "too-large": 413,
        "unsupported-media-type": 415,
        "key-reused": 422,
        "upgrade-required": 426,
        "too-many-requests": 429,
        "headers-too-large": 431,
        "internal-error": 500,
        "shutting-down": 503,
        "too-many-sessions": 503,
    }
)
"""The conditions of the comet protocol, each with the HTTP status that carries it."""


class ProtocolError(CometaryError):
    """A request that gets an error for an answer: the client's fault below status 500, ours from there on.

    Args:
        condition: One of `CONDITIONS`; a program reads it.
        detail: One sentence for a person. It goes to the client, so it holds no secret.
        retry_after: Seconds after which asking again makes sense, for 429 and 503.
        **members: More members of the error's body, such as `reason` for `session-ended`.

    Attributes:
        status: The HTTP status that `CONDITIONS` gives for the condition.
    """

    def __init__(
        self, condition: str, detail: str, *, retry_after: int | None = None, **members: object
    ) -> None:
        super().__init__(condition, detail)
        self.condition = condition
        self.detail = detail
        self.status = CONDITIONS[condition]
        self.retry_after = retry_after
        self.members = members

    def body(self) -> dict[str, object]:
        """The error as the map that answers the request, ready for a codec."""
        return {"error": self.condition, "detail": self.detail, **self.members}

    def body_in_full(self) -> dict[str, object]:
        """The same where there is no header that says after how many seconds asking again makes sense."""
        return self.body() if self.retry_after is None else {**self.body(), "retry_after": self.retry_after}


STANZA_CONDITIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bad-request": "modify",
        "conflict": "cancel",
        "feature-not-implemented": "cancel",
        "forbidden": "auth",
        "gone": "cancel",
        "internal-server-error": "cancel",
        "item-not-found": "cancel",
        "jid-malformed": "modify",
        "not-acceptable": "modify",
        "not-allowed": "cancel",
        "not-authorized": "auth",
        "payment-required": "auth",
        "policy-violation": "modify",
        "recipient-unavailable": "wait",
        "redirect": "modify",
        "registration-required": "auth",
        "remote-server-not-found": "cancel",
        "remote-server-timeout": "wait",
        "resource-constraint": "wait",
        "service-unavailable": "cancel",
        "subscription-required": "auth",
        "undefined-condition": "cancel",
        "unexpected-request": "wait",
    }
)
"""The conditions of XMPP's errors, each with its usual type (RFC 6120, section 8.3.3)."""


class StanzaError(CometaryError):
    """An XMPP stanza gets an error for an answer: its sender's fault, unless the condition says otherwise.

    Args:
        condition: One of `STANZA_CONDITIONS`.
        text: One sentence for a person. It goes to the sender, so it holds no secret.
        type: `auth`, `cancel`, `continue`, `modify` or `wait`: what the sender can do; None for the usual one.
        pubsub: The condition of XEP-0060 that says more, such as `nodeid-required`; None for none.
        feature: With `pubsub="unsupported"`: which feature that is.

    Raises:
        UsageError: if there is no such condition; the calling code's fault.
    """

    def __init__(
        self,
        condition: str,
        text: str = "",
        *,
        type: str | None = None,  # noqa: A002 - XMPP's word
        pubsub: str | None = None,
        feature: str | None = None,
    ) -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        if condition not in STANZA_CONDITIONS:
            raise UsageError(f"XMPP has no condition {condition!r}")
        self.condition = condition
        self.text = text
        self.type = STANZA_CONDITIONS[condition] if type is None else type
        self.pubsub = pubsub
        self.feature = feature


class ElsewhereError(ProtocolError):
    """Another process has the session: nobody's fault. Whoever can passes the request on to it; else it is unknown.

    Args:
        pass_on: returns what the connection goes on as, given what was read of it from the request on, and how many
            bytes of the answer were sent already; None if connections cannot be handed over.
        forward: has the other process answer one request, given its exchange, which stays where it is; None if only
            whole connections can be handed over.
    """

    def __init__(self, pass_on: Any, forward: Any = None) -> None:
        super().__init__("unknown-session", "there is no session with this id, or it ended long ago")
        self.pass_on = pass_on
        self.forward = forward


class AskError(CometaryError):
    """Whoever was asked did not answer: the client's fault, the application's, or nobody's, as `fault` says.

    Args:
        fault: `client`: it has refused, or failed, or has nobody who answers; of a question that a client has asked, it
            was refused. `application`: its handler has failed. `nobody`: the time is over, or the session has ended.
            Whether the question has arrived is not known then.
        condition: `timeout`, `session-ended`, or what the other side has said.
        detail: One sentence for a person.
        paths: Those that were refused, if it was about paths.
    """

    def __init__(self, fault: str, condition: str, detail: str, paths: Sequence[str] = ()) -> None:
        super().__init__(f"{condition}: {detail}")
        self.fault = fault
        self.condition = condition
        self.detail = detail
        self.paths = paths


class KeyReusedError(UsageError):
    """An idempotency key came with another update than before: the calling code's fault; nothing was sent."""


class RefusedError(CometaryError):
    """A handler refuses what a client has asked for: the client's fault, and no crash. The client is told.

    Raised for a packet to which nobody waits for an answer it is a crash like any other.

    Args:
        detail: One sentence for a person. It goes to the client, so it holds no secret.
        condition: For programs; one of `CONDITIONS`, or a word of the application's own.
        **members: More members of what the client is told.
    """

    def __init__(self, detail: str, condition: str = "forbidden", **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.condition = condition
        self.members = members


class PatternError(UsageError):
    """The calling code wrote a pattern over paths that is not valid; nothing has changed."""


class ConfigError(CometaryError):
    """Whoever started the server gave it a wrong value; nothing has been started.

    Args:
        where: What gave the value: an option, an environment variable, a key of a file.
        problem: What is wrong with it and what would be right; it holds no secret.
    """

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class ConnectorError(CometaryError):
    """The control interface could not be reached, or failed: the environment's fault.

    Args:
        message: What went wrong.
        unsent: Whether nothing of the call has left, so that it may be made again. Otherwise whether it
            took effect is not known, and a connector repeats it only under an idempotency key.
    """

    def __init__(self, message: str, *, unsent: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent


class SabotageError(CometaryError):
    """What a session's actor crashed of when a call asked for it: nobody's fault; only a server under test has it."""


class TargetError(CometaryError):
    """The server that `cometary chaos` runs against cannot be reached, or will not have it: the environment's fault."""


class ClientGoneError(CometaryError):
    """Nobody waits for the rest of a response: nobody's fault, and what writes it is to end."""


class ControlError(CometaryError):
    """The control interface refused a call: the calling code's fault; nothing has changed.

    Args:
        condition: One of `CONDITIONS`; a program reads it.
        status: The HTTP status that came with it.
        detail: One sentence for a person.
    """

    def __init__(self, condition: str, status: int, detail: str) -> None:
        super().__init__(f"{condition} ({status}): {detail}")
        self.condition = condition
        self.status = status
        self.detail = detail


class UnknownSessionError(ControlError):
    """The session named in a call has ended, or never was: to a back-end, the user has left."""


class InvalidMachineError(UsageError):
    """A state machine's class declares something impossible: its author's fault, found when the class is made."""


class UndeclaredTransitionError(UsageError):
    """A handler went to a state that its `to=` does not name: the machine's fault; the step has not happened."""


class UnhandledEventError(UsageError):
    """An event that a machine has no handler for in its state: the sender's fault; the step has not happened."""


class InvalidStepError(UsageError):
    """A handler or an enter action returned what it may not: the machine's fault; the step has not happened."""


class EventOverflowError(UsageError):
    """A machine postpones, or inserts, more events than it may: its own fault; the step has not happened."""


class NotRunningError(UsageError):
    """A machine was stepped before its start or after its stop, or started twice: the shell's fault."""


class MachineStoppedError(CometaryError):
    """A machine in an actor stopped for a reason that is no word, no `Exit` and no exception: its own decision."""


class SpecError(UsageError):
    """A supervisor was given a child or an option that makes no sense: the calling code's fault."""


class AlreadyStartedError(NameTakenError, SpecError):
    """A supervisor was asked to start a child whose id another one has: `ref`, or None if that one does not run.

    Source: OTP, `{already_started, Pid}`, `already_present`.
    """


class ChildStateError(UsageError):
    """A supervisor was asked about a child that it has not, or that is not in a state for this: the caller's fault."""


class ChildStartError(CometaryError):
    """A child did not start: the child's fault; nothing is left of the attempt."""


class StartIgnoredError(CometaryError):
    """An actor raises it in `on_start` if it is not needed now: nobody's fault; its supervisor goes on without it."""


class TooManyChildrenError(CometaryError):
    """A supervisor has all the children it may have, or an event manager all handlers: nobody's fault, try later."""


class EngineError(CometaryError):
    """The engine that joins nodes cannot be used as it is: the operator's fault; the error says what to change."""


class NodeNameError(EngineError):
    """Another node has the name of this one, or had it until a moment ago: the operator's fault, if it stays so."""


class NodeRefusedError(CometaryError):
    """Two nodes do not go together, or one is not a node: the operator's fault; the error says what is wrong."""


class WorkerEndedError(CometaryError):
    """A worker, one of several processes of a server, has ended unasked: its own fault, or the operator's.

    Args:
        number: that of the worker.
        how: how it has ended, in words.
        status: its exit status; negative for the signal that has ended it.
    """

    def __init__(self, number: int, how: str, status: int | None) -> None:
        super().__init__(f"worker {number} {how}")
        self.status = status


class RestartIntensityError(CometaryError):
    """Children crashed more often than their supervisor puts up with; all of them have been stopped."""
