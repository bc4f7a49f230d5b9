"""What a stanza costs by BOSH, beside Prosody's own: `python -m benchmarks.bosh`; it needs Prosody.

Some clients hold a request each, send a message to themselves, and hold the next. Counted is the processor time of the
servers, for one message: there and back, with the requests that takes. Rounds of the two take turns.
"""

from __future__ import annotations

import re
import select
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.harness.processes import cpu_seconds, free_ports, running
from benchmarks.harness.workspace import ROOT
from tests.doors.bosh.prosody import prosody

CLIENTS: Final = 50
MESSAGES: Final = 20
"""Of each client, in one round."""
ROUNDS: Final = 7

SPACES: Final = "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'"
SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"


class Client:
    """One client, on two connections.

    Args:
        port: where BOSH is spoken.
    """

    def __init__(self, port: int) -> None:
        self._free = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        self._busy: list[socket.socket] = []
        self._rid = 1_000_000
        self._sid = ""
        self.heard = 0
        self._begin()

    def _begin(self) -> None:
        self.ask("", "to='anon.localhost' wait='60' hold='1' ver='1.6' xmpp:version='1.0'")
        first = self.until("features")
        self._sid = _found(r"sid=['\"]([^'\"]+)", first)
        self.ask(f"<auth xmlns='{SASL}' mechanism='ANONYMOUS'/>")
        self.until("<success")
        self.ask("", "to='anon.localhost' xmpp:restart='true'")
        self.until("features")
        self.ask(f"<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='{BIND}'/></iq>")
        jid = _found("<jid>(.*)</jid>", self.until("<jid>"))
        self.message = (
            f"<message xmlns='jabber:client' to='{jid}' type='chat'><body>hello there</body></message>"
        )
        if not self._busy:
            self.ask()

    def ask(self, payload: str = "", said: str = "") -> None:
        """Send a request."""
        self._rid += 1
        sid = f"sid='{self._sid}' " if self._sid else ""
        body = f"<body {SPACES} rid='{self._rid}' {sid}{said}>{payload}</body>".encode()
        head = f"POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        sock = self._free.pop()
        sock.sendall(head.encode() + body)
        self._busy.append(sock)

    def until(self, word: str) -> str:
        """Read answers until one has that in it; poll where none is to come."""
        while True:
            if not self._busy:
                self.ask()
            (sock, *_), _, _ = select.select(self._busy, [], [])
            answer = _read(sock)
            self._busy.remove(sock)
            self._free.append(sock)
            if word in answer:
                return answer
            if "'terminate'" in answer:
                raise RuntimeError(f"the session has ended: {answer}")

    def hear(self) -> None:
        """Read the message that was sent, and hold a request again."""
        self.until("hello there")
        if not self._busy:
            self.ask()


def _read(sock: socket.socket) -> str:
    data = _more(sock)
    while b"\r\n\r\n" not in data:
        data += _more(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(_found("(?i)content-length: *([0-9]+)", head.decode()))
    while len(body) < length:
        body += _more(sock)
    return body.decode()


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(65_536)
    if not data:
        raise RuntimeError("the connection was closed")
    return data


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"there is no {pattern} in {text}")
    return found[1]


def round_of(clients: Sequence[Client], pids: Sequence[int]) -> list[float]:
    """Return the microseconds of each process that a message has taken, in one round."""
    before = [cpu_seconds(pid) for pid in pids]
    for _ in range(MESSAGES):
        for client in clients:
            client.ask(client.message)
        for client in clients:
            client.hear()
    after = [cpu_seconds(pid) for pid in pids]
    return [(end - begin) * 1e6 / MESSAGES / len(clients) for begin, end in zip(before, after, strict=True)]


def main() -> None:
    """Run both, and print what a message takes."""
    port, http = free_ports(2)
    with TemporaryDirectory() as folder, prosody(Path(folder), http=http) as xmpp:
        options = f"--bosh /http-bind --xmpp 127.0.0.1:{xmpp.port} --xmpp-hosts anon.localhost --watchdog 0"
        served = f"--port {port} --control 127.0.0.1:0 --log-level error"
        command = [sys.executable, "-m", "cometary", "serve", *options.split(), *served.split()]
        with running(command, ports=[port], cwd=ROOT, environment={}) as pid:
            own, ours = [Client(http) for _ in range(CLIENTS)], [Client(port) for _ in range(CLIENTS)]
            took = [(round_of(own, [xmpp.pid])[0], *round_of(ours, [pid, xmpp.pid])) for _ in range(ROUNDS)]
    alone, bosh, behind = [median(column) for column in zip(*took, strict=True)]
    print(f"Prosody's own BOSH: {alone:.0f} µs of processor time for a message there and back")
    print(
        f"Cometary: {bosh:.0f} µs, {bosh / alone:.2f} times as much; and {behind:.0f} µs in Prosody behind it"
    )


if __name__ == "__main__":
    main()
