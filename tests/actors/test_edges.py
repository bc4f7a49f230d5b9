"""Whatever a user's object or handler raises harms its own actor, and nobody else.

Each test sends hostile objects through one entrance, of actors that run either way, and asks a bystander
afterwards.
"""

# Hostile on purpose, and in lambdas: the types of what is wrong are not known.
# pyright: reportUnknownLambdaType=false
# pyright: reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnusedClass=false
# pyright: reportPossiblyUnboundVariable=false
# pyright: reportAssignmentType=false
# pyright: reportArgumentType=false
from __future__ import annotations

import io
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from cometary.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    Bounded,
    Down,
    Exit,
    ExitSignal,
    Future,
    groups,
    register,
    send,
    sys,
    system,
    unregister,
    whereis,
)
from cometary.errors import ActorEndedError, MailboxFullError, StrayExitError, UsageError
from cometary.log import set_redactor
from tests.actors.hostile import (
    RAISED,
    Fading,
    deep_error,
    hostile,
    hostile_error,
    hostile_of_hostile_class,
    strange_errors,
)

pytestmark = pytest.mark.usefixtures("verbose")

WHAT = pytest.mark.parametrize("what", RAISED, ids=lambda kind: kind.__name__)


@pytest.fixture
def verbose(caplog: pytest.LogCaptureFixture) -> None:
    """Let everything be logged, and so be formatted."""
    caplog.set_level(logging.DEBUG, "cometary")


class Bystander(Actor):
    def on_receive(self, message: Any) -> str:
        return "well"


class Victim(Actor):
    """Does what it is told, if that is a function; keeps nothing else."""

    def on_receive(self, message: Any) -> Any:
        if type(message) is type(_do):
            return message(self)
        return None


