"""A server, and a client on a WebSocket whose cable is pulled: a program to be run in a network namespace of its own.

The loopback interface of the namespace is the cable. While it is down nothing gets through, and nobody is told.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.networks import loopback
from tests.servers import ECHO, running_server

CLIENT = Path(__file__).with_name("pulled_client.mjs")


def main() -> None:
    loopback(up=True)
    with running_server(ECHO) as server:
        command = ["node", "--experimental-websocket", "--no-warnings", str(CLIENT), server.comet]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == "on a WebSocket\n"
            loopback(up=False)
            assert client.stdout.readline() == "reconnecting\n"
            loopback(up=True)
            assert client.stdout.readline() == "open\n"
            sys.stdout.write(client.stdout.readline())


if __name__ == "__main__":
    main()
