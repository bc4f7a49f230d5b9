"""What an application declares wrongly is refused where it is declared, by one line that says what to write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from cometary import App
from cometary.authentication import SignedToken
from cometary.errors import UsageError
from cometary.sessions import Session
from cometary.sessions.admission import admission_of

SECRET = "a secret of thirty-two characters"


def nothing() -> None: ...


async def nothing_later() -> None: ...


def two(one: object, other: object) -> None: ...


def one(value: object) -> bool:
    return True


async def one_later(value: object) -> None: ...


async def generate(value: object) -> AsyncIterator[bool]:
    yield True


Declare = Callable[[Any], object]


def refusal(declare: Declare, app: App) -> str:
    """The one line with which a declaration is refused."""
    with pytest.raises(UsageError) as refused:
        declare(app)
    assert "\n" not in str(refused.value)
    return str(refused.value)


WRONG: list[tuple[Declare, str | None]] = [
    (lambda app: app.signon(nothing), "@app.signon: write def nothing(session), not nothing()"),
    (
        lambda app: app.signon(generate),
        "@app.signon: write generate without yield: a call would run nothing of it",
    ),
    (lambda app: app.signon("chat/*"), "@app.signon takes a function, not a str"),
    (
        lambda app: app.signoff(one),
        "@app.signoff: write def one(session, reason, undelivered), not one(value)",
    ),
    (
        lambda app: app.packet("chat/*")(one),
        "@app.packet: write def one(session, path, message), not one(value)",
    ),
    (lambda app: app.packet("chat/*")(None), "@app.packet takes a function, not None"),
    (lambda app: app.receipt(two), "@app.receipt: write def two(receipt), not two(one, other)"),
    (
        lambda app: app.failure(nothing_later),
        "@app.failure: write async def nothing_later(failure), not nothing_later()",
    ),
    (lambda app: app.task(one), "@app.task: write async def one(running), with async, not one(value)"),
    (
        lambda app: app.task(nothing_later),
        "@app.task: write async def nothing_later(running), not nothing_later()",
    ),
    (
        lambda app: app.task(generate),
        "@app.task: write generate without yield: a call would run nothing of it",
    ),
    (lambda app: app.authenticate(nothing), "@app.authenticate: write def nothing(token), not nothing()"),
    (
        lambda app: app.authenticate(generate),
        "@app.authenticate: write generate without yield: a call would run nothing of it",
    ),
    (
        lambda app: app.authenticate(SignedToken),
        "@app.authenticate: write SignedToken(…), an object of the class, not SignedToken",
    ),
    (lambda app: app.authenticate(SECRET), "@app.authenticate takes a function, not a str"),
    (lambda app: app.path("a", key=one), "app.path(key=…): write def one(path, message), not one(value)"),
    (
        lambda app: app.files("static", "."),
        "app.files: write '/static/', with a slash at both ends, not 'static'",
    ),
    (lambda app: app.files("", "."), "app.files: write '/', with a slash at both ends, not ''"),
    (lambda app: app.files(Path("/"), "."), None),
    (
        lambda app: app.files("/", "no/such/place"),
        f"app.files: there is no directory {Path.cwd()}/no/such/place",
    ),
    (lambda app: app.files("/", __file__), f"app.files: there is no directory {__file__}"),
    (lambda app: app.files("/", None), "app.files: write the path of a directory, not None"),
]


@pytest.mark.parametrize(("declare", "message"), WRONG)
def test_a_wrong_declaration_is_refused(declare: Declare, message: str | None) -> None:
    app = App()
    said = refusal(declare, app)
    assert message is None or said == message
    assert not [
        *app.of_signon,
        *app.of_signoff,
        *app.of_receipt,
        *app.of_failure,
        *app.tasks,
        *app.directories,
    ]
    assert app.authenticator is None
    assert not app.accepts("chat/1")


def test_a_packet_handler_without_a_pattern_is_refused() -> None:
    said = refusal(lambda app: app.packet(two), App())
    assert said.startswith(
        '@app.packet: write @app.packet("PATTERN"), with the paths that the handler is for, not <function two'
    )


def test_a_wrong_authenticator_is_refused_by_the_constructor_too() -> None:
    said = refusal(lambda _: App(authenticate=cast("Any", nothing)), App())
    assert said == "App(authenticate=…): write def nothing(token), not nothing()"


@pytest.mark.parametrize("directory", [str, Path])
def test_the_directory_of_files_may_be_text_or_a_path(
    tmp_path: Path, directory: type[str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "public").mkdir()
    monkeypatch.chdir(tmp_path)
    app = App()
    app.files("/", directory("public"))
    assert app.directories == [("/", tmp_path / "public", False)]


@pytest.mark.parametrize("name", ["connect", "disconnect"])
@pytest.mark.parametrize("path", [["a"], ("a", "b"), 7, None, b"a"])
def test_a_session_is_connected_to_text(name: str, path: object) -> None:
    session = Session(cast("Any", None), cast("Any", None))
    with pytest.raises(UsageError) as refused:
        getattr(session, name)("news", path)
    assert str(refused.value) == (
        f'session.{name}: write session.{name}("news", "chat/*"), one text for each path, not {path!r}'
    )


@pytest.mark.parametrize("verdict", [generate(1), 1, "ada", object(), [True]])
def test_nobody_is_let_in_by_an_object_that_happens_to_be_true(verdict: Any) -> None:
    with pytest.raises(UsageError, match=f"not a {type(verdict).__name__}$"):
        admission_of(verdict)


def test_tasks_of_one_name_are_told_apart_by_a_number() -> None:
    from cometary.server.children import named  # noqa: PLC0415 - it brings the whole server along

    assert [name for name, _ in named([one_later, partial(one_later), one_later])] == [
        "one_later",
        "one_later-2",
        "one_later-3",
    ]
