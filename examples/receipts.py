"""A back-end that sends one message and waits for its receipts: python receipts.py PATH MESSAGE."""

import sys
import uuid

from cometary import Connector

CONTROL = "http://127.0.0.1:8081"


def deliver(connector: Connector, path: str, message: object, patience: float = 60) -> dict[str, int]:
    """Send an update and wait for its end everywhere; returns how many sessions had which outcome."""
    receipt = uuid.uuid4().hex
    cursor = connector.receipts().cursor
    connector.update(path, message, receipt=receipt, ttl=patience)
    outcomes: dict[str, int] = {}
    expected: int | None = None
    while expected is None or sum(outcomes.values()) < expected:
        page = connector.receipts(cursor, wait=60)
        cursor = page.cursor
        for one in page.receipts:
            if one["id"] != receipt:
                continue  # another program's
            if one["outcome"] == "routed":
                expected = one["sessions"]
            else:
                outcomes[one["outcome"]] = outcomes.get(one["outcome"], 0) + 1
    return outcomes


if __name__ == "__main__":
    with Connector(CONTROL) as connector:
        print(deliver(connector, sys.argv[1], sys.argv[2]))
