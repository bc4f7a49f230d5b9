"""What a back-end may wish for an update: once, in a batch, not to the one who brought it about, as it is.

cometary serve; python examples/publishing.py http://127.0.0.1:8081
"""

import sys

from cometary import Connector
from cometary.errors import ConnectorError


def pay(connector: Connector, order: int, sid: str | None = None) -> None:
    """Say that an order is paid: once, however often that has to be tried, and to all but the one who paid."""
    for _ in range(3):
        try:
            connector.update("orders", {"paid": order}, exclude=sid, idempotency_key=f"order {order} is paid")
        except ConnectorError:
            continue
        return


def main(url: str) -> None:
    """Pay two orders, and say what became of three updates of which one is wrong."""
    with Connector(url) as connector:
        pay(connector, 7)
        pay(connector, 7)
        results = connector.batch([("orders", 1), ("", 2), {"path": "orders", "json": '{"total": 19.90}'}])
        print([result.get("error", "taken") for result in results])


if __name__ == "__main__":
    main(sys.argv[1])
