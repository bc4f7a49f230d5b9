"""What supervisors count."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.errors import ChildStartError, ChildStateError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    Supervisor,
    SupervisorSpec,
    SupervisorStatistics,
    start_child,
    supervisor_statistics,
)
from tests.supervision.company import Diary, Worker, child, company, settled, tell, worker


async def task() -> None:
    """Do nothing, as a task."""


async def test_starts_restarts_and_failures_are_counted() -> None:
    diary = Diary()
    children = [worker("a", diary), worker("b", diary), ChildSpec("below", SupervisorSpec())]
    async with company(*children, strategy="one_for_all", intensity=10) as root:
        assert supervisor_statistics(root) == SupervisorStatistics(3, 0, 0, {"worker": 2, "supervisor": 1})
        await start_child(root, ChildSpec("task", task, restart="temporary"))
        await settled()  # it has ended, and is forgotten
        assert supervisor_statistics(root) == SupervisorStatistics(4, 0, 0, {"worker": 2, "supervisor": 1})
        await tell(root, "a", "crash")
        assert supervisor_statistics(root) == SupervisorStatistics(4, 3, 1, {"worker": 2, "supervisor": 1})


async def test_a_normal_end_is_no_failure_though_it_is_restarted() -> None:
    async with company(worker("a", Diary()), intensity=10) as root:
        await tell(root, "a", "leave")
        assert supervisor_statistics(root) == SupervisorStatistics(1, 1, 0, {"worker": 1})


async def test_starts_that_fail_are_failures_and_no_starts() -> None:
    diary = Diary()
    async with company(worker("a", diary), intensity=10) as root:
        diary.failing_starts = {"a": 1, "b": 1}
        with pytest.raises(ChildStartError):
            await start_child(root, worker("b", diary))
        assert supervisor_statistics(root) == SupervisorStatistics(1, 0, 1, {"worker": 1})
        await tell(root, "a", "crash")  # the first restart fails as well, the second does not
        assert supervisor_statistics(root) == SupervisorStatistics(1, 2, 3, {"worker": 1})


async def test_a_dynamic_supervisor_counts_too() -> None:
    diary = Diary()
    async with company(ChildSpec("crowd", DynamicSupervisor, kwargs={"per": "child"})) as root:
        crowd = await child(root, "crowd")
        refs = [await start_child(crowd, Worker, name, diary) for name in "abc"]
        await start_child(crowd, ChildSpec("below", SupervisorSpec()))
        refs[0].tell("crash")
        refs[1].tell("leave")
        await settled()
        assert supervisor_statistics(crowd) == SupervisorStatistics(4, 1, 1, {"worker": 2, "supervisor": 1})
        with pytest.raises(ChildStateError):
            supervisor_statistics(refs[0])


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
async def test_what_a_subclass_understands_and_does_not_serve_is_dropped_with_a_warning(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    own = type("Own", (kind,), {"understood": (*kind.understood, int)})
    async with company(ChildSpec("own", own)) as root:
        ref = await child(root, "own")
        ref.tell(7)
        await settled()
        assert ref.is_alive()
    assert "root/own dropped a message that it does not know: int" in caplog.text
