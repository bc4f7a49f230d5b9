"""The events of a recorded session: their numbers, when they may be sent, and how many of them are recorded."""

from __future__ import annotations

from cometary.cluster.reports import MOST, MOST_BYTES, Reports


def write(event_id: str, number: int) -> bytes:
    return f"{event_id} {number}".encode()


def ids(reports: Reports) -> list[str]:
    return [report.id for report in reports.waiting]


def test_an_event_may_be_sent_when_it_is_recorded_and_once() -> None:
    reports = Reports("kim")
    report, waits = reports.add("signon", write)
    assert (report.id, report.body, waits, reports.changed) == ("kim-1", "kim-1 1", True, True)
    before = reports.written()
    assert not reports.changed
    reports.add("failure", write)
    assert [each.id for each in reports.note_recorded(before)] == ["kim-1"]
    assert reports.note_recorded(before) == []
    assert [each.id for each in reports.note_recorded(reports.written())] == ["kim-2"]
    assert reports.take_unrecorded() == []


def test_the_next_owner_has_what_the_back_end_is_not_known_to_have_and_goes_on_counting() -> None:
    reports = Reports("kim")
    for kind in ("signon", "message", "message"):
        reports.add(kind, write)
    reports.settle("kim-2")
    reports.settle("kim-2")
    after = Reports("kim", reports.written())
    assert (ids(after), after.begun, after.ended, after.told) == (["kim-1", "kim-3"], True, False, False)
    assert after.note_recorded(reports.written()) == [], "it sends these anyway"
    assert after.add("signoff", write)[0].id == "kim-4"
    after.note_told()
    last = Reports("kim", after.written())
    assert (last.ended, last.told) == (True, True)


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
