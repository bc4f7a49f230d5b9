"""Tracebacks that become text when they are read."""

from __future__ import annotations

import gc
import linecache
import pickle
import signal
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from cometary.supervision.traceback_text import MANY, TracebackText


class Secret:
    """What an actor has in its variables."""


def fail() -> None:
    raise LookupError("as told")


def fail_because() -> None:
    try:
        fail()
    except LookupError as error:
        raise RuntimeError("because of that") from error


def fail_meanwhile() -> None:
    try:
        fail()
    except LookupError:
        int("nothing")


def fail_quietly() -> None:
    try:
        fail()
    except LookupError:
        raise RuntimeError("that is no matter") from None


def fail_together() -> None:
    failures: list[Exception] = []
    for each in (fail, fail_because):
        try:
            each()
        except Exception as error:  # noqa: BLE001 - whatever it is
            failures.append(error)
    raise ExceptionGroup("several", failures)


def fail_deeply(depth: int = 20 * MANY) -> None:
    if depth:
        fail_deeply(depth - 1)
    fail()


def fail_by_a_slip() -> None:
    number = 1
    _ = numbr + number  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]


def fail_at_an_attribute() -> None:
    "text".uper()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def fail_in_a_part_of_a_line() -> None:
    _ = 1 + len(["one"].pop(1))


def because_of(failing: Callable[[], None], kind: str) -> None:
    """Fail because of that, or while that is handled, or in spite of it, or with that in a group."""
    try:
        failing()
    except LookupError as error:
        if kind == "group":
            raise ExceptionGroup("one", [error]) from None
        if kind == "cause":
            raise RuntimeError from error
        if kind == "quiet":
            raise RuntimeError from None
        int("nothing")


def fail_to_read() -> None:
    compile("for", "nowhere", "exec")


def error_of(failing: Callable[[], None]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any
        failing()
    return caught.value


@pytest.mark.parametrize(
    "failing",
    [
        fail,
        fail_because,
        fail_meanwhile,
        fail_quietly,
        fail_together,
        fail_deeply,
        fail_by_a_slip,
        fail_at_an_attribute,
        fail_to_read,
        fail_in_a_part_of_a_line,
    ],
)
def test_the_text_is_pythons_own(failing: Callable[[], None]) -> None:
    error = error_of(failing)
    expected = "".join(traceback.format_exception(error))
    text = TracebackText(error)
    assert str(text) == expected
    assert str(text) == expected, "also when it is read again"


@pytest.mark.parametrize("failing", [fail, fail_because, fail_meanwhile, fail_quietly, fail_by_a_slip])
def test_no_line_is_looked_up_before_it_is_read(
    failing: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    error, looked_up = error_of(failing), list[object]()

    def getline(*args: object) -> str:
        looked_up.append(args)
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(linecache, "getline", getline)
        text = TracebackText(error)
    assert looked_up == []
    assert str(text) == "".join(traceback.format_exception(error))


def test_what_was_in_the_variables_is_not_kept() -> None:
    kept: list[weakref.ref[Secret]] = []

    def fail_with_a_secret() -> None:
        secret = Secret()
        kept.append(weakref.ref(secret))
        fail()

    def take_down() -> TracebackText:
        try:
            fail_with_a_secret()
        except LookupError as error:
            return TracebackText(error)
        raise AssertionError

    text = take_down()
    gc.collect()
    assert kept[0]() is None
    assert "fail_with_a_secret" in str(text)


@pytest.mark.parametrize("failing", [fail_deeply, fail_together])
def test_few_frames_are_kept(failing: Callable[[], None]) -> None:
    texts = [TracebackText(error_of(failing)) for _ in range(10)]
    gc.collect()
    frames = [each for each in gc.get_objects() if isinstance(each, traceback.FrameSummary)]
    assert len(frames) <= len(texts) * MANY


@pytest.mark.parametrize(
    ("kind", "outside", "counts"),
    [("alone", 5, True), ("cause", 7, True), ("context", 7, True), ("group", 7, True), ("quiet", 7, False)],
)
@pytest.mark.parametrize("more", [0, 1])
def test_only_of_so_many_frames_the_text_is_made_at_once(
    kind: str, outside: int, *, counts: bool, more: int
) -> None:
    """Whichever exception of those that belong together has them; what is not shown is not kept, either."""

    def deeply() -> None:
        fail_deeply(MANY - outside + more)

    def both() -> None:
        deeply() if kind == "alone" else because_of(deeply, kind)

    text = TracebackText(error_of(both))
    assert (text._summary is None) == (counts and more == 1)


@pytest.mark.parametrize("failing", [fail, fail_in_a_part_of_a_line])
def test_of_what_is_alone_only_the_places_are_kept(failing: Callable[[], None]) -> None:
    assert TracebackText(error_of(failing))._places is not None


@pytest.mark.parametrize(
    "failing",
    [fail_because, fail_meanwhile, fail_together, fail_by_a_slip, fail_at_an_attribute, fail_to_read],
)
def test_what_is_not_is_taken_down_by_python(failing: Callable[[], None]) -> None:
    assert TracebackText(error_of(failing))._places is None


def interrupt(_: object) -> Any:
    signal.raise_signal(signal.SIGINT)


class AskedError(Exception):
    """The first who asks why is interrupted."""

    asked = False

    @property
    def __cause__(self) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        if not self.asked:
            self.asked = True
            signal.raise_signal(signal.SIGINT)


def test_a_ctrl_c_gets_through_whatever_is_asked_meanwhile() -> None:
    with pytest.raises(KeyboardInterrupt):
        TracebackText(AskedError())
    error = RuntimeError()
    error.__notes__ = type("Notes", (list,), {"__iter__": interrupt})()
    text = TracebackText(error)
    with pytest.raises(KeyboardInterrupt):
        str(text)


def test_what_is_told_can_be_compared_and_sent_elsewhere() -> None:
    class LocalError(Exception):
        """A class that no other process has."""

    def fail_locally() -> None:
        raise LocalError

    text = TracebackText(error_of(fail_locally))
    copy = pickle.loads(pickle.dumps(text))  # noqa: S301 - it is our own
    assert str(copy) == str(text)
    assert copy == text
    assert hash(copy) == hash(text)
    assert text != TracebackText(error_of(fail))
    assert text != str(text)
