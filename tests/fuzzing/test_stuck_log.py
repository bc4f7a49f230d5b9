"""A log that nobody reads costs nobody anything but the log."""

from __future__ import annotations

import trio

from tests.fuzzing.bystander import open_session, post
from tests.fuzzing.stuck_log import crash, server_with_a_stuck_log


async def test_a_log_pipe_that_nobody_reads_holds_up_neither_the_server_nor_its_end() -> None:
    read: list[bytes] = []
    with server_with_a_stuck_log(read) as server, trio.fail_after(60):
        await crash(server.port)
        sid = (await open_session(server.port)).decode()
        packets = [{"path": "echo", "message": "still here"}]
        assert (await post(server.port, {"sid": sid, "rid": 2, "packets": packets}))["packets"] == packets
        await trio.to_thread.run_sync(server.stop)
    assert read[0].count(b"Traceback") > 1
    assert len(read[0]) > 32_000, "the pipe was not full"
