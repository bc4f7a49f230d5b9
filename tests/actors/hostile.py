"""Objects that raise wherever they are touched: what a user's message or exception may be at its worst."""

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

import asyncio
from collections.abc import Iterator
from typing import Any

RAISED: tuple[type[BaseException], ...] = (
    LookupError,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
)
"""What hostile objects raise, and hostile handlers: an `Exception`, and all kinds that are none."""

DUNDERS = (
    "__repr__",
    "__str__",
    "__format__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__hash__",
    "__bool__",
    "__len__",
    "__iter__",
    "__contains__",
    "__getitem__",
    "__getattr__",
    "__call__",
    "__int__",
    "__index__",
    "__enter__",
    "__await__",
    "__reduce_ex__",
    "__copy__",
    "__deepcopy__",
    "__dir__",
    "__sizeof__",
)
PROPERTIES = (
    "__class__",
    "__dict__",
    "__doc__",
    "__module__",
    "discarded",
    "display_name",
    "message",
    "exit",
    "error",
    "reason",
)
OF_ERRORS = ("__traceback__", "__cause__", "__context__", "__notes__", "__suppress_context__", "args")


class Trap:
    """A descriptor that raises when it is looked at, and counts that it was."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __get__(self, _instance: object, _owner: type) -> Any:
        raise self.kind("hands off")


def _methods(kind: type[BaseException]) -> dict[str, Any]:
    def trap(*_args: object, **_kwargs: object) -> Any:
        raise kind("hands off")

    return dict.fromkeys(DUNDERS, trap)


def hostile_class(kind: type[BaseException], base: type = object, *, itself: bool = False) -> type[Any]:
    """Make a class derived from `base` of whose instances nearly every use raises `kind`.

    With `itself`, so does hashing and comparing the class.
    """

    def trap(*_args: object, **_kwargs: object) -> Any:
        raise kind("hands off")

    traps: dict[str, Any] = {"__hash__": trap, "__eq__": trap, "__instancecheck__": trap, "__repr__": trap}
    # Not `__name__`, which Python itself asks for when it prints a traceback.
    meta: type[Any] = type("Meta", (type,), traps) if itself else type
    body = {**_methods(kind), **{name: Trap(kind) for name in PROPERTIES}}
    if issubclass(base, BaseException):
        body |= {name: Trap(kind) for name in OF_ERRORS}
        body["with_traceback"] = trap
        del body["__reduce_ex__"]
    made: type[Any] = meta("Hostile", (base,), body)
    return made


def hostile(kind: type[BaseException]) -> Any:
    """Make a hostile object."""
    return object.__new__(hostile_class(kind))


def hostile_of_hostile_class(kind: type[BaseException]) -> Any:
    """Make one whose class cannot be hashed: whoever handles it, ends of it."""
    return object.__new__(hostile_class(kind, itself=True))


def hostile_error(kind: type[BaseException], base: type[BaseException] = Exception) -> BaseException:
    """Make a hostile exception, derived from `base`."""
    made = hostile_class(kind, base)
    error: BaseException = base.__new__(made)
    return error


class Fading:
    """Can be hashed and compared until `fade` is called, as a name or a group must when it is given."""

    def __init__(self, kind: type[BaseException]) -> None:
        self._kind = kind
        self.faded = False

    def fade(self) -> None:
        """Raise from now on."""
        self.faded = True

    def __hash__(self) -> int:
        if self.faded:
            raise self._kind
        return 1

    def __eq__(self, other: object) -> bool:
        if self.faded:
            raise self._kind
        return self is other

    def __repr__(self) -> str:
        raise self._kind


def strange_errors() -> Iterator[BaseException]:
    """Make exceptions that are hard to report, though nobody meant any harm."""
    circular = LookupError("its own cause")
    circular.__cause__ = circular.__context__ = circular
    yield circular
    noted = LookupError("notes")
    noted.__notes__ = 42  # type: ignore[assignment]
    yield noted
    group: Exception = LookupError("in many groups")
    for _ in range(2_000):
        group = ExceptionGroup("deep", [group])
    yield group
    chained: BaseException = LookupError("first")
    for _ in range(5_000):
        following = LookupError("next")
        following.__cause__ = chained
        chained = following
    yield chained
    yield BaseExceptionGroup("both", [LookupError("x"), SystemExit(3)])
    yield UnicodeDecodeError("utf-8", b"\xff", 0, 1, "\udcff")


def deep_error(depth: int = 10_000) -> BaseException:
    """Make an exception with as many frames in its traceback, none of which is deeper than Python allows."""
    try:
        raise LookupError("deep")  # noqa: TRY301
    except LookupError as error:
        traceback = error.__traceback__
        assert traceback is not None
        kind = type(traceback)
        for _ in range(depth):
            traceback = kind(traceback, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
        return error.with_traceback(traceback)
