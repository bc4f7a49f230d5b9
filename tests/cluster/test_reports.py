"""The events of a recorded session: their numbers, when they may be sent, and how many of them are recorded."""

from __future__ import annotations

from cometary.cluster.change import Fields
from cometary.cluster.reports import MOST, MOST_BYTES, Reports


class Recorded:
    """What is recorded of the events of one session, and what it has taken."""

    def __init__(self) -> None:
        self.fields: dict[str, bytes] = {}
        self.taken = 0

    def record(self, changed: Fields) -> dict[str, bytes]:
        """Record what has changed; returns all that is recorded."""
        self.fields = {**self.fields, **dict(changed)}
        self.taken = sum(len(name) + len(value) for name, value in changed)
        return self.fields


def write(event_id: str, number: int) -> bytes:
    return f"{event_id} {number}".encode()


def ids(reports: Reports) -> list[str]:
    return [report.id for report in reports.waiting]


def test_an_event_may_be_sent_when_it_is_recorded_and_once() -> None:
    reports, recorded = Reports("kim"), Recorded()
    report, waits = reports.add("signon", write)
    assert (report.id, report.body, waits, reports.changed) == ("kim-1", "kim-1 1", True, True)
    first = reports.written()
    assert not reports.changed
    reports.add("failure", write)
    before = recorded.record(first)
    assert [each.id for each in reports.note_recorded(before)] == ["kim-1"]
    assert reports.note_recorded(before) == []
    assert [each.id for each in reports.note_recorded(recorded.record(reports.written()))] == ["kim-2"]
    assert reports.take_unrecorded() == []


def test_the_next_owner_has_what_the_back_end_is_not_known_to_have_and_goes_on_counting() -> None:
    reports, recorded = Reports("kim"), Recorded()
    for kind in ("signon", "message", "message"):
        reports.add(kind, write)
    recorded.record(reports.written())
    reports.settle("kim-2")
    reports.settle("kim-2")
    recorded.record(reports.written())
    after = Reports("kim", recorded.fields)
    assert (ids(after), after.begun, after.ended, after.told) == (["kim-1", "kim-3"], True, False, False)
    assert after.note_recorded(recorded.fields) == [], "it sends these anyway"
    assert after.add("signoff", write)[0].id == "kim-4"
    after.note_told()
    recorded.record(after.written())
    last = Reports("kim", recorded.fields)
    assert (ids(last), last.ended, last.told) == (["kim-1", "kim-3", "kim-4"], True, True)


def test_one_more_event_takes_as_much_however_many_wait() -> None:
    reports, recorded = Reports("kim"), Recorded()
    taken = list[int]()
    for _ in range(MOST):
        reports.add("message", write)
        recorded.record(reports.written())
        taken.append(recorded.taken)
    assert max(taken) - min(taken) < 12, "only the numbers are longer"


def test_the_fields_of_events_that_wait_no_more_are_the_next_ones() -> None:
    reports, recorded = Reports("kim"), Recorded()
    for number in range(1, 3 * MOST):
        reports.add("message", write)
        recorded.record(reports.written())
        reports.settle(f"kim-{number - 1}")
    assert len(recorded.fields) == 3
    after = Reports("kim", recorded.fields)
    assert len(ids(after)) == 2
    for _ in range(2):
        after.add("message", write)
    assert len(recorded.record(after.written())) == 5


def test_what_is_not_recorded_any_more_is_told_apart() -> None:
    reports = Reports("kim")
    for _ in range(3):
        reports.add("message", write)
    reports.settle("kim-2")
    assert [each.id for each in reports.take_unrecorded()] == ["kim-1", "kim-3"]
    assert reports.take_unrecorded() == []


def test_no_more_is_recorded_than_there_is_room_for() -> None:
    many = Reports("kim")
    assert [many.add("message", write)[1] for _ in range(MOST + 1)] == [True] * MOST + [False]
    many.settle("kim-1")
    assert many.add("message", write)[1]
    large = Reports("kim")

    def half(_event_id: str, _number: int) -> bytes:
        return b"x" * (MOST_BYTES // 2)

    assert [large.add("message", half)[1] for _ in range(3)] == [True, True, False]
    large.settle("kim-2")
    assert large.add("message", half)[1]


def test_what_may_not_wait_has_its_number_and_is_not_recorded() -> None:
    reports, sizes = Reports("kim"), list[int]()

    def may_wait(size: int) -> bool:
        sizes.append(size)
        return False

    report, waits = reports.add("message", write, may_wait)
    assert (report.id, waits, sizes, ids(reports)) == ("kim-1", False, [len(report.body)], [])
    assert reports.add("message", write)[0].id == "kim-2"
