"""Programs that type checkers have to refuse, in each line that ends with `# wrong`, and in no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from cometary import App, Connector, Packet, Session
from cometary.authentication import SignedToken
from cometary.fsm import (
    Call,
    State,
    StateMachine,
    Step,
    TimedOut,
    enter,
    event_timeout,
    on,
    state_timeout,
    stay,
    timeout,
)
from cometary.server import Running
from cometary.sessions import Failure, Receipt

app = App()

# -- right ---------------------------------------------------------------------------------


@app.signon
def right_signon(session: Session) -> None: ...


@app.signon
async def right_signon_later(session: Session, more: int = 1) -> None: ...


@app.signoff
def right_signoff(session: Session, reason: str, undelivered: Sequence[Packet]) -> None: ...


@app.packet("chat/*")
def right_packet(session: Session, path: str, message: object) -> None: ...


@app.packet("chat/*")
async def right_packet_later(_session: Session, _path: str, message: dict[str, Any]) -> None: ...


@app.packet("chat/*")
def right_with_anything(*_: object) -> None: ...


@app.receipt
def right_receipt(receipt: Receipt) -> None: ...


@app.failure
async def right_failure(failure: Failure) -> None: ...


@app.authenticate
async def right_authenticator(token: object) -> bool:
    return token == "right"


@app.task
async def right_task(running: Running) -> None: ...


class Right:
    def __init__(self) -> None:
        app.signon(self.joined)
        app.signoff(self)

    def joined(self, session: Session) -> None:
        session.connect("news", "chat/*")

    async def __call__(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> None: ...


app.files("/", Path())
app.files("/", ".")
app.authenticate(SignedToken("x" * 32))

# -- wrong ---------------------------------------------------------------------------------


@app.signon  # wrong
def signon_without() -> None: ...


@app.signon  # wrong
async def signon_with_two(session: Session, path: str) -> None: ...


@app.signon  # wrong
async def signon_that_yields(session: Session) -> AsyncIterator[int]:
    yield 1


@app.signon  # wrong
def signon_of_something_else(session: Packet) -> None: ...


@app.signoff  # wrong
def signoff_with_one(session: Session) -> None: ...


@app.signoff  # wrong
def signoff_in_another_order(reason: str, session: Session, undelivered: Sequence[Packet]) -> None: ...


@app.packet("chat/*")  # wrong
def packet_with_one(session: Session) -> None: ...


@app.packet("chat/*")  # wrong
async def packet_with_two(session: Session, message: object) -> None: ...


@app.packet  # wrong
def packet_without_a_pattern(session: Session, path: str, message: object) -> None: ...


@app.receipt  # wrong
def receipt_with_two(session: Session, receipt: Receipt) -> None: ...


@app.failure  # wrong
async def failure_without() -> None: ...


@app.authenticate  # wrong
def authenticator_without() -> bool:
    return True


@app.authenticate  # wrong
async def authenticator_that_yields(token: object) -> AsyncIterator[bool]:
    yield True


@app.task  # wrong
def plain_task(running: Running) -> None: ...


@app.task  # wrong
async def task_without() -> None: ...


def one(value: object) -> str:
    return str(value)


def connect(session: Session, connector: Connector) -> None:
    session.connect(["news"])  # wrong
    session.disconnect(["news"])  # wrong
    session.connect(7)  # wrong
    connector.update(["news"])  # wrong
    connector.connect(session.sid, 7)  # wrong


app.files(7, ".")  # wrong
app.files("/", 7)  # wrong
app.path("news", key=one)  # wrong
app.path("news", when_full=7)  # wrong
App(authenticate=SignedToken)  # wrong
App(authenticate="secret")  # wrong


class Machine(StateMachine):
    idle = State("waits", initial=True)

    @on(idle, str)
    def right(self, event: str) -> Step:
        return stay()

    @on(idle, bool)
    def wider(self, event: int) -> None: ...

    @on(idle, Call[str])
    def asked(self, event: Call[str]) -> Step:
        return self.right(event.message)

    @on(idle, (Call[int], timeout("nap")))
    def either(self, event: Call[int] | TimedOut) -> None: ...

    @on(idle, event_timeout)
    @on(idle, tuple)
    def twice(self, event: TimedOut | tuple[int, ...]) -> None: ...

    @on(idle, (complex, range, slice))
    def three_are_not_looked_at(self, event: Any) -> None: ...

    @on(idle, int)  # wrong
    def without_event(self) -> Step:
        return stay()

    @on(idle, float)  # wrong
    async def later(self, event: float) -> Step:
        return stay()

    @on(idle, bytes)  # wrong
    def another_event(self, event: str) -> Step:
        return stay()

    @on(idle, Call[bytes])  # wrong
    def not_the_call(self, event: bytes) -> Step:
        return stay()

    @on(idle, state_timeout)  # wrong
    def not_the_time_out(self, event: float) -> Step:
        return stay()

    @on(idle, (list, Call[list[int]]))  # wrong
    def one_of_two(self, event: list[int]) -> Step:
        return stay()

    @on(idle, (set, timeout("nap")))  # wrong
    def not_the_nap(self, event: set[int]) -> Step:
        return stay()

    @on(idle, 7)  # wrong
    def no_event(self, event: int) -> Step:
        return stay()

    @enter(idle)  # wrong
    def entered(self) -> None: ...

    @enter(idle)  # wrong
    def entered_with(self, came_from: str) -> None: ...
