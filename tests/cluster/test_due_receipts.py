"""The receipts of a recorded session: when they are given, and for which of them the handlers may be called."""

from __future__ import annotations

from collections.abc import Callable

from cometary.cluster.due_receipts import MOST, accounted_for, read_due
from cometary.cluster.recorded_receipts import RecordedReceipts
from cometary.packets.receipts import Receipt, ReceiptCall, ReceiptLog


class Scene:
    """One session at a node, and the record as the engine has it.

    Args:
        recorded: the record.
    """

    def __init__(self, recorded: bytes | None = None, *, handled: bool = True, kept: int = 10_000) -> None:
        self.log = ReceiptLog(kept)
        self.log.is_handled = handled
        self.owned = True
        self.recorded = recorded
        self.receipts = RecordedReceipts(recorded, self.log, lambda: None, lambda: self.owned)

    def record(self, accounted: int = 0) -> None:
        """Have what has changed recorded."""
        self.recorded = self.receipts.written(accounted)
        self.receipts.note_recorded(self.recorded)

    def make(self, *names: str) -> None:
        """Make receipts."""
        for name in names:
            self.receipts.add(receipt(name))

    @property
    def given(self) -> list[str]:
        """Those that were given."""
        return [each.id for each in self.log.read().receipts]

    def call(self, number: int = 1, wake: Callable[[], object] = lambda: None) -> ReceiptCall:
        """Have it recorded that the handlers of one are about to be called."""
        call = self.log.call_of(number)
        assert call is not None
        call.ask(wake)
        return call


def receipt(name: str, user: str | None = None) -> Receipt:
    return Receipt(name, "delivered", "path", user=user)


def test_a_receipt_is_given_when_it_is_recorded_and_its_handlers_are_called_when_that_is() -> None:
    scene = Scene()
    scene.make("one")
    assert not scene.given
    scene.record()
    assert scene.given == ["one"]
    woken: list[int] = []
    call = scene.call(wake=lambda: woken.append(1))
    before = call.may_begin
    scene.record()
    assert (before, call.may_begin, len(woken)) == (None, True, 1)
    assert scene.receipts.due
    assert scene.receipts.begun
    call.end()
    assert (scene.receipts.due, scene.receipts.begun, scene.receipts.changed) == (False, False, True)


def test_no_handler_is_called_by_a_node_that_may_not_be_the_owner() -> None:
    scene = Scene()
    scene.make("one")
    scene.record()
    call, scene.owned = scene.call(), False
    scene.record()
    assert call.may_begin is None
    scene.receipts.forget(gone=False)
    assert call.may_begin is False


def test_the_next_owner_gives_what_was_not_begun_and_tells_of_the_rest() -> None:
    before = Scene()
    before.make("one", "two")
    before.record(accounted=7)
    before.call()
    before.record()
    after = Scene(before.recorded)
    after.receipts.give_again()
    assert after.given == ["two"]
    assert [each.receipt.id for each in after.receipts.interrupted] == ["one"]
    assert (after.receipts.accounted, after.receipts.begun) == (7, False)
    after.receipts.end(1)
    assert not after.receipts.interrupted
    after.make("three")
    after.record()
    assert after.given == ["two", "three"]


def test_a_node_whose_application_has_no_handlers_gives_all_and_records_none_as_due() -> None:
    before = Scene()
    before.make("one")
    before.record()
    scene = Scene(before.recorded, handled=False)
    scene.receipts.give_again()
    scene.make("two")
    scene.record()
    assert (scene.given, scene.receipts.due) == (["one", "two"], False)


def test_a_session_that_leaves_has_no_more_handlers_called_than_are_about_to_be() -> None:
    scene = Scene()
    scene.make("one", "two")
    scene.record()
    first = scene.call(1)
    scene.receipts.leave()
    second = scene.call(2)
    scene.record()
    assert (first.may_begin, second.may_begin, scene.receipts.begun) == (True, False, True)
    assert [each.number for each in read_due(scene.recorded).due] == [1, 2], "the next owner gives the second"


def test_what_is_made_of_a_session_that_is_over_is_given_at_once_and_elsewhere_it_is_made_again() -> None:
    for gone, given in ((True, ["one", "two"]), (False, ["two"])):
        scene = Scene()
        scene.make("one")
        scene.receipts.forget(gone=gone)
        scene.make("two")
        assert scene.given == given


def test_no_more_is_due_in_a_record_than_there_is_room_for_and_nothing_that_cannot_be_written() -> None:
    scene = Scene()
    scene.make(*map(str, range(MOST + 1)))
    assert scene.given == [str(MOST)]
    scene = Scene()
    scene.receipts.add(receipt("half", user="\ud800"))
    assert scene.given == ["half"]


def test_a_receipt_that_the_application_was_too_slow_for_is_due_no_more() -> None:
    scene = Scene(kept=1)
    scene.make("one", "two")
    scene.record()
    assert [each.number for each in read_due(scene.receipts.written(0)).due] == [2]


def test_packets_are_accounted_for_up_to_the_first_that_waits_and_wants_a_receipt() -> None:
    assert accounted_for(5, []) == 5
    assert accounted_for(5, [None, None]) == 5
    assert accounted_for(5, [None, "wanted", None]) == 3
