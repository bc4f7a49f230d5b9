"""What is told of moving machines, and that telling it does not set off telling more."""

from __future__ import annotations

import pytest

from cometary.demo.observation import MOST_MOVES, PATIENCE, Observation, Watched, is_observation
from cometary.errors import ProtocolError
from cometary.sessions import Packet, Request, SessionSettings
from cometary.sessions.events import Answer
from cometary.sessions.machine import SessionMachine

FRAME = Packet("watch/sessions", {})
NEWS = Packet("news", "something happened")


class Client(Request):
    """A request, and what becomes of it; the next one acknowledges it all."""

    def answer(self, first_seq: int, packets: object) -> None:
        raise AssertionError("the test answers by itself")

    def refuse(self, error: ProtocolError) -> None:
        raise error


class Watchman:
    """One machine that is watched, its client, and a clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0
        self.machine = SessionMachine(SessionSettings())
        self.machine.start()
        self.observation = Observation(lambda: self.now)
        self.machine.observer = self.observation.add("halley", self.machine.state.name).observe
        self._rid = 1

    def ask(self) -> None:
        """The client sends its next request."""
        self._rid += 1
        self.machine.step(Client(self._rid, ack=self.machine.outbox.sent))

    def push(self, packet: Packet) -> None:
        self.machine.step(packet)

    def frame(self) -> list[str] | None:
        """The moves that the next frame tells of; None when there is no frame."""
        frame = self.observation.frame()
        return None if frame is None else frame["sessions"]["halley"]


@pytest.fixture
def watchman() -> Watchman:
    """One whose session holds a request, and who has told of it."""
    watchman = Watchman()
    watchman.ask()
    assert watchman.frame() == ["waiting", "have_request"]
    return watchman


def test_every_state_that_it_came_through_is_told_once(watchman: Watchman) -> None:
    watchman.push(NEWS)
    watchman.push(NEWS)
    watchman.ask()
    assert watchman.frame() == ["waiting", "have_packet", "waiting"]
    assert watchman.frame() is None


def test_what_a_frame_sets_off_is_not_told(watchman: Watchman) -> None:
    for _ in range(3):
        watchman.push(FRAME)
        assert watchman.frame() is None
        watchman.ask()
        assert watchman.frame() is None


def test_not_even_when_the_next_frame_comes_before_a_slow_client_is_back(watchman: Watchman) -> None:
    for _ in range(10):
        watchman.push(FRAME)  # answers the request
        watchman.push(FRAME)  # has to wait
        watchman.ask()  # takes it
        watchman.now += PATIENCE / 2
        assert watchman.frame() is None
        watchman.ask()  # is held
        assert watchman.frame() is None


def test_news_during_what_a_frame_set_off_is_told_as_it_went(watchman: Watchman) -> None:
    watchman.push(FRAME)
    watchman.push(NEWS)
    watchman.ask()
    watchman.ask()
    assert watchman.frame() == ["waiting", "have_packet", "waiting", "have_request"]


def test_a_client_that_does_not_come_back_is_told_of(watchman: Watchman) -> None:
    watchman.push(FRAME)
    watchman.push(FRAME)
    watchman.now += PATIENCE
    assert watchman.frame() is None
    watchman.now += 0.1
    assert watchman.frame() == ["have_packet"]
    watchman.now += 10
    assert watchman.frame() is None


def test_a_frame_stays_small_however_much_happens(watchman: Watchman) -> None:
    for _ in range(50):
        watchman.push(NEWS)
        watchman.ask()
    moves = watchman.frame()
    assert moves is not None
    assert len(moves) <= MOST_MOVES
    assert moves[-1] == watchman.machine.state.name


def test_a_session_that_is_gone_is_told_once(watchman: Watchman) -> None:
    watchman.observation.remove("halley")
    watchman.observation.remove("halley")
    assert watchman.observation.frame() == {"sessions": {}, "gone": ["halley"]}
    assert watchman.observation.frame() is None


def test_a_newcomer_sees_where_all_are(watchman: Watchman) -> None:
    watchman.observation.add("encke", "waiting")
    assert watchman.observation.whole()["sessions"] == {"halley": ["have_request"], "encke": ["waiting"]}


def test_an_answer_is_observation_only_if_all_of_it_is() -> None:
    request = Client(2)
    assert is_observation(request, [Answer(request, 1, [FRAME, FRAME])])
    assert not is_observation(request, [Answer(request, 1, [FRAME, NEWS])])
    assert not is_observation(request, [Answer(request, 0, [])])


def test_nothing_is_told_of_a_machine_that_stands_still() -> None:
    watched = Watched("waiting", lambda: 0.0)
    assert watched.take_moves(0.0) == ["waiting"]
    assert watched.take_moves(100.0) == []
