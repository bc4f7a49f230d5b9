"""The back-end of the documentation that waits for its receipts."""

from __future__ import annotations

from threading import Thread

from cometary import Connector
from examples.receipts import deliver
from tests.examples.sessions import ClientSession
from tests.servers import running_server


def test_it_counts_what_has_become_of_its_message() -> None:
    with (
        running_server("examples/ticker.py:app") as server,
        ClientSession(server.comet) as reader,
        ClientSession(server.comet),
        Connector(server.control) as connector,
    ):
        outcomes: dict[str, int] = {}

        def send() -> None:
            outcomes.update(deliver(connector, "orders/7", "shipped", patience=1))

        sender = Thread(target=send)
        sender.start()
        assert reader.hear() == [("orders/7", "shipped")]
        reader.exchange(close=True)
        sender.join(timeout=60)
        assert outcomes == {"delivered": 1, "expired": 1}


def test_a_message_for_nobody_is_at_its_end_at_once() -> None:
    with running_server("") as server, Connector(server.control) as connector:
        assert deliver(connector, "nobody/listens", 1) == {}
