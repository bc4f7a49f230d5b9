"""Run three nodes behind a real nginx and a real HAProxy in round robin, as the pages recommend them.

    make proxies

Each has its configuration from `examples/deployment/nodes`, with ports and a certificate of this run in it. Two
connections of one session are at two nodes at once, and most requests are at another node than their session. It is
seen:

1.  that of packets in both directions, hundreds for each session, by long-polling, streams and WebSockets, none is
    lost, doubled or out of order, and that no answer is an error;
2.  that, when a node is killed meanwhile, its sessions are told `unknown-session`, and no other one notices.

It needs nginx, and HAProxy (Debian: `apt-get install nginx-light haproxy`), of which one that is missing is left out.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Final

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from cometary.sessions.ids import tag_of, tag_of_node
from tests.certificates import make_files, trusting
from tests.nodes.house import JSON, House, running_house
from tests.nodes.two_way import RefusedError, TwoWay
from tests.proxies_http2 import NGINX
from tests.servers import free_port

DEPLOYMENT: Final = Path(__file__).parent.parent / "examples/deployment/nodes"

CLIENTS: Final = 12
PACKETS: Final = 300
NAMES: Final = ("a", "b", "c")


def with_ports(text: str, ports: Sequence[int]) -> str:
    """Put the nodes of this run in the place of the example's."""
    for number, port in enumerate(ports, 1):
        text = text.replace(f"10.0.0.{number}:8080", f"127.0.0.1:{port}")
    return text


def nginx_of(folder: Path, port: int, nodes: Sequence[int]) -> list[str]:
    """Write the configuration of nginx; returns the command."""
    cert, key = make_files(folder)
    site = with_ports((DEPLOYMENT / "nginx.conf").read_text(), nodes)
    site = site.replace("listen 443 ", f"listen 127.0.0.1:{port} ")
    site = re.sub(r"/etc/ssl/\S+\.key", key, re.sub(r"/etc/ssl/\S+\.pem", cert, site))
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, site=site))
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return [nginx, "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(file)]


def haproxy_of(folder: Path, port: int, nodes: Sequence[int]) -> list[str]:
    """The same of HAProxy."""
    cert, key = make_files(folder)
    both = folder / "both.pem"
    both.write_text(Path(cert).read_text() + Path(key).read_text())
    site = with_ports((DEPLOYMENT / "haproxy.cfg").read_text(), nodes)
    site = site.replace("bind :443 ", f"bind 127.0.0.1:{port} ").replace(
        "/etc/ssl/www.example.org.pem", str(both)
    )
    site = site.replace("maxconn 40000", "maxconn 400")
    file = folder / "haproxy.cfg"
    file.write_text(site)
    haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
    return [haproxy, "-db", "-q", "-f", str(file)]


PROXIES: Final[dict[str, Callable[[Path, int, Sequence[int]], list[str]]]] = {
    "nginx": nginx_of,
    "haproxy": haproxy_of,
}


@contextmanager
def proxy(name: str, nodes: Sequence[int]) -> Generator[int]:
    """Run a proxy before the nodes; yields its port."""
    port = free_port()
    with TemporaryDirectory() as folder:
        process = subprocess.Popen(PROXIES[name](Path(folder), port, nodes), stderr=subprocess.DEVNULL)
        try:
            reached(port)
            yield port
        finally:
            process.terminate()
            process.wait()


def reached(port: int) -> None:
    """Wait until the proxy listens."""
    for _ in range(100):
        try:
            with closing(way(port)) as connection:
                connection.connect()
        except OSError:
            time.sleep(0.05)
        else:
            return


def way(port: int) -> http.client.HTTPConnection:
    """Connect to the proxy."""
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=TRUSTING[0])


TRUSTING: Final[list[ssl.SSLContext]] = []


