"""Workers that are nodes: what each is told."""

from __future__ import annotations

from pathlib import Path

from cometary.sessions.ids import tag_of_node
from cometary.workers.family import Family


def test_no_two_processes_are_told_to_be_the_same_node(tmp_path: Path) -> None:
    family, another = Family(tmp_path, "unix:///engine"), Family(tmp_path, "unix:///engine")
    told = [family.next(1), family.next(2), family.next(1), another.next(1)]
    assert len({each.name for each in told}) == 4
    assert len({tag_of_node(each.name) for each in told}) == 4
    assert {each.name.startswith(told[0].family) for each in told[:3]} == {True}
    assert not told[3].name.startswith(told[0].family)
    assert {each.secret == told[0].secret for each in told[:3]} == {True}
    assert told[3].secret != told[0].secret
    assert {each.engine for each in told} == {"unix:///engine"}
    assert told[0].address == f"unix:{told[0].links}"


def test_nobody_is_told_to_listen_where_a_dead_worker_did_whose_socket_is_removed(tmp_path: Path) -> None:
    family = Family(tmp_path, "unix:///engine")
    first, second = family.next(1), family.next(11)
    for each in (first, second):
        Path(each.links).touch()
    assert family.next(1).links != first.links
    assert not Path(first.links).exists()
    assert Path(second.links).exists()
