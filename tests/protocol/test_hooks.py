"""Hooks of the application are called once each and in order, whatever crashes, is slow, or restarts meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from cometary.app import App
from cometary.errors import ActorEndedError, SabotageError
from cometary.sessions import Failure, Packet, Receipt, Session
from cometary.sessions.supervisor import CRASHES, PERIOD
from tests.protocol.client import serving


class CrashError(Exception):
    """What the handlers of these tests raise."""


class Diary:
    """An application that notes every call of a hook, and then does what the test wants.

    Args:
        crashing: the calls that raise, such as `signon`, `packet 2` or `failure packet 2`.
        slow: whether handlers are async, and take a while.
    """

    def __init__(self, *crashing: str, slow: bool = False) -> None:
        self.app = App()
        self.calls: list[str] = []
        self.failures: list[Failure] = []
        self.crashing = crashing
        self._note: Callable[[str], Awaitable[None] | None] = (
            self._note_slowly if slow else self._note_at_once
        )
        self.app.signon(self._signed_on)
        self.app.packet("**")(self._received)
        self.app.signoff(self._signed_off)
        self.app.receipt(self._receipt)
        self.app.failure(self._failed)

    def _signed_on(self, _session: Session) -> Awaitable[None] | None:
        return self._note("signon")

    def _received(self, _session: Session, _path: str, message: object) -> Awaitable[None] | None:
        return self._note(f"packet {message}")

    def _signed_off(
        self, _session: Session, reason: str, _undelivered: Sequence[Packet]
    ) -> Awaitable[None] | None:
        return self._note(f"signoff {reason}")

    def _receipt(self, receipt: Receipt) -> Awaitable[None] | None:
        return self._note(f"receipt {receipt.id}")

    def _failed(self, failure: Failure) -> Awaitable[None] | None:
        self.failures.append(failure)
        error = failure.error.args[0] if isinstance(failure.error, CrashError) else failure.hook
        return self._note(f"failure {error}")

    def _note_at_once(self, call: str) -> None:
        self.calls.append(call)
        if call in self.crashing:
            raise CrashError(call)

    async def _note_slowly(self, call: str) -> None:
        self.calls.append(call)
        await trio.lowlevel.checkpoint()
        if call in self.crashing:
            raise CrashError(call)


@pytest.fixture(params=[False, True], ids=["plain", "async"])
def slow(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_a_failure_comes_right_after_its_call_with_all_that_it_had(slow: bool) -> None:
    diary = Diary("signon", "packet 2", "signoff closed", slow=slow)
    async with serving(diary.app) as world:
        client = await world.open()
        await client.hold(("a", 1), ("b/c", 2), ("a", 3))
        await client.ask(close=True)
        await world.settle()
    assert diary.calls == [
        "signon",
        "failure signon",
        "packet 1",
        "packet 2",
        "failure packet 2",
        "packet 3",
        "signoff closed",
        "failure signoff closed",
    ]
    signon, packet, signoff = diary.failures
    assert packet.packet is not None
    assert (packet.packet.path, packet.packet.message) == ("b/c", 2)
    assert signon.session is not None
    assert [failure.hook for failure in diary.failures] == ["signon", "packet", "signoff"]
    assert signoff.reason == "closed"


async def test_what_a_sign_off_that_crashed_was_given_is_in_its_failure(slow: bool) -> None:
    diary = Diary("signoff closed", slow=slow)
    sessions: list[Session] = []
    diary.app.signon(sessions.append)
    async with serving(diary.app) as world:
        client = await world.open()
        sessions[0].send("a", "undelivered")
        await client.ask(close=True)
        await world.settle()
    assert [packet.message for packet in diary.failures[0].undelivered] == ["undelivered"]


async def test_the_session_goes_on_unless_the_application_ends_it() -> None:
    diary = Diary("packet 1", "packet 2")

    @diary.app.failure
    def end(failure: Failure) -> None:
        if failure.packet is not None and failure.packet.message == 2 and failure.session is not None:
            failure.session.kick()

    async with serving(diary.app) as world:
        client = await world.open()
        await client.hold(("a", 1))
        await client.hold(("a", 2))
        await world.settle()
    assert diary.calls[-1] == "signoff kicked"
    assert diary.calls.count("failure packet 1") == 1


async def test_the_sender_can_be_told() -> None:
    diary = Diary("packet 1")

    @diary.app.failure
    def tell(failure: Failure) -> None:
        assert failure.session is not None
        assert failure.packet is not None
        failure.session.send("failed", failure.packet.message)

    async with serving(diary.app) as world:
        client = await world.open()
        await client.hold(("a", 1))
        assert await client.poll() == [1]


async def test_the_sender_is_told_if_it_asked_and_of_nothing_else(slow: bool) -> None:
    diary = Diary("packet 1", "packet 3", slow=slow)
    async with serving(diary.app) as world:
        client = await world.open()
        packets = [{"path": "a", "message": number, "receipt": f"my {number}"} for number in (1, 2)]
        await client.hold(packets=[*packets, {"path": "a", "message": 3}])
        assert await client.poll() == [{"receipt": "my 1", "path": "a"}]
        assert (await client.ask(close=True)).packets == []


async def test_what_tells_of_a_failure_is_not_among_the_undelivered() -> None:
    diary = Diary("packet 1")
    left: list[Packet] = []

    @diary.app.signoff
    def end(_session: Session, _reason: str, undelivered: Sequence[Packet]) -> None:
        left.extend(undelivered)

    async with serving(diary.app) as world:
        client = await world.open()
        await client.hold(packets=[{"path": "a", "message": 1, "receipt": "mine"}])
        await client.ask(close=True)
        await world.settle()
    assert diary.calls[-1] == "signoff closed"
    assert left == []


@pytest.mark.parametrize("receipt", ["", "x" * 257, 7, None])
async def test_a_receipt_is_text_of_a_bounded_length(receipt: object) -> None:
    diary = Diary()
    async with serving(diary.app) as world:
        client = await world.open()
        answer = await client.ask(packets=[{"path": "a", "message": 1, "receipt": receipt}])
    assert (answer.status, answer.body["error"]) == (400, "bad-request")
    assert diary.calls == ["signon"]


async def test_a_failure_handler_that_crashes_is_not_called_again(slow: bool) -> None:
    diary = Diary("packet 1", "failure packet 1", slow=slow)
    async with serving(diary.app) as world:
        client = await world.open()
        await client.hold(("a", 1), ("a", 2))
        await world.settle()
    assert diary.calls[:4] == ["signon", "packet 1", "failure packet 1", "packet 2"]


async def test_the_last_failure_of_a_session_that_crashes_too_often_is_told_too(slow: bool) -> None:
    diary = Diary(*[f"packet {number}" for number in range(CRASHES + 1)], slow=slow)
    async with serving(diary.app) as world:
        client = await world.open()
        await client.hold(*[("a", number) for number in range(CRASHES + 2)])
        await world.settle()
    expected = [
        call for number in range(CRASHES + 1) for call in (f"packet {number}", f"failure packet {number}")
    ]
    assert diary.calls == ["signon", *expected, "signoff failed"]


async def test_a_sign_off_whose_failures_crash_over_and_over_is_called_once(slow: bool) -> None:
    crashing = [f"packet {number}" for number in range(CRASHES)]
    diary = Diary(*crashing, "signoff failed", "failure signoff failed", "packet 3", slow=slow)
    async with serving(diary.app) as world:
        client = await world.open()
        await client.hold(*[("a", number) for number in range(CRASHES + 1)])
        await world.settle()
    assert diary.calls[-2:] == ["signoff failed", "failure signoff failed"]
    assert diary.calls.count("signoff failed") == 1


async def test_a_handler_that_is_interrupted_has_failed() -> None:
    app = App()
    failures: list[Failure] = []
    app.failure(failures.append)

    @app.packet("slow")
    async def wait(_session: Session, _path: str, _message: object) -> None:
        await trio.sleep_forever()

    async with serving(app) as world:
        client = await world.open()
        await client.hold(("slow", "poison"))
        (keeper,) = world.running._manager.directory
        keeper.ref.actor_inbox.fail(SabotageError("crashed on request"), None)
        await world.settle()
        assert [failure.hook for failure in failures] == ["packet"]
        assert isinstance(failures[0].error, ActorEndedError)
        assert "SabotageError" in str(failures[0].error)
        assert failures[0].packet is not None
        assert failures[0].packet.message == "poison"


async def test_of_several_handlers_each_is_called_also_when_one_before_it_raises(slow: bool) -> None:
    diary = Diary("signon", "signoff closed", slow=slow)
    others: list[str] = []

    def signed_on(_session: Session) -> None:
        others.append("signon")

    def signed_off(*_: object) -> None:
        others.append("signoff")

    diary.app.signon(signed_on)
    diary.app.signoff(signed_off)
    async with serving(diary.app) as world:
        client = await world.open()
        await client.ask(close=True)
        await world.settle()
    assert others == ["signon", "signoff"]


async def test_the_failure_of_a_receipt_comes_before_the_next_receipt(
    slow: bool, mock_clock: MockClock
) -> None:
    diary = Diary("receipt one", slow=slow)
    async with serving(diary.app) as world:
        diary.app.update("nowhere", 1, receipt="one")
        diary.app.update("nowhere", 2, receipt="two")
        await world.settle()
        await world.pass_time(mock_clock, 1)
    assert diary.calls == ["receipt one", "failure receipt one", "receipt two"]
    assert diary.failures[0].receipt == Receipt("one", "routed", "nowhere", sessions=0)


async def test_a_stop_waits_for_a_sign_off_that_began_before(mock_clock: MockClock) -> None:
    app = App()
    signed_off = trio.Event()
    sessions: list[Session] = []
    app.signon(sessions.append)

    @app.signoff
    async def left(_session: Session, _reason: str, _undelivered: Sequence[Packet]) -> None:
        await trio.sleep(1)
        signed_off.set()

    async with serving(app) as world:
        await world.open()
        sessions[0].kick()
        await world.settle()
        world.running.stop()
        await world.pass_time(mock_clock, 2)
        assert signed_off.is_set()


async def test_sign_offs_outlive_the_supervisor_of_sessions() -> None:
    diary = Diary()

    @diary.app.packet("wait")
    async def wait(*_: object) -> None:  # when the other handler has noted the packet
        await trio.sleep_forever()

    async with serving(diary.app) as world:
        client = await world.open()
        await client.hold(("wait", 1))
        await client.ask(close=True)
        supervisor = world.running._manager._supervisor
        assert supervisor is not None
        supervisor.actor_ref.actor_inbox.fail(SabotageError("the supervisor"), None)
        await world.settle()
        assert diary.calls == ["signon", "packet 1", "failure packet", "signoff closed"]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12), st.booleans())
@example([(False, True)] * 12, False)  # which takes longer than a connection may be idle
def test_in_any_history_of_crashes_hooks_come_once_and_in_order(
    history: list[tuple[bool, bool]], slow: bool
) -> None:
    """Of each packet it is said whether it crashes its handler, and whether a request ends with it."""
    poison = [is_poison for is_poison, _ in history]
    crashing = [f"packet {number}" for number, is_poison in enumerate(poison) if is_poison]
    diary = Diary(*crashing, slow=slow)

    clock = MockClock()

    async def live() -> None:
        async with serving(diary.app) as world:
            client = await world.open()
            batch: list[tuple[str, object]] = []
            for number, (_, is_last) in enumerate(history):
                batch.append(("a", number))
                if is_last or number == len(history) - 1:
                    await client.hold(*batch)
                    await world.pass_time(clock, PERIOD + 1)
                    batch = []
            await client.hold(close=True)
            await world.settle()

    trio.run(live, clock=clock)
    expected: list[str] = []
    for number, is_poison in enumerate(poison):
        expected += [f"packet {number}", f"failure packet {number}"] if is_poison else [f"packet {number}"]
    heard = diary.calls[1:-1]
    assert (diary.calls[0], heard) == ("signon", expected[: len(heard)])
    assert diary.calls[-1] in ("signoff closed", "signoff failed")
    if diary.calls[-1] == "signoff closed":
        assert heard == expected
