"""Supervision: OTP's supervisors for actors, other supervisors and plain async functions.

A tree, as a program starts it:

    from cometary.actors import system
    from cometary.supervision import ChildSpec, DynamicSupervisor, supervise

    children = [
        ChildSpec("sessions", DynamicSupervisor, kwargs={"per": "child"}),
        ChildSpec("listener", listen, args=(8080,)),
    ]
    async with system(), supervise(children, strategy="rest_for_one") as root:
        ...
"""

from __future__ import annotations

from cometary.actors.blocking import abandoned_threads
from cometary.supervision.calls import (
    ChildCount,
    ChildInfo,
    count_children,
    delete_child,
    get_childspec,
    restart_child,
    set_intensity,
    start_child,
    start_child_async,
    terminate_child,
    which_child,
    which_children,
)
from cometary.supervision.dynamic import DynamicSupervisor
from cometary.supervision.function import InThread
from cometary.supervision.partition import PartitionSupervisor, count_partitioned, partition
from cometary.supervision.reports import CrashReport, ProgressReport
from cometary.supervision.restart_policy import Backoff
from cometary.supervision.root import supervise
from cometary.supervision.spec import ChildSpec, SupervisorSpec
from cometary.supervision.supervising_actor import (
    SupervisorStatistics,
    latest_reports,
    subscribe,
    subscribe_progress,
    supervisor_statistics,
    unsubscribe,
)
from cometary.supervision.supervisor import Supervisor
from cometary.supervision.task_stream import TaskStream, async_stream, async_stream_nolink
from cometary.supervision.task_supervisor import TaskSupervisor, async_, async_nolink
from cometary.supervision.tree import TreeNode, tree

__all__ = [
    "Backoff",
    "ChildCount",
    "ChildInfo",
    "ChildSpec",
    "CrashReport",
    "DynamicSupervisor",
    "InThread",
    "PartitionSupervisor",
    "ProgressReport",
    "Supervisor",
    "SupervisorSpec",
    "SupervisorStatistics",
    "TaskStream",
    "TaskSupervisor",
    "TreeNode",
    "abandoned_threads",
    "async_",
    "async_nolink",
    "async_stream",
    "async_stream_nolink",
    "count_children",
    "count_partitioned",
    "delete_child",
    "get_childspec",
    "latest_reports",
    "partition",
    "restart_child",
    "set_intensity",
    "start_child",
    "start_child_async",
    "subscribe",
    "subscribe_progress",
    "supervise",
    "supervisor_statistics",
    "terminate_child",
    "tree",
    "unsubscribe",
    "which_child",
    "which_children",
]
