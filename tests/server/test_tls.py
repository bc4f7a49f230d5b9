"""A server whose clients speak TLS, as a process."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from resource import getpagesize
from statistics import median

import httpx
import pytest
from playwright.sync_api import Browser
from websockets import Subprotocol
from websockets.sync.client import connect

from cometary.config import Settings
from cometary.errors import ConfigError
from cometary.transport.net.certificate import Certificate
from tests.certificates import issuer, make_files, trusting
from tests.servers import ECHO, ENVIRONMENT, RunningServer, running_server


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    return make_files(tmp_path)


def open_session(server: RunningServer, context: ssl.SSLContext) -> httpx.Response:
    with httpx.Client(verify=context) as client:
        return client.post(server.comet, json={"rid": 1})


def serial(server: RunningServer) -> object:
    with (
        socket.create_connection(("127.0.0.1", server.port)) as sock,
        trusting().wrap_socket(sock, server_hostname="127.0.0.1") as secure,
    ):
        return (secure.getpeercert() or {})["serialNumber"]


def test_sessions_are_opened_over_tls_and_openssl_agrees(files: tuple[str, str], tmp_path: Path) -> None:
    cert, key = files
    issuer().cert_pem.write_to_path(tmp_path / "issuer.pem")
    with running_server(ECHO, "--tls-cert", cert, "--tls-key", key) as server:
        assert server.comet.startswith("https://")
        assert server.control.startswith("http://")
        assert "sid" in open_session(server, trusting()).json()
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-verify_return_error"]
        seen = subprocess.run(
            [*command, "-CAfile", str(tmp_path / "issuer.pem"), "-verify_ip", "127.0.0.1", "-brief"],
            input=b"",
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert b"Verification: OK" in seen.stdout + seen.stderr
        server.stop()


def test_sighup_has_the_certificate_read_again_and_no_session_ends(
    files: tuple[str, str], tmp_path: Path
) -> None:
    cert, key = files
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        running_server(ECHO, "--tls-cert", cert, "--tls-key", key, log=file) as server,
    ):
        with httpx.Client(verify=trusting()) as client:
            sid = client.post(server.comet, json={"rid": 1}).json()["sid"]
            first = serial(server)
            make_files(tmp_path)
            hang_up(server, log, "read again")
            assert serial(server) != first
            Path(key).write_text("no key")
            hang_up(server, log, "stays as it was")
            sent = {"sid": sid, "rid": 2, "packets": [{"path": "echo", "message": "still here"}]}
            answer = client.post(server.comet, json=sent).json()
            assert [packet["message"] for packet in answer["packets"]] == ["still here"]
            assert serial(server) != first
        server.stop()


def hang_up(server: RunningServer, log: Path, until: str) -> None:
    """Send SIGHUP, and wait for what the log says of it."""
    server.process.send_signal(signal.SIGHUP)
    while until not in log.read_text():
        assert server.process.poll() is None


def refusal(*options: str) -> tuple[int, str]:
    """Start a server that does not; returns its exit status, and what it says."""
    command = [sys.executable, "-m", "cometary", "serve", "--port", "0", "--control", "127.0.0.1:0", *options]
    ended = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False, timeout=60)
    return ended.returncode, ended.stderr


def test_a_start_with_a_wrong_file_says_which(files: tuple[str, str]) -> None:
    cert, key = files
    Path(key).write_text("no key")
    status, said = refusal("--tls-cert", cert, "--tls-key", key)
    assert status == 2
    assert said.startswith(f"cometary: tls-key: {key} holds no private key")
    assert said.count("\n") == 1


def test_each_file_is_named_with_what_is_wrong_with_it(files: tuple[str, str], tmp_path: Path) -> None:
    cert, key = files
    other = tmp_path / "other"
    other.mkdir()
    _, others_key = make_files(other)
    encrypted = tmp_path / "encrypted.pem"
    command = ["openssl", "pkcs8", "-topk8", "-in", key, "-out", str(encrypted), "-passout", "pass:x"]
    subprocess.run(command, check=True, timeout=60)
    for pair, where, problem in (
        ((cert, "/nowhere"), "tls-key", "/nowhere cannot be read: No such file or directory"),
        (("/nowhere", key), "tls-cert", "/nowhere cannot be read: No such file or directory"),
        ((str(tmp_path), key), "tls-cert", f"{tmp_path} cannot be read: Is a directory"),
        ((key, key), "tls-cert", f"{key} holds no certificate in PEM form"),
        ((cert, cert), "tls-key", f"{cert} holds no private key in PEM form that goes with {cert}"),
        ((cert, others_key), "tls-key", f"{others_key} is not the key of the certificate in {cert}"),
        ((cert, str(encrypted)), "tls-key", f"{encrypted} is encrypted, and nobody is there"),
    ):
        with pytest.raises(ConfigError) as caught:
            Certificate(*pair)
        assert caught.value.where == where
        assert caught.value.problem.startswith(problem)


def test_a_certificate_without_its_key_is_refused_and_the_other_way_round() -> None:
    with pytest.raises(ConfigError, match=r"tls-cert: .*tls-key"):
        Settings(tls_cert="cert.pem")
    with pytest.raises(ConfigError, match=r"tls-key: .*tls-cert"):
        Settings(tls_key="key.pem")


def test_a_session_over_tls_takes_no_more_than_20_kb(files: tuple[str, str]) -> None:
    cert, key = files
    context = trusting()
    held: list[ssl.SSLSocket] = []

    def open_sessions(count: int) -> int:
        """Open sessions, each with a request that is held; returns the server's resident bytes then."""
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", server.port))
            held.append(secure := context.wrap_socket(sock, server_hostname="127.0.0.1"))
            secure.sendall(request({"rid": 1}))
            sid = json.loads(secure.recv(4096).partition(b"\r\n\r\n")[2])["sid"]
            secure.sendall(request({"sid": sid, "rid": 2}))
        with httpx.Client() as client:  # whose answer comes when all of that has been read
            assert client.get(server.control + "/sessions").status_code == 200
        return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * getpagesize()

    def request(body: object) -> bytes:
        text = json.dumps(body).encode()
        head = b"POST /comet HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(text), text)

    with running_server("", "--tls-cert", cert, "--tls-key", key) as server:
        sizes = [open_sessions(100) for _ in range(6)]
        # Not all growth is a session's: the allocator takes memory for many things in larger pieces.
        each = median(after - before for before, after in pairwise(sizes)) / 100
        for secure in held:
            secure.close()
    assert each <= 20 * 1024  # it is about 18; a kilobyte more or less is the allocator's


