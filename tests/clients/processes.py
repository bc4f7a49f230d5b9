"""The server as a process of its own, and a site with pages, as browsers meet them."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
READY = re.compile(r"cometary: comet http://127\.0\.0\.1:(\d+)/comet, control (http://127\.0\.0\.1:\d+)\n")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that accepts connections."""

    port: int
    control: str
    process: subprocess.Popen[str]


@contextmanager
def running_server(*options: str, port: int = 0) -> Generator[RunningServer]:
    """Run the server with the echo application on free ports, until the end of the block.

    Args:
        options: more of the command line.
        port: the port of the comet endpoint, if it must be a certain one.
    """
    command = [sys.executable, "-m", "cometary", "serve", "echo_application:app"]
    ports = ["--port", str(port), "--control", "127.0.0.1:0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}
    with subprocess.Popen(
        [*command, *ports, *options], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            ready = READY.fullmatch(process.stdout.readline())
            assert ready, "the server does not start"
            yield RunningServer(int(ready[1]), ready[2], process)
        finally:
            process.kill()


Answer = Callable[[str, Any], int]


@contextmanager
def running_site(answer: Answer) -> Generator[str]:
    """Serve the client's modules and this folder's pages, and answer posts, until the end of the block.

    Args:
        answer: the site's back-end: gets the path and the JSON body of a post, returns the status.

    Yields:
        The site's origin.
    """
    handler = functools.partial(_Site, answer=answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_address[1]}"
        finally:
            site.shutdown()
            thread.join()


class _Site(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, answer: Answer) -> None:
        self._answer = answer
        super().__init__(*args, directory=str(ROOT))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self._answer(self.path, body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""