class AsyncVictim(Victim):
    async def on_receive(self, message: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return super().on_receive(message)


def _do(_actor: Victim) -> None: ...


KINDS = pytest.mark.parametrize("kind", [Victim, AsyncVictim], ids=["def", "async def"])


@asynccontextmanager
async def bystanding() -> AsyncGenerator[ActorRef[Bystander]]:
    """Run a system; at the end, an actor that was there from the beginning must be well."""
    async with system():
        bystander = Bystander.start()
        yield bystander
        await wait_all_tasks_blocked()
        assert await bystander.ask("how are you?") == "well"


def raising(error: BaseException | type[BaseException]) -> Callable[[Any], Any]:
    def act(_actor: Any) -> Any:
        raise error

    return act


# -- what handlers raise ----------------------------------------------------------------------------


@WHAT
@KINDS
async def test_what_a_handler_raises_ends_its_actor_only(
    kind: type[Victim], what: type[BaseException]
) -> None:
    async with bystanding():
        victim = kind.start()
        victim.tell(raising(what))
        exit_ = await victim.stopped()
        assert (exit_.reason, type(exit_.error)) == ("crashed", what)


@pytest.mark.parametrize("what", RAISED[1:], ids=lambda kind: kind.__name__)
@KINDS
async def test_who_asks_is_told_of_the_crash_and_does_not_raise_the_exit(
    kind: type[Victim], what: type[BaseException]
) -> None:
    async with bystanding():
        victim = kind.start()
        with pytest.raises(ActorEndedError) as caught:
            await victim.ask(raising(what))
        assert caught.value.reason == "crashed"
        assert type(caught.value.__cause__) is what
        assert not victim.is_alive()


@WHAT
@KINDS
@pytest.mark.parametrize("hook", ["on_start", "on_continue", "on_stop", "on_failure"])
async def test_what_a_hook_raises_ends_its_actor_only(
    kind: type[Victim], what: type[BaseException], hook: str
) -> None:
    broken: Any = type("Broken", (kind,), {hook: lambda *_: raising(what)(None)})
    async with bystanding():
        victim: ActorRef[Any] = broken.start()
        if hook == "on_stop":
            with pytest.raises(what if issubclass(what, Exception) else ActorEndedError):
                await victim.stop()
        elif hook == "on_failure":
            victim.tell(raising(LookupError))
        exit_ = await victim.stopped()
        assert exit_.reason == "crashed"
        assert type(exit_.error) is (LookupError if hook == "on_failure" else what)


@pytest.mark.parametrize("what", RAISED[1:], ids=lambda kind: kind.__name__)
async def test_an_exit_in_on_start_is_not_raised_where_the_actor_was_started(
    what: type[BaseException],
) -> None:
    class Broken(Victim):
        def on_start(self) -> None:
            raise what

    async with bystanding():
        with pytest.raises(ActorEndedError) as caught:
            await Broken.start_async()
        assert type(caught.value.__cause__) is what


@WHAT
@KINDS
async def test_what_a_task_raises_ends_its_actor_only(kind: type[Victim], what: type[BaseException]) -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise what

    async with bystanding():
        victim = kind.start()
        victim.tell(lambda actor: actor.start_task(fail))
        exit_ = await victim.stopped()
        assert (exit_.reason, type(exit_.error)) == ("crashed", what)


async def test_a_group_that_holds_an_exit_and_a_cancellation_ends_its_actor_only() -> None:
    async def leave() -> None:
        raise SystemExit(3)

    class Nursing(Actor):
        async def on_receive(self, message: Any) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                nursery.start_soon(leave)

    async with bystanding():
        victim = Nursing.start()
        victim.tell("x")
        exit_ = await victim.stopped()
        assert exit_.reason == "crashed"
        assert isinstance(exit_.error, BaseExceptionGroup)


@KINDS
async def test_a_cancellation_kept_from_elsewhere_ends_its_actor_only(kind: type[Victim]) -> None:
    kept: list[BaseException] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            kept.append(error)
            raise
    async with bystanding():
        victim = kind.start()
        victim.tell(raising(kept[0]))
        assert (await victim.stopped()).reason == "crashed"


async def test_a_handler_that_is_killed_is_cancelled_and_nothing_is_kept_from_trio() -> None:
    seen: list[type[BaseException]] = []

    class Waiting(Actor):
        async def on_receive(self, message: Any) -> None:
            try:
                await trio.sleep_forever()
            except BaseException as error:
                seen.append(type(error))
                raise

    async with bystanding():
        victim = Waiting.start()
        victim.tell("x")
        await wait_all_tasks_blocked()
        victim.kill()
        assert (await victim.stopped()).reason == "killed"
        assert seen == [trio.Cancelled]


# -- coroutines, and awaitables of others -----------------------------------------------------------


@pytest.mark.parametrize("hook", ["on_receive", "on_start", "on_continue", "on_stop", "on_failure"])
async def test_a_plain_hook_that_returns_a_coroutine_crashes_its_actor(hook: str) -> None:
    async def nobody_runs_this() -> None: ...

    broken: Any = type("Broken", (Victim,), {hook: lambda *_: nobody_runs_this()})
    async with bystanding():
        victim: ActorRef[Any] = broken.start()
        victim.tell(raising(LookupError))
        if hook == "on_stop":
            victim = broken.start()
            with pytest.raises(UsageError, match="async def"):
                await victim.stop()
        exit_ = await victim.stopped()
        assert exit_.reason == "crashed"
        if hook != "on_failure":  # else it ends of the failure that it was told of
            assert isinstance(exit_.error, UsageError)
            assert "async def" in str(exit_.error)


def test_a_handler_with_a_yield_is_refused_when_its_class_is_made() -> None:
    with pytest.raises(UsageError, match="contains a `yield`"):

        class Generating(Actor):
            def on_receive(self, message: Any) -> Any:
                yield message

    with pytest.raises(UsageError, match="contains a `yield`"):

        class AsyncGenerating(Actor):
            async def on_receive(self, message: Any) -> Any:
                yield message


class Foreign:
    """What another framework waits for: asyncio's futures yield themselves."""

    def __init__(self, yielded: object = None) -> None:
        self.yielded = self if yielded is None else yielded

    def __await__(self) -> Any:
        yield self.yielded


class Mixing(Actor):
    """Awaits what it is told to."""

    async def on_receive(self, message: Foreign) -> None:
        await trio.lowlevel.checkpoint()
        await message


class MixingInTask(Mixing):
    async def on_receive(self, message: Foreign) -> None:
        self.start_task(super().on_receive, message)


@WHAT
@pytest.mark.parametrize("kind", [Mixing, MixingInTask])
async def test_to_await_what_belongs_to_another_framework_ends_that_actor_only_and_says_so(
    kind: type[Mixing], what: type[BaseException]
) -> None:
    async with bystanding():
        for yielded in (None, LookupError(), hostile(what), hostile_of_hostile_class(what)):
            victim = kind.start()
            victim.tell(Foreign(yielded))
            exit_ = await victim.stopped()
            assert isinstance(exit_.error, TypeError)
            assert "asyncio" in str(exit_.error)


async def test_a_handler_may_go_on_when_what_it_awaits_is_refused() -> None:
    class Trying(Actor):
        async def on_receive(self, message: Any) -> str:
            with pytest.raises(TypeError, match="Trio cannot wait"):
                await Foreign()
            await trio.lowlevel.checkpoint()
            return "on"

    async with bystanding():
        assert await Trying.start().ask("x") == "on"


# -- messages ---------------------------------------------------------------------------------------


class Card:
    """A message with an attribute that the runtime's own have as a method."""

    discarded = False


class Lenient(dict[str, Any]):
    __getattr__ = dict.__getitem__


def messages(what: type[BaseException]) -> list[Any]:
    return [hostile(what), hostile_of_hostile_class(what), Card(), Lenient(), hostile_error(what)]


@WHAT
@KINDS
async def test_hostile_messages_reach_the_handler_and_harm_nobody(
    kind: type[Victim], what: type[BaseException]
) -> None:
    async with bystanding():
        for message in messages(what):
            victim = kind.start()
            victim.tell(message)
            answer = victim.ask(message)
            await answer.ready()
            with suppress(ActorDeadError):  # its class cannot even be hashed: the actor may end of it
                victim.tell(message)
            victim.kill()


@WHAT
@KINDS
async def test_hostile_mail_of_an_actor_that_ends_harms_nobody(
    kind: type[Victim], what: type[BaseException]
) -> None:
    async with bystanding():
        for message in messages(what):
            for end in ("kill", "crash", "stop"):
                victim = kind.start()
                victim.tell(raising(LookupError) if end == "crash" else _do)
                victim.tell(message)
                answer = victim.ask(message)
                if end == "kill":
                    victim.kill()
                elif end == "stop":
                    victim.stop()
                await answer.ready()


@WHAT
@KINDS
@pytest.mark.parametrize("policy", ["refuse", "drop_oldest", "drop_newest", "block"])
async def test_hostile_messages_that_are_dropped_harm_nobody(
    kind: type[Victim], what: type[BaseException], policy: Any
) -> None:
    async with bystanding():
        victim = kind.with_mailbox(Bounded(1, policy)).start()
        for message in [*messages(what), *messages(what)]:
            with suppress(MailboxFullError):
                victim.tell(message)
        victim.kill()
        with pytest.raises((ActorDeadError, MailboxFullError)):
            await victim.ask(hostile(what))


@WHAT
@KINDS
async def test_hostile_messages_of_timers_and_to_the_suspended_harm_nobody(
    kind: type[Victim], what: type[BaseException]
) -> None:
    async with bystanding():
        victim = kind.start()
        for message in messages(what):
            victim.tell(lambda actor, message=message: actor.timer(message).start(0.0))
        await wait_all_tasks_blocked()
        other = kind.start()
        await sys.suspend(other)
        for message in messages(what):
            other.tell(lambda actor, message=message: actor.timer(message).start(0.0))
            other.tell(message)
        other.stop()


# -- exits, links, monitors -------------------------------------------------------------------------


class Watching(Actor):
    trap_exits = True

    def __init__(self, watched: ActorRef[Any]) -> None:
        super().__init__()
        self.monitor(watched)
        self.link(watched)
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if type(message) in (Down, ExitSignal):
            self.seen.append(message)
        return len(self.seen)


@WHAT
@KINDS
async def test_hostile_crashes_are_told_to_whoever_watches(
    kind: type[Victim], what: type[BaseException]
) -> None:
    class Hostile(kind):  # type: ignore[misc, valid-type]
        def crash_state(self) -> Any:
            return hostile(what)

        @property
        def display_name(self) -> Any:
            raise what

        @staticmethod
        def format_message(message: Any) -> Any:
            raise what

    async with bystanding():
        for base in (Exception, BaseException):
            victim: ActorRef[Any] = Hostile.start()
            watching = await Watching.start_async(victim)
            promised: list[Future[Any]] = []
            asked = victim.ask(lambda actor, promised=promised: promised.append(actor.reply_later()))
            await wait_all_tasks_blocked()
            victim.tell(raising(hostile_error(what, base)))
            await asked.ready()
            await wait_all_tasks_blocked()
            assert await watching.ask("seen") == 2
            with pytest.raises(ActorDeadError):
                await victim.ask("x")


@WHAT
@KINDS
async def test_hostile_exit_reasons_harm_nobody(kind: type[Victim], what: type[BaseException]) -> None:
    class Word(str):
        __slots__ = ()
        __eq__ = __ne__ = __hash__ = __str__ = __format__ = raising(what)  # type: ignore[assignment]

    async with bystanding():
        for reason in (
            Exit(Word("why"), hostile_error(what)),
            Exit("why", hostile_error(what), hostile(what), hostile(what)),
            Word("why"),
        ):
            victim, linked = kind.start(), kind.start()
            watching = Watching.start(victim)
            victim.tell(lambda actor, linked=linked: actor.link(linked))
            await wait_all_tasks_blocked()
            victim.exit(reason)
            await wait_all_tasks_blocked()
            assert await watching.ask("seen") == 2
            assert not linked.is_alive()
            with pytest.raises(ActorDeadError):
                victim.tell("x")
            with pytest.raises(ActorDeadError):
                await victim.ask("x")


@KINDS
async def test_an_exit_with_what_is_no_exception_is_refused(kind: type[Victim]) -> None:
    async with bystanding():
        victim = kind.start()
        with pytest.raises(UsageError):
            victim.exit(Exit("why", error="no exception"))  # type: ignore[arg-type]
        with pytest.raises(UsageError):
            victim.exit(hostile(LookupError))
        assert victim.is_alive()


@WHAT
@KINDS
async def test_a_trap_exits_that_raises_ends_its_actor_only(
    kind: type[Victim], what: type[BaseException]
) -> None:
    class Broken(kind):  # type: ignore[misc, valid-type]
        trap_exits = property(raising(what))

    async with bystanding():
        victim: ActorRef[Any] = Broken.start()
        await wait_all_tasks_blocked()
        victim.exit("why")
        assert type((await victim.stopped()).error) is what


@KINDS
async def test_reports_survive_strange_exceptions(
    kind: type[Victim], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not for the report of this test, which could not carry half of a character. Here, as pytest attaches
    # its handlers when a test is called.
    logger = logging.getLogger("cometary")
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "handlers", [logging.StreamHandler(io.StringIO())])
    async with bystanding():
        for error in [*strange_errors(), deep_error()]:
            victim = kind.start()
            victim.tell(raising(error))
            assert (await victim.stopped()).error is error


# -- names, groups ----------------------------------------------------------------------------------


@WHAT
@KINDS
async def test_names_that_can_be_compared_no_more_harm_nobody(
    kind: type[Victim], what: type[BaseException]
) -> None:
    async with bystanding():
        victim, name = kind.start(), Fading(what)
        register(name, victim)
        register("plain", victim)
        name.fade()
        with pytest.raises(what):
            whereis(name)
        with pytest.raises(what):
            send(name, "x")
        unregister("plain")
        victim.kill()
        await wait_all_tasks_blocked()
        assert whereis("plain") is None
        register("plain", kind.start())


@WHAT
@KINDS
async def test_groups_that_can_be_compared_no_more_harm_nobody(
    kind: type[Victim], what: type[BaseException]
) -> None:
    async with bystanding() as bystander:
        victim, watcher, group = kind.start(), kind.start(), Fading(what)
        groups().monitor(group, watcher)
        groups().monitor_scope(watcher)
        groups().join(group, victim)
        groups().join("plain", victim, bystander)
        group.fade()
        victim.kill()
        await wait_all_tasks_blocked()
        assert groups().members("plain") == [bystander]
        assert groups().which_groups() == ["plain"]
        watcher.kill()


@WHAT
async def test_hostile_names_and_groups_are_their_callers_fault(what: type[BaseException]) -> None:
    async with bystanding() as bystander:
        for use in (
            lambda: register(hostile(what), bystander),
            lambda: whereis(hostile(what)),
            lambda: groups().join(hostile(what), bystander),
        ):
            with pytest.raises(what):
                use()  # type: ignore[no-untyped-call]


# -- callbacks --------------------------------------------------------------------------------------


@WHAT
@KINDS
async def test_a_callback_of_a_future_that_raises_harms_nobody(
    kind: type[Victim], what: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    async with bystanding():
        victim = kind.start()
        answer = victim.ask(lambda _: "answer")
        answer.add_done_callback(lambda: raising(what)(None))
        answers: list[str] = []

        async def wait() -> None:
            answers.append(await answer)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            nursery.start_soon(wait)
        assert answers == ["answer"] * 2
        assert victim.is_alive()
        answer.add_done_callback(lambda: raising(what)(None))
        assert caplog.text.count("A callback of a future raised") == 2


@WHAT
@KINDS
async def test_hostile_observers_and_hooks_of_sys_harm_nobody(
    kind: type[Victim], what: type[BaseException]
) -> None:
    class Broken(kind):  # type: ignore[misc, valid-type]
        def format_status(self) -> Any:
            raise what

    async with bystanding():
        victim: ActorRef[Any] = Broken.start()
        await sys.trace(victim, lambda _event: raising(what)(None))
        victim.tell(hostile(what))
        answer = victim.ask(lambda _actor: hostile(what))
        await answer.ready()
        told = LookupError if what is LookupError else StrayExitError
        with pytest.raises(told):
            await sys.get_status(victim)
        with pytest.raises(told):
            await sys.replace_state(victim, raising(what))
        assert victim.is_alive()


@WHAT
async def test_traces_show_hostile_messages(
    what: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    async with bystanding():
        victim = Victim.start()
        await sys.trace(victim)
        victim.tell(hostile(what))
        await wait_all_tasks_blocked()
        assert f"whose repr raised {what.__name__}" in capsys.readouterr().err


# -- logging ----------------------------------------------------------------------------------------


@WHAT
@KINDS
async def test_logging_that_raises_harms_nobody(kind: type[Victim], what: type[BaseException]) -> None:
    class Filter(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise what

    broken, logger = Filter(), logging.getLogger("cometary.actors")
    logger.addFilter(broken)
    set_redactor(raising(what))
    try:
        async with bystanding():
            victim = kind.start()
            victim.tell(raising(hostile_error(what)))
            await victim.stopped()
    finally:
        set_redactor(None)
        logger.removeFilter(broken)