def test_a_websocket_is_had_over_tls(files: tuple[str, str]) -> None:
    cert, key = files
    with running_server(ECHO, "--tls-cert", cert, "--tls-key", key) as server:
        url = server.comet.replace("https", "wss")
        protocols = [Subprotocol("cometary.1")]
        with connect(url, ssl=trusting(), subprotocols=protocols, compression=None) as websocket:
            websocket.send(json.dumps({"rid": 1}))
            assert "sid" in json.loads(websocket.recv())
            long = "x" * 50_000
            sent = {"rid": 2, "packets": [{"path": "echo", "message": long}]}
            websocket.send(json.dumps(sent))
            received = [json.loads(websocket.recv())]
            while not received[-1].get("packets"):
                received.append(json.loads(websocket.recv()))
            assert [packet["message"] for packet in received[-1]["packets"]] == [long]
        server.stop()


@pytest.mark.browser
def test_a_browser_has_sessions_and_websockets_over_tls(files: tuple[str, str], browser: Browser) -> None:
    cert, key = files
    with running_server("cometary.demo:app", "--tls-cert", cert, "--tls-key", key) as server:
        context = browser.new_context(ignore_https_errors=True)  # nobody has told it of the issuer
        page = context.new_page()
        page.goto(f"{server.origin}/")
        opened = page.evaluate(
            """async () => (await (await fetch("/comet", {method: "POST", body: '{"rid": 1}'})).json()).sid"""
        )
        assert opened
        told = page.evaluate(
            """() => new Promise((resolve, reject) => {
                const socket = new WebSocket(`wss://${location.host}/comet`, ["cometary.1"]);
                socket.onopen = () => socket.send('{"rid": 1}');
                socket.onmessage = (event) => resolve(JSON.parse(event.data).sid);
                socket.onclose = reject;
            })"""
        )
        assert told
        assert told != opened
        context.close()
        server.stop()
