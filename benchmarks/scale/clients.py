"""Clients of a cluster, each with a connection to every node, which it uses in turn."""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Sequence
from typing import Any

from benchmarks.nodes import HEAD, LENGTH


class RoundRobin:
    """A session, and its client.

    Args:
        ports: of the nodes; the session is opened at the first, and each request goes to the next.
        resume: whether it is recorded.

    Attributes:
        sockets: its connections.
    """

    def __init__(self, ports: Sequence[int], *, resume: bool = False) -> None:
        self.sockets = [socket.create_connection(("127.0.0.1", port)) for port in ports]
        for each in self.sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._place: dict[str, Any] = {"rid": 1}
        if resume:
            self._place["resume"] = True
        self._turn = 0
        self._come = b""
        self._write(self._place)
        answer = self._read_whole()
        self._place = {"sid": answer["sid"], "rid": 1, "ack": 0}
        if resume:
            self._place["gen"] = answer["gen"]
        self.packets: list[Any] = []

    def ask(self, path: str | None = None) -> None:
        """Ask for what there is, and send a packet if a path is given."""
        if "gen" in self._place:
            self._place["done"] = self._place["rid"]
        self._place["rid"] += 1
        packet = {} if path is None else {"packets": [{"path": path, "message": self._place["rid"]}]}
        self._write(self._place | packet)

    def _write(self, body: dict[str, Any]) -> None:
        text = json.dumps(body, separators=(",", ":"))
        self.sockets[self._turn].sendall(f"{HEAD}{len(text)}\r\n\r\n{text}".encode())

    def _read_whole(self) -> dict[str, Any]:
        while (answer := self._read()) is None:
            pass
        return answer

    def _read(self) -> dict[str, Any] | None:
        data = self.sockets[self._turn].recv(65_536)
        if not data:
            raise RuntimeError("the server has closed the connection")
        self._come += data
        head, found, body = self._come.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return None
        self._come = b""
        self._turn = (self._turn + 1) % len(self.sockets)
        answer: dict[str, Any] = json.loads(body)
        return answer

    def take(self) -> bool:
        """Read; returns whether an answer has come whole, whose packets are in `packets` then.

        Raises:
            RuntimeError: it is a refusal.
        """
        answer = self._read()
        if answer is None:
            return False
        if "packets" not in answer:
            raise RuntimeError(f"not an answer: {answer}")
        self.packets = answer["packets"]
        if self.packets:
            self._place["ack"] = answer["seq"] + len(self.packets) - 1
        self._place |= {name: answer[name] for name in ("gen", "at") if name in answer}
        return True

    def move(self, port: int) -> None:
        """Ask another node from now on, and no other."""
        self.close()
        self.sockets = [socket.create_connection(("127.0.0.1", port))]
        self.sockets[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._turn = 0

    def close(self) -> None:
        """Close the connections."""
        for each in self.sockets:
            each.close()


def in_turn(clients: Sequence[RoundRobin], path: str, count: int) -> None:
    """Have so many packets of clients answered, each client's one after the other."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            for each in client.sockets:
                selector.register(each, selectors.EVENT_READ, client)
            client.ask(path)
        asked, done = len(clients), 0
        while done < asked:
            for key, _ in selector.select():
                client = key.data
                if not client.take():
                    continue
                done += bool(client.packets)
                if not client.packets:
                    client.ask()  # it is told of the answer by the next one
                elif asked < count:
                    asked += 1
                    client.ask(path)


def heard_by_all(teller: RoundRobin, listeners: Sequence[RoundRobin], count: int) -> None:
    """Have so many updates published, each when all have heard the one before; listeners hold a poll all the time."""
    with selectors.DefaultSelector() as selector:
        for each in teller.sockets:
            selector.register(each, selectors.EVENT_READ, teller)
        for client in listeners:
            for each in client.sockets:
                selector.register(each, selectors.EVENT_READ, client)
        for _ in range(count):
            teller.ask("tell")
            missing = len(listeners) + 1
            while missing:
                for key, _ in selector.select():
                    client = key.data
                    if client.take():
                        missing -= bool(client.packets)
                        if client is not teller:
                            client.ask()
