"""Whether a function can be called as it will be, and what is said if it cannot."""

# pyright: reportUnknownLambdaType=false
# Lambdas without types are what is looked at here.

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from cometary.declarations import check_async, check_handler
from cometary.errors import UsageError

PARAMETERS = ("session", "path", "message")


def three(session: object, path: object, message: object) -> None: ...


async def three_later(session: object, path: object, message: object) -> None: ...


def one(session: object) -> None: ...


async def one_later(session: object) -> None: ...


def four(session: object, path: object, message: object, more: object) -> None: ...


def with_a_default(session: object, path: object, message: object, more: object = 1) -> None: ...


def anything(*_: object, **__: object) -> None: ...


def by_name_alone(session: object, path: object, *, message: object) -> None: ...


async def generate_later(session: object, path: object, message: object) -> AsyncIterator[int]:
    yield 1


def generate(session: object, path: object, message: object) -> Iterator[int]:
    yield 1


class Part:
    def three(self, session: object, path: object, message: object) -> None: ...

    async def one_later(self, session: object) -> None: ...

    async def run(self, running: object) -> None: ...

    @staticmethod
    def static(session: object, path: object, message: object) -> None: ...

    @classmethod
    def of_class(cls, session: object, path: object, message: object) -> None: ...


class Whole:
    def __call__(self, session: object, path: object, message: object) -> None: ...


class Short:
    def __call__(self, session: object) -> None: ...


class Generating:
    def __call__(self, session: object, path: object, message: object) -> Iterator[int]:
        yield 1


def supplied(function: Callable[..., None]) -> Callable[..., None]:
    """A decorator after which a function is called with one argument less than it has parameters."""

    @functools.wraps(function)
    def call(*args: Any) -> None:
        function(*args, "supplied")

    return call


TAKEN: list[Any] = [
    three,
    three_later,
    with_a_default,
    anything,
    lambda *_: None,
    lambda session, path, message: None,
    Part().three,
    Part().static,
    Part().of_class,
    Part.static,
    Whole(),
    partial(four, more=1),
    partial(four, 1),
    partial(Part().three),
    supplied(four),
    print,
    max,  # its signature nobody knows
]


@pytest.mark.parametrize("function", TAKEN)
def test_what_can_be_called_so_is_taken(function: object) -> None:
    check_handler("@here", function, *PARAMETERS)


REFUSED: list[tuple[Any, str]] = [
    (one, "@here: write def one(session, path, message), not one(session)"),
    (one_later, "@here: write async def one_later(session, path, message), not one_later(session)"),
    (four, "@here: write def four(session, path, message), not four(session, path, message, more)"),
    (
        by_name_alone,
        "@here: write def by_name_alone(session, path, message), not by_name_alone(session, path, message)",
    ),
    (
        lambda session, **_: None,
        "@here: write lambda session, path, message: …, not <lambda>(session, **_)",
    ),
    (
        Part().one_later,
        "@here: write async def one_later(self, session, path, message), not one_later(self, session)",
    ),
    (
        Part.three,
        "@here: write def three(session, path, message), not three(self, session, path, message)",
    ),
    (Short(), "@here: write a function of (session, path, message), not Short(session)"),
    (partial(three, 1), "@here: write a function of (session, path, message), not three(path, message)"),
    (list[object]().append, "@here: write a function of (session, path, message), not append(object)"),
    (None, "@here takes a function, not None"),
    ("chat/*", "@here takes a function, not a str"),
    (generate, "@here: write generate without yield: a call would run nothing of it"),
    (generate_later, "@here: write generate_later without yield: a call would run nothing of it"),
    (partial(generate), "@here: write generate without yield: a call would run nothing of it"),
    (Generating(), "@here: write Generating without yield: a call would run nothing of it"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_what_cannot_is_refused_by_one_line_that_says_what_to_write(function: object, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_handler("@here", function, *PARAMETERS)
    assert str(refused.value) == message


def awaitable(running: object) -> Awaitable[None]:
    return one_later(running)


class Task:
    def __call__(self, running: object) -> Awaitable[None]:
        return one_later(running)


@pytest.mark.parametrize("function", [one_later, Part().run, partial(one_later), Task()])
def test_an_async_function_is_taken_as_one(function: object) -> None:
    check_async("@here", function, "running")


PLAIN: list[tuple[Any, str]] = [
    (one, "@here: write async def one(running), with async, not one(session)"),
    (lambda _running: None, "@here: write async def name(running), with async, not <lambda>(_running)"),
    (partial(one), "@here: write an async function of (running), with async, not one(session)"),
    (Part().three, "@here: write def three(self, running), not three(self, session, path, message)"),
    (awaitable, "@here: write async def awaitable(running), with async, not awaitable(running)"),
]


@pytest.mark.parametrize(("function", "message"), PLAIN)
def test_a_plain_function_is_not_one(function: object, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_async("@here", function, "running")
    assert str(refused.value) == message
