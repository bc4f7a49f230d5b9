"""The application object: what a user declares, and what is called when."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import trio

from cometary.app import App
from cometary.app.handlers import MOST_REMEMBERED_PATHS
from cometary.errors import PatternError, UsageError
from cometary.sessions import Packet, Session

SESSION = cast("Session", object())
"""Handlers are given whatever the server hands in; these look at it no further."""


def nothing(*_: object) -> None:
    """A handler that does nothing."""


def noting(calls: list[str], name: str) -> Callable[..., None]:
    """A plain handler that notes that it was called."""

    def handler(*_: object) -> None:
        calls.append(name)

    return handler


def noting_slowly(calls: list[str], name: str) -> Callable[..., Awaitable[None]]:
    """An async handler that notes when it begins and when it ends."""

    async def handler(*_: object) -> None:
        calls.append(f"{name} begins")
        await trio.lowlevel.checkpoint()
        calls.append(f"{name} ends")

    return handler


async def finish(outcome: Awaitable[object] | None) -> None:
    """Wait for what may remain to be awaited."""
    if outcome is not None:
        await outcome


def test_decorators_return_the_handler_itself() -> None:
    app = App()

    def handler(*_: object) -> None:
        return None

    def authenticator(_: object) -> bool:
        return True

    assert app.signon(handler) is handler
    assert app.signoff(handler) is handler
    assert app.packet("a")(handler) is handler
    assert app.authenticate(authenticator) is authenticator
    assert app.authenticator is authenticator


@pytest.mark.parametrize("pattern", ["", "a*", "**/a", "a\nb"])
def test_a_wrong_pattern_is_refused_where_it_is_declared(pattern: str) -> None:
    with pytest.raises(PatternError):
        App().packet(pattern)


def test_a_path_is_accepted_if_there_is_a_handler() -> None:
    app = App()
    assert not app.accepts("chat/1")
    app.packet("chat/*")(nothing)
    assert app.accepts("chat/1")
    assert not app.accepts("chat")
    assert not app.accepts("chat/1/2")


def test_a_handler_that_is_declared_later_counts_for_paths_seen_before() -> None:
    app = App()
    calls: list[str] = []
    app.packet("a")(noting(calls, "first"))
    app.received(SESSION, Packet("a"))
    app.packet("**")(noting(calls, "second"))
    app.received(SESSION, Packet("a"))
    assert calls == ["first", "first", "second"]


def test_only_so_many_paths_are_remembered() -> None:
    app = App()
    app.packet("**")(nothing)
    for number in range(3 * MOST_REMEMBERED_PATHS):
        assert app.accepts(str(number))
        assert len(app._remembered) <= MOST_REMEMBERED_PATHS


def test_plain_handlers_have_run_when_the_call_returns() -> None:
    app = App()
    calls: list[tuple[object, ...]] = []

    def note(*args: object) -> None:
        calls.append(args)

    app.signon(note)
    app.packet("a")(note)
    app.signoff(note)
    packet = Packet("a", 1)
    assert app.signed_on(SESSION) is None
    assert app.received(SESSION, packet) is None
    assert app.signed_off(SESSION, "closed", [packet]) is None
    assert calls == [(SESSION,), (SESSION, "a", 1), (SESSION, "closed", [packet])]


async def test_handlers_are_called_one_after_the_other_plain_or_async() -> None:
    app = App()
    calls: list[str] = []

    app.signon(noting(calls, "1"))
    app.signon(noting_slowly(calls, "2"))
    app.signon(noting(calls, "3"))
    app.signon(noting_slowly(calls, "4"))
    app.signon(noting(calls, "5"))
    outcome = app.signed_on(SESSION)
    assert calls == ["1"]
    await finish(outcome)
    assert calls == ["1", "2 begins", "2 ends", "3", "4 begins", "4 ends", "5"]


async def test_a_packet_handler_that_raises_keeps_the_others_from_being_called() -> None:
    app = App()
    calls: list[str] = []

    @app.packet("**")
    async def fail(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    app.packet("a")(noting(calls, "never"))
    with pytest.raises(ZeroDivisionError):
        await finish(app.received(SESSION, Packet("a")))
    assert calls == []
    gc.collect()  # what was never awaited would warn now


@pytest.mark.parametrize("make", [noting, noting_slowly])
async def test_a_hook_that_raises_keeps_no_other_from_being_called(
    make: Callable[[list[str], str], Callable[..., Awaitable[None] | None]],
) -> None:
    app = App()
    calls: list[str] = []

    @app.signon
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    app.signon(make(calls, "first"))
    app.signon(fail)

    @app.signon
    async def fail_later(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError

    app.signon(make(calls, "last"))
    with pytest.raises(ExceptionGroup) as raised:
        await finish(app.signed_on(SESSION))
    assert [type(error) for error in raised.value.exceptions] == [
        ZeroDivisionError,
        ZeroDivisionError,
        LookupError,
    ]
    assert calls[0].startswith("first")
    assert calls[-1].startswith("last")


def test_without_a_server_there_is_nobody_to_update() -> None:
    with pytest.raises(UsageError, match="no server runs this application"):
        App().update("news", 1)


@pytest.mark.parametrize("path", ["", "a\0b", 7, b"news"])
def test_there_is_no_update_of_what_is_no_path(path: Any) -> None:
    with pytest.raises(UsageError, match=r"(?i)a path"):
        App().update(path, 1)


def test_without_handlers_nothing_happens() -> None:
    app = App()
    assert app.signed_on(SESSION) is None
    assert app.signed_off(SESSION, "closed", []) is None
