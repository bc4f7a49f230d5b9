"""A client that says as much as it may, as fast as it may, to all who listen; and reads nothing of what it hears."""

from __future__ import annotations

from typing import Final

import trio

from tests.fuzzing.bystander import open_session, post

MOST: Final = 256
"""Packets of one request."""

PUT_OFF: Final = 0.25
"""Seconds until what was too much is tried again: too soon, as a hostile client does."""


async def shout(port: int, number: int) -> None:
    """Shout numbers until cancelled.

    Args:
        port: the comet endpoint's.
        number: which shouter it is.
    """
    sid = (await open_session(port)).decode()
    rid = said = 0
    while True:
        packets = [{"path": "shout", "message": [number, said + place]} for place in range(1, MOST + 1)]
        answer = await post(port, {"sid": sid, "rid": rid + 2, "packets": packets})
        if answer.get("error") == "too-many-requests":
            await trio.sleep(PUT_OFF)
        elif "error" in answer:
            sid, rid = (await open_session(port)).decode(), 0
        else:
            rid += 1
            said += MOST