class Trial:
    """What is tried behind one proxy.

    Args:
        house: the nodes.
        port: the proxy's.
    """

    def __init__(self, house: House, port: int) -> None:
        self._house = house
        self._port = port
        self.wrong: list[str] = []

    def run(self) -> list[str]:
        """Try all; returns what is wrong."""
        tries = [self._try_polls] * CLIENTS + [self._try_stream] * 4 + [self._try_websocket] * 4
        threads = [Thread(target=self._try, args=(each,)) for each in tries]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.wrong

    def _try(self, attempt: Callable[[], None]) -> None:
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - it is told at the end
            self.wrong.append(f"{attempt.__name__[5:]}: {type(error).__name__} {error}")

    def _connect(self) -> http.client.HTTPConnection:
        return way(self._port)

    def _try_polls(self) -> None:
        client = TwoWay([self._connect])
        client.exchange((("echo", number) for number in range(PACKETS)), PACKETS)
        assert client.received == [*range(PACKETS)], "packets are missing, or out of order"
        assert client.gaps == 0, "packets are left out"
        assert set(client.statuses) == {200}, f"answers with status {client.statuses}"

    def _try_stream(self) -> None:
        client = TwoWay([self._connect])
        with closing(self._connect()) as connection:
            attach = json.dumps({"sid": client.sid, "ack": 0})
            connection.request("POST", "/comet", attach, {**JSON, "Accept": "application/x-ndjson"})
            stream = connection.getresponse()
            assert stream.status == 200, f"status {stream.status}"
            sending = Thread(target=client.send, args=((("echo", n) for n in range(PACKETS)), 3))
            sending.start()
            received = list[int]()
            while len(received) < PACKETS:
                line = stream.readline()
                assert line, "the stream has ended"
                received += [each["message"] for each in json.loads(line).get("packets", ())]
            sending.join()
        assert received == [*range(PACKETS)], "packets are missing, or out of order"

    def _try_websocket(self) -> None:
        client = TwoWay([self._connect])
        url = f"wss://127.0.0.1:{self._port}/comet"
        protocols = [Subprotocol("cometary.1")]
        with connect(url, ssl=TRUSTING[0], subprotocols=protocols, compression=None) as socket:
            socket.send(json.dumps({"sid": client.sid, "ack": 0}))
            received = list[int]()
            for number in range(PACKETS):
                packet = {"path": "echo", "message": number}
                socket.send(json.dumps({"rid": number + 2, "packets": [packet]}))
            while len(received) < PACKETS:
                received += [
                    each["message"] for each in json.loads(socket.recv(timeout=30)).get("packets", ())
                ]
        assert received == [*range(PACKETS)], "packets are missing, or out of order"

    def run_while_one_is_killed(self) -> list[str]:
        """Kill a node while all go on; returns what is wrong."""
        self.wrong.clear()
        victim = self._house.nodes[-1]
        clients = [TwoWay([self._connect]) for _ in range(CLIENTS)]
        threads = [Thread(target=self._go_on, args=(each, victim.name)) for each in clients]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        victim.server.process.kill()
        for thread in threads:
            thread.join()
        return self.wrong

    def _go_on(self, client: TwoWay, victim: str) -> None:
        lost = tag_of(client.sid) == tag_of_node(victim)
        try:
            client.exchange((("echo", number) for number in range(PACKETS)), PACKETS)
        except (AssertionError, RefusedError) as error:
            if not lost or str(error) != "unknown-session":
                self.wrong.append(f"a session of {'the dead' if lost else 'another'} node: {error}")
        else:
            if lost:
                self.wrong.append("a session of the dead node has gone on")
            elif client.received != [*range(PACKETS)] or client.gaps:
                self.wrong.append("a session of another node has lost packets")
            elif set(client.statuses) != {200}:
                self.wrong.append(f"a session of another node has seen {client.statuses}")


def main() -> int:
    """Try each proxy that there is; returns the exit status."""
    TRUSTING.append(trusting())
    failed = False
    for name in sys.argv[1:] or PROXIES:
        if shutil.which(name) is None and shutil.which(name, path="/usr/sbin") is None:
            sys.stdout.write(f"---- {name} is not installed\n")
            continue
        with running_house(*NAMES) as house, proxy(name, [each.server.port for each in house.nodes]) as port:
            trial = Trial(house, port)
            wrong = [*trial.run()]
            wrong += [f"with a node killed, {each}" for each in trial.run_while_one_is_killed()]
        failed |= bool(wrong)
        verdict = f"FAIL {name}: {'; '.join(wrong)}" if wrong else f"ok   {name}: nothing lost"
        sys.stdout.write(
            f"{verdict}, three nodes in round robin, {CLIENTS} sessions, {PACKETS} packets each\n"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
