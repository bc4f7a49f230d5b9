"""Why an actor ended, as a value: what a caller may give for it, what is told of it, and what is kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from cometary.actors import KILLED, NORMAL, Exit
from cometary.actors.exits import as_exit, failed_start, remembered, taken_along, takes_exit, with_account
from cometary.errors import StartIgnoredError, UsageError


class Word(str):
    __slots__ = ()


class OwnExit(Exit):
    __slots__ = ()


class UncopyableError(Exception):
    def __reduce__(self) -> Any:
        raise RuntimeError("not me")


# -- what a caller gives ------------------------------------------------------------------


def test_a_word_is_an_exit_and_an_exit_is_itself() -> None:
    assert as_exit("out of paper") == Exit("out of paper")
    assert as_exit(KILLED) is KILLED


@pytest.mark.parametrize(
    "given",
    [
        OwnExit("out of paper", None, "message", "state", "name"),
        Exit(Word("out of paper"), None, "message", "state", "name"),
        Exit("out of paper", None, "message", "state", Word("name")),
    ],
)
def test_what_is_of_a_subclass_becomes_pythons_own(given: Exit) -> None:
    made = as_exit(given)
    assert made == Exit("out of paper", None, "message", "state", "name")
    assert {type(made)} | {type(made.reason), type(made.name)} == {Exit, str}
    assert type(as_exit(Word("x")).reason) is str


def test_an_exit_may_have_an_exception_with_it() -> None:
    error = LookupError("no")
    assert as_exit(Exit("overload", error)) == Exit("overload", error)


@pytest.mark.parametrize(
    "given",
    ["", None, 3, Exit(3), Exit("x", name=3), Exit("x", "no exception"), Exit(3, LookupError())],  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
)
def test_anything_else_is_the_callers_fault(given: Any) -> None:
    with pytest.raises(UsageError):
        as_exit(given)


def test_an_actor_is_restarted_after_all_ends_but_two() -> None:
    reasons = ("normal", "shutdown", "killed", "crashed", "noproc", "overload")
    assert [Exit(reason).abnormal for reason in reasons] == [False, False, True, True, True, True]


def test_it_says_the_reason_and_the_exception() -> None:
    assert str(Exit("overload")) == "overload"
    assert str(Exit("crashed", LookupError("no"))) == "crashed: LookupError('no')"


# -- what is told of it -------------------------------------------------------------------


class Named:
    display_name = "Ada"

    def crash_state(self) -> object:
        return {"open": 3}


def test_an_actor_that_crashed_gives_an_account_of_itself_and_a_killed_one_cannot() -> None:
    crashed = Exit("crashed", LookupError(), "message")
    assert with_account(crashed, Named(), ("store",)) == Exit(
        "crashed", crashed.error, "message", {"open": 3}, "Ada", ("store",)
    )
    assert with_account(KILLED, Named(), ()) == Exit("killed", name="Ada")
    assert with_account(KILLED, object(), ("store",)) == Exit("killed", names=("store",))
    assert with_account(KILLED, object(), ()) is KILLED
    assert with_account(crashed, object(), ()) is crashed


def test_a_state_alone_is_an_account() -> None:
    class Stateful:
        def crash_state(self) -> int:
            return 0

    assert with_account(Exit("crashed"), Stateful(), ()).state == 0


def test_an_account_that_fails_is_told_as_that() -> None:
    class Broken:
        @property
        def display_name(self) -> str:
            raise LookupError("no name")

        def crash_state(self) -> object:
            raise LookupError("no state")

    told = with_account(Exit("crashed"), Broken(), ())
    assert told.name == "display_name raised LookupError('no name')"
    assert told.state == "crash_state raised LookupError('no state')"


def test_who_is_taken_along_has_the_reason_and_an_account_of_its_own_to_come() -> None:
    error = LookupError()
    exit_ = Exit("crashed", error, "message", "state", "name", ("names",))
    assert taken_along(exit_) == Exit("crashed", error)


def test_a_start_that_only_says_that_it_is_not_needed_is_an_orderly_end() -> None:
    ignored, broken = StartIgnoredError(), LookupError()
    assert failed_start(ignored) == Exit("normal", ignored)
    assert failed_start(broken) == Exit("crashed", broken)


# -- what is kept of it -------------------------------------------------------------------


def raised(error: BaseException) -> BaseException:
    try:
        raise error  # noqa: TRY301 - for its traceback
    except BaseException as caught:  # noqa: BLE001
        return caught


@pytest.mark.parametrize("exit_", [NORMAL, Exit("killed", name="Ada", names=("store",))])
def test_an_exit_with_nothing_of_the_actors_is_kept_as_it_is(exit_: Exit) -> None:
    assert remembered(exit_) is exit_


@pytest.mark.parametrize(
    "exit_", [Exit("crashed", None, "message"), Exit("crashed", None, None, 0), Exit("x", LookupError())]
)
def test_neither_the_message_nor_the_state_is_kept(exit_: Exit) -> None:
    kept = remembered(exit_)
    assert (kept.reason, kept.last_message, kept.state) == (exit_.reason, None, None)


@pytest.mark.parametrize(
    "error",
    [LookupError("no"), ExceptionGroup("two", [LookupError("a"), ValueError("b")]), UncopyableError("no")],
)
def test_of_an_exception_all_is_kept_but_its_frames(error: Exception) -> None:
    kept = remembered(Exit("crashed", raised(error), name="Ada", names=("store",)))
    assert kept.error is not None
    assert kept.error is not error
    assert kept.error.__traceback__ is None
    assert (kept.name, kept.names) == ("Ada", ("store",))
    if isinstance(error, UncopyableError):
        assert repr(kept.error) == "RuntimeError('a UncopyableError, which cannot be copied')"
    else:
        assert repr(kept.error) == repr(error)


def test_the_variables_of_a_handler_are_gone_when_only_what_is_kept_is_left() -> None:
    class Large:
        pass

    def handle() -> None:
        large = Large()
        seen.append(weakref.ref(large))
        raise LookupError

    def kept() -> Exit:
        with pytest.raises(LookupError) as caught:
            handle()
        return remembered(Exit("crashed", caught.value, "message"))

    seen: list[weakref.ref[Large]] = []
    left = kept()
    gc.collect()
    assert seen[0]() is None
    assert isinstance(left.error, LookupError)


# -- how on_stop is told ------------------------------------------------------------------


class Stopping:
    """Methods in the place of `on_stop`."""

    def nothing(self) -> None: ...
    def exit(self, exit: Exit) -> None: ...  # noqa: A002 - OTP's word
    def whatever(self, whatever: Exit) -> None: ...
    def reason(self, reason: Exit | None = None) -> None: ...
    def underscored(self, exit_: Exit | None = None) -> None: ...
    def another(self, timeout: float = 5) -> None: ...
    def any_number(self, *args: Exit) -> None: ...
    def by_name(self, **options: Exit) -> None: ...
    def second(self, timeout: float = 5, reason: Exit | None = None) -> None: ...
    def rest(self, timeout: float = 5, *rest: Exit) -> None: ...


@pytest.mark.parametrize(
    ("on_stop", "told"),
    [
        (Stopping.nothing, False),
        (Stopping.exit, True),
        (Stopping.whatever, True),
        (Stopping.reason, True),
        (Stopping.underscored, True),
        (Stopping.another, False),
        (Stopping.any_number, True),
        (Stopping.by_name, False),
        (Stopping.second, False),
        (Stopping.rest, False),
    ],
)
def test_on_stop_is_told_how_the_actor_ends_if_its_first_parameter_is_for_that(
    on_stop: Callable[..., object], told: bool
) -> None:
    assert takes_exit(on_stop) is told
