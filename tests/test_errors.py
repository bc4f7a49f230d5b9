"""Errors are values: each can be pickled and copied, with all that it says."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from cometary import errors
from cometary.errors import CometaryError

MADE_FROM: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "ActorEndedError": (("Clerk ended", "crashed"), {}),
    "ProtocolError": (("session-ended", "it has ended"), {"retry_after": 3, "reason": "closed"}),
    "AskError": (("client", "sold-out", "none left"), {}),
    "RefusedError": (("none left", "sold-out"), {"more": "next week"}),
    "ElsewhereError": (("what passes it on",), {}),
    "WorkerEndedError": ((2, "was killed by SIGKILL", -9), {}),
    "StanzaError": (("forbidden", "not you"), {"pubsub": "closed-node"}),
    "ConfigError": (("--port", "no number"), {}),
    "ControlError": (("forbidden", 403, "not you"), {}),
    "UnknownSessionError": (("unknown-session", 404, "gone"), {}),
}
"""What those are made from that take more than a message."""

ALL = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, CometaryError)]


def made(kind: type[CometaryError]) -> CometaryError:
    args, kwargs = MADE_FROM.get(kind.__name__, (("what went wrong",), {}))
    error = kind(*args, **kwargs)
    error.add_note("a note")
    return error


def pickled(error: Any) -> Any:
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - its own


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("twin", [pickled, copy.copy, copy.deepcopy])
def test_every_error_survives_pickling_and_copying(kind: type[CometaryError], twin: Any) -> None:
    error = made(kind)
    again = twin(error)
    assert type(again) is kind
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)


def test_an_error_of_the_programs_own_does_so_too() -> None:
    again = pickled(OwnError(status=3, hint="none"))
    assert (str(again), again.status, again.hint) == ("status 3", 3, "none")


class OwnError(CometaryError):
    def __init__(self, *, status: int, hint: str) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.hint = hint
