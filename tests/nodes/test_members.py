"""Who is there, of all nodes, as one node knows it."""

from __future__ import annotations

from typing import Any

from cometary.dispatch.members import Member
from cometary.nodes.members import NodeMembers
from cometary.nodes.messages import decode_of_dialer


class Nodes:
    """Three of them, each of which hears what the others tell, in the order that the test wants."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.members = {name: self._new(name) for name in "abc"}

    def _new(self, name: str) -> NodeMembers:
        members = NodeMembers(lambda payload: self.told.append((name, decode_of_dialer(payload))))
        members.changed = lambda _: None  # so that changes stay until the test takes them
        return members

    def deliver(self, *, last_first: bool = False) -> None:
        """Have all heard that was told."""
        while self.told:
            told, self.told = self.told[:: -1 if last_first else 1], []
            for node, message in told:
                self.hear(node, message)

    def hear(self, node: str, message: Any) -> None:
        for name, members in self.members.items():
            if name != node:
                members.hear(node, message)

    def link(self, node: str) -> None:
        """Have a node tell all who are there, on a new link."""
        for payload in self.members[node].census():
            self.hear(node, decode_of_dialer(payload))

    def present(self) -> list[list[str]]:
        """Return who is there, by what each node says."""
        return [sorted(m.name for m in each.present("p", 9).members) for each in self.members.values()]


def changes(members: NodeMembers) -> tuple[list[str], list[str]] | None:
    taken = members.take_changes("p")
    return None if taken is None else ([each.name for each in taken.joined or []], taken.left or [])


def test_all_nodes_know_who_is_there_and_what_each_shows() -> None:
    nodes = Nodes()
    nodes.members["a"].join("p", Member("x", {"nick": "x"}))
    nodes.members["b"].join("p", Member("y"))
    nodes.deliver()
    assert nodes.present() == [["x", "y"]] * 3
    assert Member("x", {"nick": "x"}) in nodes.members["c"].present("p", 9).members
    nodes.members["a"].leave("p", "x")
    nodes.deliver()
    assert nodes.present() == [["y"]] * 3


def test_a_change_is_told_once_wherever_it_comes_from() -> None:
    nodes = Nodes()
    told = list[str]()
    nodes.members["c"].changed = told.append
    nodes.members["a"].join("p", Member("x"))
    nodes.members["a"].join("p", Member("y"))
    nodes.deliver()
    assert told == ["p"], "to the first change one packet is due"
    assert changes(nodes.members["c"]) == (["x", "y"], [])
    nodes.link("a")
    assert changes(nodes.members["c"]) is None, "a new link is no news"


def test_a_new_link_tells_what_was_missed_in_between() -> None:
    nodes = Nodes()
    for name in ("x", "y"):
        nodes.members["a"].join("p", Member(name))
    nodes.deliver()
    nodes.members["a"].leave("p", "x")
    nodes.members["a"].join("p", Member("z"))
    nodes.told.clear()
    nodes.link("a")
    assert nodes.present() == [["y", "z"]] * 3


def test_those_of_a_dead_node_leave_when_its_lease_has_run_out_once() -> None:
    nodes = Nodes()
    nodes.members["a"].join("p", Member("x"))
    nodes.deliver()
    assert changes(nodes.members["c"]) == (["x"], [])
    nodes.members["c"].orphaned.add("a")
    assert nodes.members["c"].present("p", 9).count == 1
    nodes.members["c"].end("a")
    nodes.members["c"].end("a")
    assert changes(nodes.members["c"]) == ([], ["x"])
    assert changes(nodes.members["c"]) is None


def test_those_that_can_outlive_their_node_stay_until_all_of_them_have_another_or_have_ended() -> None:
    nodes = Nodes()
    dead, heir, watching = (nodes.members[name] for name in "abc")
    for name, generation in (("x", 1), ("y", 1), ("z", 0)):
        dead.join("p", Member(name), generation)
    nodes.deliver()
    changes(watching)
    watching.orphaned.add("a")
    watching.end("a", settled=False)
    assert changes(watching) == ([], ["z"])
    heir.join("p", Member("x"), 2)
    nodes.deliver()
    assert watching.orphaned == {"a"}
    watching.end("a")
    assert watching.orphaned == set()
    assert changes(watching) == ([], ["y"])


def test_a_session_that_was_adopted_has_not_left_whatever_its_former_node_says_and_when() -> None:
    for last_first in (False, True):
        nodes = Nodes()
        nodes.members["a"].join("p", Member("x"), 1)
        nodes.deliver()
        changes(nodes.members["c"])
        nodes.members["b"].join("p", Member("x"), 2)
        nodes.members["a"].leave("p", "x")
        nodes.deliver(last_first=last_first)
        for name in "bc":
            nodes.members[name].end("a")
        assert nodes.present() == [["x"]] * 3
        assert changes(nodes.members["c"]) is None


def test_a_session_that_is_handed_on_has_not_left_however_long_it_takes_until_it_is_adopted() -> None:
    nodes = Nodes()
    stopping, watching = nodes.members["a"], nodes.members["c"]
    stopping.join("p", Member("x", {"nick": "x"}), 1)
    stopping.join("p", Member("y"), 1)
    nodes.deliver()
    for members in nodes.members.values():
        changes(members)
    for name in ("x", "y"):
        assert not stopping.leave("p", name, handed_on=True)
    nodes.deliver()
    nodes.link("a")  # one that breaks meanwhile
    assert [changes(members) for members in nodes.members.values()] == [None] * 3
    nodes.members["b"].join("p", Member("x", {"nick": "x"}), 2)
    nodes.deliver()
    nodes.link("a")
    assert [changes(members) for members in nodes.members.values()] == [None] * 3
    watching.end("a")
    assert changes(watching) == ([], ["y"]), "nobody has gone on with it"


def test_of_a_session_that_was_handed_on_the_last_word_is_that_of_whoever_has_it() -> None:
    nodes = Nodes()
    nodes.members["a"].join("p", Member("x"), 1)
    nodes.members["a"].leave("p", "x", handed_on=True)
    nodes.members["b"].join("p", Member("x"), 2)
    nodes.deliver()
    nodes.members["b"].leave("p", "x")
    nodes.deliver()
    nodes.link("a")
    assert nodes.present() == [[]] * 3


def test_a_node_that_wakes_does_not_take_back_what_was_adopted_meanwhile() -> None:
    nodes = Nodes()
    nodes.members["a"].join("p", Member("x"), 1)
    nodes.deliver()
    sleeping = nodes.members.pop("a")
    nodes.members["b"].join("p", Member("x"), 2)
    nodes.deliver()
    nodes.members["a"] = sleeping
    for name in "ab":
        nodes.link(name)
    nodes.members["a"].leave("p", "x")
    nodes.deliver()
    assert nodes.present() == [["x"]] * 3
    nodes.members["b"].leave("p", "x")
    nodes.deliver()
    assert nodes.present() == [[]] * 3
