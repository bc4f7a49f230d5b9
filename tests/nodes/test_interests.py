"""Which nodes are sent what; and that nobody misses anything whose node has just begun to want it."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from cometary.nodes import interests
from cometary.nodes.interests import Interests, Telling
from cometary.nodes.link import Link
from cometary.nodes.messages import Missed, Passed, Told, Unwants, Wants, decode_of_dialer
from cometary.nodes.peer import Peer
from cometary.nodes.publications import Others, Outgoing
from cometary.packets.packet import Packet


class Publisher:
    """A node that publishes, and another one that hears it."""

    def __init__(self) -> None:
        self.others = Others(lambda: [self.outgoing], list)
        self.outgoing = Outgoing("b", self.others.lock)
        self.interests = Interests(self.others)
        self.said: list[Any] = []
        self.peer: Any = SimpleNamespace(outgoing=self.outgoing, say=self._say, knows_of=0)
        self.wire: Any = SimpleNamespace(put=self._put, full=False)
        self.put_on: list[bytes] = []
        self.outgoing.linked(cast("Link", self.wire), None)

    def _put(self, payload: bytes) -> None:
        self.put_on.append(payload)

    def _say(self, payload: bytes) -> None:
        self.said.append(decode_of_dialer(payload))

    def publish(self, *paths: str) -> None:
        for path in paths:
            self.interests.publish(Packet(path, self.interests.number + 1))
        self.others.go_on()

    def wants(self, *patterns: str, heard: int | None = None, whole: bool = False) -> None:
        self.interests.take(self.peer, Wants(1, tuple((each, heard) for each in patterns), whole))
        self.others.go_on()

    def told(self) -> list[tuple[str, object]]:
        """Return what has come since it was asked last, each with the number that it was published under."""
        messages = [cast("Told", decode_of_dialer(each)) for each in self.put_on]
        self.put_on.clear()
        numbers = [each.number for each in messages]
        assert numbers == sorted(set(numbers)), "the other node would let go of it"
        return [
            (each.published.path, msgspec.json.decode(each.published.json)["message"]) for each in messages
        ]


def test_before_it_is_known_what_a_node_wants_it_is_sent_all() -> None:
    publisher = Publisher()
    publisher.publish("x")
    assert publisher.told() == [("x", 1)]
    publisher.wants("y", whole=True)
    publisher.publish("x", "y")
    assert publisher.told() == [("y", 3)]
    publisher.interests.forget(publisher.peer)
    publisher.publish("x")
    assert publisher.told() == [("x", 4)]


def test_a_node_is_sent_what_it_wants_by_name_or_pattern_until_it_wants_it_no_more() -> None:
    publisher = Publisher()
    publisher.wants("a/*", "b", whole=True)
    publisher.publish("a/1", "b", "c", "a/1/2")
    assert publisher.told() == [("a/1", 1), ("b", 2)]
    publisher.interests.forgo(publisher.peer, Unwants(("b",)).patterns)
    publisher.publish("a/1", "b")
    assert publisher.told() == [("a/1", 5)]
    publisher.wants("c", whole=True)
    publisher.publish("a/1", "c")
    assert publisher.told() == [("c", 8)]


def test_what_was_published_since_it_has_wanted_it_is_sent_when_that_is_known() -> None:
    publisher = Publisher()
    publisher.wants("b", whole=True)
    publisher.publish("a", "b", "a", "a")
    assert publisher.told() == [("b", 2)]
    publisher.wants("a", heard=2)
    assert publisher.told() == [("a", 3), ("a", 4)]
    publisher.wants("*", heard=0)
    assert publisher.told() == [("a", 1)], "the others it was sent before"
    publisher.publish("a")
    assert publisher.told() == [("a", 8)]
    assert publisher.said == []


def test_when_the_link_of_a_node_breaks_what_it_may_have_begun_to_want_comes_first() -> None:
    publisher = Publisher()
    publisher.wants(whole=True)
    publisher.publish("a", "a")
    publisher.outgoing.heard_of = 1
    publisher.interests.hear_nothing_of(publisher.peer)
    publisher.publish("a")
    publisher.wants("a", heard=0, whole=True)
    publisher.publish("a")
    assert publisher.told() == [("a", 2), ("a", 4), ("a", 5)]


def test_it_is_told_if_what_it_should_be_sent_is_not_remembered(monkeypatch: Any) -> None:
    monkeypatch.setattr(interests, "MOST_RECENT", 2)
    publisher = Publisher()
    publisher.wants(whole=True)
    publisher.publish("a", "a", "a")
    publisher.wants("a", heard=1)
    assert (publisher.told(), publisher.said) == ([("a", 2), ("a", 3)], [])
    publisher.wants("*", heard=0)
    assert publisher.said == [Missed()]


def test_whatever_a_node_wants_when_it_gets_all_that_was_published_behind_once_in_order() -> None:
    """The node hears of its publisher's numbers late, and the publisher of its wishes late, in random steps."""
    chosen = random.Random(1)  # noqa: S311 - no secret
    for _ in range(200):
        publisher, wanted = Publisher(), dict[str, int]()
        publisher.wants(whole=True)
        waiting, got, heard = list[tuple[str, int]](), list[tuple[str, object]](), 0
        published: list[tuple[str, int]] = []
        for _ in range(40):
            step = chosen.randrange(5)
            if step <= 1:
                path = chosen.choice("abc")
                publisher.publish(path)
                published.append((path, publisher.interests.number))
            elif step == 2 and len(wanted) < 3:
                path = chosen.choice([each for each in "abc" if each not in wanted])
                wanted[path] = len(published)
                waiting.append((path, heard))
            elif step == 3 and waiting:
                path, known = waiting.pop(0)
                publisher.wants(path, heard=known)
            else:
                got += publisher.told()
                heard = publisher.interests.number
        for path, known in waiting:
            publisher.wants(path, heard=known)
        got += publisher.told()
        for path, place in wanted.items():
            due = [each for each in published[place:] if each[0] == path]
            come = [each for each in got if each[0] == path]
            assert come[len(come) - len(due) :] == due
            assert len(set(come)) == len(come)


