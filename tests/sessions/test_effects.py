"""What a session's machine asks for is done: all of it, in order, whatever one of the carriers does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from cometary.errors import ProtocolError
from cometary.fsm import CancelTimer, StartTimer, Stopped
from cometary.sessions import Packet
from cometary.sessions.effects import advance, perform
from cometary.sessions.events import (
    Answer,
    Beat,
    ExpireAt,
    Full,
    HandOver,
    Ready,
    Refuse,
    Release,
    Request,
    Stream,
    Write,
    WriteMore,
)
from cometary.sessions.keeper import SessionKeeper

NEWS = [Packet("a", 1)]


class Scene:
    """A keeper, a performer and carriers in one, which write down what is done."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.ended: str | None = None
        self.timers: dict[str, FakeTimer] = {}
        self.steps: dict[type, Sequence[Any]] = {}
        self.machine = self

    def step(self, event: object) -> Sequence[Any]:
        self.done.append(("step", type(event).__name__))
        return self.steps.get(type(event), ())

    def timer(self, name: str) -> FakeTimer | None:
        return self.timers.get(name)

    def new_timer(self, name: str) -> FakeTimer:
        self.done.append(("new timer", name))
        timer = self.timers[name] = FakeTimer(self.done)
        return timer

    def take_in(self, ready: Ready) -> None:
        self.done.append(("take in", ready.request.rid))

    def write_more(self, stream: Stream) -> None:
        self.done.append(("write more", stream.sid))

    def expire_at(self, time: float) -> None:
        self.done.append(("expire at", time))

    def end(self, reason: str) -> None:
        self.ended = reason
        self.done.append(("end", reason))

    def perform(self, *actions: Any) -> list[tuple[Any, ...]]:
        perform(self, self.keeper, actions)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        return self.done

    def advance(self, event: object) -> bool:
        return advance(self, self.keeper, event)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @property
    def keeper(self) -> SessionKeeper:
        return cast("SessionKeeper", self)


class FakeTimer:
    def __init__(self, done: list[tuple[Any, ...]]) -> None:
        self.done = done
        self.message: Any = None

    def start(self, seconds: float) -> None:
        self.done.append(("start", self.message.token, seconds))

    def cancel(self) -> None:
        self.done.append(("cancel",))


class FakeRequest(Request):
    def __init__(self, scene: Scene, rid: int, error: BaseException | None = None) -> None:
        super().__init__(rid)
        self.done, self.error = scene.done, error

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        self.done.append(("answer", self.rid, first_seq, list(packets)))
        if self.error is not None:
            raise self.error

    def refuse(self, error: ProtocolError) -> None:
        self.done.append(("refuse", self.rid, error.condition))


class FakeStream(Stream):
    def __init__(self, scene: Scene, name: str, *, takes_more: bool = True) -> None:
        super().__init__()
        self.done, self.sid, self.takes_more = scene.done, name, takes_more

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        self.done.append(("write", self.sid, first_seq, list(packets)))
        return self.takes_more

    def beat(self) -> None:
        self.done.append(("beat", self.sid))

    def release(self) -> None:
        self.done.append(("release", self.sid))


def start(name: str, seconds: float, token: int) -> StartTimer:
    return StartTimer(name, seconds, None, None, token)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_each_action_is_done_in_its_turn(scene: Scene) -> None:
    request, stream = FakeRequest(scene, 2), FakeStream(scene, "s")
    assert scene.perform(
        Answer(request, 7, NEWS),
        Write(stream, 8, NEWS),
        WriteMore(stream),
        HandOver(Ready(request, behind=False)),
        Refuse(request, ProtocolError("bad-ack", "why")),
        ExpireAt(5.0),
        Beat(stream),
        Release(stream),
        Stopped("closed"),
    ) == [
        ("answer", 2, 7, NEWS),
        ("write", "s", 8, NEWS),
        ("write more", "s"),
        ("take in", 2),
        ("refuse", 2, "bad-ack"),
        ("expire at", 5.0),
        ("beat", "s"),
        ("release", "s"),
        ("end", "closed"),
    ]


def test_a_timer_is_made_once_and_tells_which_start_it_is_of(scene: Scene) -> None:
    first, second = start("die", 5.0, 1), start("die", 7.0, 2)
    assert scene.perform(first, second, CancelTimer("die")) == [
        ("new timer", "die"),
        ("start", 1, 5.0),
        ("start", 2, 7.0),
        ("cancel",),
    ]


def test_what_one_raises_is_raised_when_all_behind_it_is_done(scene: Scene) -> None:
    failing, other = FakeRequest(scene, 2, LookupError("no")), FakeRequest(scene, 3)
    with pytest.raises(LookupError, match="no"):
        scene.perform(Answer(other, 1, []), Answer(failing, 1, []), Answer(other, 2, []), Stopped("closed"))
    assert scene.done == [
        ("answer", 3, 1, []),
        ("answer", 2, 1, []),
        ("answer", 3, 2, []),
        ("end", "closed"),
    ]


def test_of_two_that_raise_neither_keeps_the_rest_from_being_done(scene: Scene) -> None:
    failing = FakeRequest(scene, 2, LookupError("no"))
    with pytest.raises(LookupError):
        scene.perform(Answer(failing, 1, []), Answer(failing, 2, []), Stopped("closed"))
    assert [what for what, *_ in scene.done] == ["answer", "answer", "end"]


def test_a_stream_that_takes_no_more_is_told_of_behind_all_else_and_not_written_to_again(
    scene: Scene,
) -> None:
    full, other = FakeStream(scene, "full", takes_more=False), FakeStream(scene, "other")
    scene.steps[Full] = [Beat(full)]
    assert scene.perform(Write(full, 1, NEWS), WriteMore(full), WriteMore(other), start("hold", 5.0, 1)) == [
        ("write", "full", 1, NEWS),
        ("write more", "other"),
        ("new timer", "hold"),
        ("start", 1, 5.0),
        ("step", "Full"),
        ("beat", "full"),
    ]


def test_it_is_told_of_though_something_raises(scene: Scene) -> None:
    full = FakeStream(scene, "full", takes_more=False)
    with pytest.raises(LookupError):
        scene.perform(Write(full, 1, []), Answer(FakeRequest(scene, 2, LookupError()), 1, []), ExpireAt(5.0))
    assert [what for what, *_ in scene.done] == ["write", "answer", "expire at", "step"]


def test_who_performs_and_who_keeps_stay_apart_though_something_raises() -> None:
    performer, keeper = Scene(), Scene()
    full, failing = FakeStream(performer, "full", takes_more=False), FakeRequest(performer, 2, LookupError())
    actions = Write(full, 1, []), Answer(failing, 1, []), ExpireAt(5.0)
    with pytest.raises(LookupError):
        perform(performer, keeper.keeper, actions)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert [what for what, *_ in performer.done] == ["write", "answer", "expire at"]
    assert keeper.done == [("step", "Full")]


def test_a_session_that_has_ended_is_not_stepped(scene: Scene) -> None:
    scene.steps[Packet] = [ExpireAt(5.0)]
    assert scene.advance(NEWS[0])
    assert scene.done == [("step", "Packet"), ("expire at", 5.0)]
    scene.ended = "closed"
    assert not scene.advance(NEWS[0])
    assert len(scene.done) == 2


def test_nor_when_it_ends_before_a_full_stream_is_told_of(scene: Scene) -> None:
    scene.perform(Write(FakeStream(scene, "full", takes_more=False), 1, []), Stopped("closed"))
    assert scene.done[-1] == ("end", "closed")
