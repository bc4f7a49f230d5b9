"""Finding actors: by name, by class, by URN; on the current system and among Pykka's threads."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable
from typing import Any, Literal, TypeVar, overload

import pykka

from cometary.actors.call import Call
from cometary.actors.exits import NORMAL, Exit
from cometary.actors.future import Future
from cometary.actors.futures import wrap_future
from cometary.actors.groups import Groups
from cometary.actors.loops import on_a_loop
from cometary.actors.messages import as_told
from cometary.actors.names import Whom, as_reference
from cometary.actors.ref import ActorRef
from cometary.actors.roster import tell_each
from cometary.actors.system import actor_meant, current_system
from cometary.errors import NoSystemError
from cometary.escapes import escapes

AnyRef = pykka.ActorRef[Any]
A = TypeVar("A", bound=pykka.Actor)
R = TypeVar("R")


def register(name: Hashable, ref: ActorRef[Any]) -> None:
    """Give the actor `ref` a name in the current system, until it ends. Harmless if it has it already.

    Args:
        name: whatever can be a key of a dict; or a `Via`, for a name in another registry.
        ref: the actor.

    Raises:
        NameTakenError: if another living actor has it, which is its `ref`; the caller's fault.
        UsageError: if the actor lives in another system; the caller's fault.
        pykka.ActorDeadError: if the actor has ended.
    """
    current_system().names.register(name, ref)


def whereis(name: Hashable) -> ActorRef[Any] | None:
    """Return the actor that has `name`, see `register`, or None."""
    return current_system().names.whereis(name)


def unregister(name: Hashable) -> None:
    """Free `name`, see `register`. Harmless if nobody has it."""
    current_system().names.unregister(name)


def registered() -> list[Hashable]:
    """Return all names that living actors of the current system have, see `register`.

    Those in other registries (`Via`) are not among them. Source: OTP, `erlang:registered/0`.
    """
    return current_system().names.registered()


# -- an actor by its name, or its reference, whichever the caller has --------------------------------------


def send(whom: Whom, message: object) -> None:
    """Tell `message` to the actor that has a name, see `register`, or this reference.

    Source: Erlang reference manual, "Registered Processes" (`Name ! Message`).

    Raises:
        ActorEndedError: if nobody has the name; its `reason` is `noproc`.
        MailboxFullError: as `ActorRef.tell`.
    """
    ref = as_reference(whom)
    if ref is None:
        current_system().names.send(whom, message)  # by the registry of a `Via`, if it is one
    else:
        ref.tell(message)


@overload
def ask(whom: Whom, message: Call[R], *, block: Literal[True], timeout: float | None = None) -> R: ...


@overload
def ask(  # pyright: ignore[reportOverlappingOverload]
    whom: Whom, message: Call[R], *, block: Literal[False] | None = None, timeout: float | None = None
) -> Future[R]: ...


@overload
def ask(  # type: ignore[overload-cannot-match]  # but see `ActorRef`
    whom: Whom, message: Call[object], *, block: Literal[False] | None = None, timeout: float | None = None
) -> Future[object]: ...


@overload
def ask(whom: Whom, message: object, *, block: bool | None = None, timeout: float | None = None) -> Any: ...


def ask(whom: Whom, message: Any, *, block: bool | None = None, timeout: float | None = None) -> Any:
    """Do as `ActorRef.ask`, for the actor that has a name, see `register`, or this reference.

    Source: OTP, `gen_server:call/3`.

    Raises:
        ActorEndedError: if nobody has the name; its `reason` is `noproc`. Else as `ActorRef.ask`.
    """
    return actor_meant(whom).ask(message, block=block, timeout=timeout)


def stop(
    whom: Whom,
    *,
    block: bool | None = None,
    timeout: float | None = None,
    exit: Exit | str = NORMAL,  # noqa: A002 - OTP's word
) -> Any:
    """Do as `ActorRef.stop`, for the actor that has a name, see `register`, or this reference.

    Source: OTP, `gen_server:stop/3`.

    Raises:
        ActorEndedError: if nobody has the name; its `reason` is `noproc`. Else as `ActorRef.stop`.
    """
    return actor_meant(whom).stop(block=block, timeout=timeout, exit=exit)


def groups(scope: str = "default") -> Groups:
    """Return the groups of one scope of the current system; a scope lasts as long as the system.

    Source: OTP, `pg:start_link/1`.
    """
    return current_system().groups(scope)


class ActorRegistry(pykka.ActorRegistry):
    """Pykka's registry over the current system's actors and Pykka's own `ThreadingActor`s.

    Starting and stopping an actor costs the same however many there are; so does finding one
    by its URN. The other lookups look at every actor, as Pykka's do.
    """

    @classmethod
    def get_all(cls) -> list[AnyRef]:
        """Return all living actors: Pykka's, then ours, each in the order they were started."""
        return [*pykka.ActorRegistry.get_all(), *_ours()]

    @classmethod
    def get_by_class(cls, actor_class: type[A]) -> list[pykka.ActorRef[A]]:
        """Return all living actors of `actor_class` or a subclass of it."""
        return [ref for ref in cls.get_all() if issubclass(ref.actor_class, actor_class)]

    @classmethod
    def get_by_class_name(cls, actor_class_name: str) -> list[AnyRef]:
        """Return all living actors whose class is called `actor_class_name`."""
        return [ref for ref in cls.get_all() if ref.actor_class.__name__ == actor_class_name]

    @classmethod
    def get_by_urn(cls, actor_urn: str) -> AnyRef | None:
        """Return the living actor with that URN, or None."""
        with contextlib.suppress(NoSystemError):
            ref = current_system().urns.get(actor_urn)
            if ref is not None and ref.is_alive():
                return ref
        return pykka.ActorRegistry.get_by_urn(actor_urn)

    @classmethod
    def broadcast(cls, message: Any, target_class: str | type[pykka.Actor] | None = None) -> None:
        """Tell `message` to all living actors, or to those of a class or class name.

        One that refuses it, because its mailbox has a bound and is full, does not get it.
        """
        if isinstance(target_class, str):
            targets = cls.get_by_class_name(target_class)
        elif target_class is not None:
            targets = cls.get_by_class(target_class)
        else:
            targets = cls.get_all()
        tell_each(targets, message)

    @classmethod
    def stop_all(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls, *, block: bool | None = None, timeout: float | None = None
    ) -> Any:
        """Stop all living actors, the youngest first.

        Args:
            block: False returns a list of futures, and the actors stop in whatever order they
                get to it. Otherwise each actor is asked once the one before it has stopped. By
                default the result is awaited on the Trio loop: `await ActorRegistry.stop_all()`.
            timeout: seconds that the wait for each actor may take.

        Returns:
            What `stop` returned for each: a list, or on the Trio loop a future of it.

        Raises:
            Exception: what the first one that failed in its `on_stop`, or took too long, raised; all have been asked.
        """
        targets = list(reversed(cls.get_all()))
        if block is False:
            return [ref.stop(block=False) for ref in targets]
        if block is None and on_a_loop():
            done: Future[list[bool]] = Future()
            current_system().start_soon(_stop_in_order, targets, timeout, done)
            return done
        answers, failures = list[bool](), list[Exception]()
        for ref in targets:  # all of them, also if one of them fails at it
            try:
                answers.append(ref.stop(block=True, timeout=timeout))
            except Exception as error:  # noqa: BLE001 - raised below
                failures.append(error)
        if failures:
            raise failures[0]
        return answers


async def _stop_in_order(targets: list[AnyRef], timeout: float | None, done: Future[list[bool]]) -> None:  # noqa: ASYNC109 - one for each
    answers, failures = list[bool](), list[BaseException]()
    try:
        for ref in targets:
            try:
                answers.append(await wrap_future(ref.stop(block=False)).within(timeout))
            except BaseException as error:  # whoever awaits `done` gets it
                if escapes(error):
                    raise
                failures.append(as_told(error))
        done.offer(answers, error=failures[0] if failures else None)
    finally:
        done.offer(error=pykka.ActorDeadError("the actor system has ended"))


def _ours() -> list[AnyRef]:
    try:
        return list(current_system().actors)
    except NoSystemError:
        return []