def test_what_was_not_answered_is_told_again_with_what_was_known_then() -> None:
    said, peer = list[Any](), SimpleNamespace(knows_of=7)

    def say(payload: bytes) -> None:
        said.append(decode_of_dialer(payload))

    peer.say = say
    telling = Telling(cast("Peer", peer))
    telling.want("a")
    peer.knows_of = 9
    telling.want("b")
    telling.answered(1)
    link: Any = SimpleNamespace(send=said.append)
    telling.all_of_it(["a", "b", "c"], link)
    assert said == [
        Wants(1, (("a", 7),)),
        Wants(2, (("b", 9),)),
        Wants(3, (("a", None), ("b", 9), ("c", None)), whole=True),
    ]


def test_what_is_wanted_no_more_is_remembered_no_more_though_nothing_is_answered() -> None:
    said = list[Any]()

    def say(_: bytes) -> None:
        """Say what nobody answers."""

    peer = SimpleNamespace(knows_of=7, say=say)
    telling = Telling(cast("Peer", peer))
    for number in range(50):
        telling.want(f"p{number}")
        telling.forgo([f"p{number}"])
    telling.want("q")
    peer.knows_of = 9
    telling.forgo(["q"])
    telling.want("q")
    assert len(telling._unanswered) == 1
    telling.answered(51)  # the first time that it was wanted
    link: Any = SimpleNamespace(send=said.append)
    telling.all_of_it(["p0", "q"], link)
    assert said == [Wants(53, (("p0", None), ("q", 9)), whole=True)]


def test_as_many_bytes_are_remembered_as_there_is_room_for_and_the_oldest_are_forgotten_first(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(interests, "MOST_BYTES", 2 * Packet("a", 1).size)
    publisher = Publisher()
    publisher.wants(whole=True)
    publisher.publish("a", "b")
    publisher.wants("a", heard=0)
    assert (publisher.told(), publisher.said) == ([("a", 1)], [])
    publisher.publish("b", "b", "b")
    publisher.wants("*", heard=4)
    assert (publisher.told(), publisher.said) == ([("b", 5), ("b", 6)], []), "these two are"
    publisher.wants("b", heard=3)
    assert publisher.said == [Missed()]


def test_a_node_of_which_nothing_is_known_any_more_is_sent_nothing_that_it_wanted_before() -> None:
    publisher = Publisher()
    publisher.wants("a", whole=True)
    publisher.interests.forget(publisher.peer)
    publisher.wants("b")
    publisher.publish("a", "b")
    assert publisher.told() == [("b", 2)]


def test_a_node_that_was_away_is_told_that_it_has_missed_what_was_published_meanwhile() -> None:
    publisher, told = Publisher(), list[Any]()
    publisher.others.there, publisher.others.away = list, lambda: [publisher.outgoing]
    publisher.publish("a")
    assert publisher.others.number == 1, "whoever comes later was never sent it"
    link: Any = SimpleNamespace(send=told.append, full=False)
    publisher.outgoing.linked(link, None, again=True)
    assert told == [Missed()]


def telling() -> tuple[Telling, SimpleNamespace, list[Any]]:
    """Return what tells a node that knows of seven, the node, and what it is told."""
    said = list[Any]()

    def say(payload: bytes) -> None:
        said.append(decode_of_dialer(payload))

    peer = SimpleNamespace(knows_of=7, say=say)
    return Telling(cast("Peer", peer)), peer, said


def test_what_is_wanted_once_more_before_it_was_answered_waits_for_the_later_answer_alone() -> None:
    tells, peer, said = telling()
    for pattern in ("a", "b", "a"):
        tells.want(pattern)
        peer.knows_of += 1
    tells.answered(2)
    link: Any = SimpleNamespace(send=said.append)
    tells.all_of_it(["a", "b"], link)
    assert said[-1] == Wants(4, (("a", 9), ("b", None)), whole=True)


def test_a_node_is_told_what_is_wanted_no_more_and_how_far_this_one_is() -> None:
    tells, _, said = telling()
    tells.forgo(["a", "b"])
    tells.how_far(5)
    assert said == [Unwants(("a", "b")), Passed(5, 0, 7)]
