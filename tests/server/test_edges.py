"""Whatever the application's code raises, `Exception` or not, crashes its own part of the server and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from cometary import App, Failure, Session
from cometary.authentication.served import ServedAuthenticator
from cometary.sessions import Applicant
from cometary.transport.codecs import cbor
from tests.protocol.client import serving

WHAT = pytest.mark.parametrize(
    "what",
    [LookupError, SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError],
    ids=lambda kind: kind.__name__,
)
Handler = Callable[..., Awaitable[object] | None]


def plain(what: type[BaseException]) -> Handler:
    def handler(*_: object) -> None:
        raise what

    return handler


def slow(what: type[BaseException]) -> Handler:
    async def handler(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise what

    return handler


MAKERS = pytest.mark.parametrize("make", [plain, slow], ids=["def", "async def"])


def echo(session: Session, path: str, message: object) -> None:
    session.send(path, message)


def connecting(path: str) -> Callable[[Session], None]:
    def connect(session: Session) -> None:
        session.connect(path)

    return connect


def application() -> tuple[App, list[Failure]]:
    """An application that echoes, and keeps the failures that it hears of."""
    app, failures = App(), list[Failure]()
    app.packet("echo")(echo)
    app.failure(failures.append)
    return app, failures


@WHAT
@MAKERS
async def test_a_packet_handler_crashes_its_session_s_actor_and_is_reported(
    make: Callable[[Any], Handler], what: type[BaseException]
) -> None:
    app, failures = application()
    app.packet("bad")(make(what))
    async with serving(app) as world:
        bystander, client = await world.open(), await world.open()
        assert await client.poll(("bad", 1), ("echo", "behind")) == ["behind"]
        (failure,) = failures
        assert (failure.hook, type(failure.error)) == ("packet", what)
        assert await bystander.poll(("echo", "well")) == ["well"]


@WHAT
@MAKERS
async def test_a_sign_on_a_sign_off_and_a_failure_handler_reach_the_others(
    make: Callable[[Any], Handler], what: type[BaseException]
) -> None:
    app, failures = application()
    told: list[str] = []
    for hook in (app.signon, app.signoff, app.failure):
        hook(make(what))

    def joined(_session: Session) -> None:
        told.append("signon")

    def left(_session: Session, reason: str, _undelivered: object) -> None:
        told.append(reason)

    app.signon(joined)
    app.signoff(left)
    async with serving(app) as world:
        bystander, client = await world.open(), await world.open()
        assert (await client.ask(close=True)).status == 200
        await world.settle()
        assert told == ["signon", "signon", "closed"]
        assert sorted(failure.hook for failure in failures) == ["signoff", "signon", "signon"]
        assert {type(failure.error) for failure in failures} == {what}
        assert await bystander.poll(("echo", "well")) == ["well"]


@WHAT
@MAKERS
async def test_a_receipt_handler_is_reported_and_called_again(
    make: Callable[[Any], Handler], what: type[BaseException]
) -> None:
    app, failures = application()
    app.receipt(make(what))
    told = trio.Event()

    def tell(_failure: Failure) -> None:
        told.set()

    app.failure(tell)
    async with serving(app) as world:
        bystander = await world.open()
        app.update("nobody", 1, receipt="first")
        with trio.fail_after(30):
            await told.wait()
        assert (failures[0].hook, type(failures[0].error)) == ("receipt", what)
        assert await bystander.poll(("echo", "well")) == ["well"]


@WHAT
async def test_a_task_is_started_again(what: type[BaseException]) -> None:
    app, _ = application()
    again = trio.Event()
    lives: list[int] = []

    @app.task
    async def leaving(_running: object) -> None:
        lives.append(1)
        if len(lives) == 1:
            raise what
        again.set()
        await trio.sleep_forever()

    async with serving(app) as world:
        bystander = await world.open()
        with trio.fail_after(30):
            await again.wait()
        assert await bystander.poll(("echo", "well")) == ["well"]


@WHAT
@MAKERS
async def test_an_authenticator_refuses_that_one_client(
    make: Callable[[Any], Handler], what: type[BaseException]
) -> None:
    app, _ = application()
    broken = make(what)

    def judge(token: object) -> Any:
        return True if token == "good" else broken(token)

    app.authenticate(judge)
    async with serving(app) as world:
        bystander = await world.open(token="good")
        connection = await world.connect()
        answer = await connection.ask({"rid": 1, "token": "bad"})
        assert (answer.status, answer.body["error"]) == (500, "internal-error")
        assert await bystander.poll(("echo", "well")) == ["well"]


@WHAT
async def test_a_served_authenticator_is_started_again(what: type[BaseException]) -> None:
    lives: list[int] = []

    class Authenticator(ServedAuthenticator):
        def judge(self, applicant: Applicant) -> bool:
            return True

        async def run(self, *, task_status: trio.TaskStatus[object]) -> None:
            lives.append(1)
            task_status.started()
            if len(lives) == 1:
                raise what
            again.set()
            await trio.sleep_forever()

    again = trio.Event()
    app = App(authenticate=Authenticator())
    async with serving(app) as world:
        with trio.fail_after(30):
            await again.wait()
        await world.open()


@WHAT
async def test_a_key_function_and_a_message_harm_only_who_sends_them(what: type[BaseException]) -> None:
    def key(_path: str, message: object) -> object:
        if message == "bad":
            raise what
        return Odd(what)

    app, failures = application()
    app.path("keyed", when_full="conflate", key=key)

    def send(_session: Session, _path: str, message: object) -> None:
        app.update("keyed", message)

    app.packet("send")(send)
    app.signon(connecting("keyed"))
    async with serving(app) as world:
        bystander, sender = await world.open(), await world.open()
        await sender.hold(("send", "bad"))
        assert [type(failure.error) for failure in failures] == [what]
        await sender.hold(("send", 1), ("send", 2))
        assert await bystander.poll() == [1, 2]
        assert len(failures) == 1


class Odd:
    """A key that can be hashed and not compared."""

    def __init__(self, what: type[BaseException]) -> None:
        self._what = what

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise self._what


async def test_a_message_that_can_be_encoded_no_more_reaches_all_as_it_was_sent() -> None:
    app, failures = application()
    app.signon(connecting("news"))
    message: dict[str, object] = {"items": [1]}
    async with serving(app) as world:
        bystander, client = await world.open(), await world.open(cbor)
        app.update("news", message)
        message["items"] = [object()]
        assert await bystander.poll() == [{"items": [1]}]
        assert await client.poll() == [{"items": [1]}]
        assert not failures
