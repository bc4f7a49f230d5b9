"""A site with pages and a back-end, as browsers meet it beside the push server."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

Answer = Callable[[str, Any], int]

CAPPUCCINO = ROOT / "node_modules/@objj/cappuccino/dist"
FRAMEWORKS = {
    "/Frameworks/Objective-J/": CAPPUCCINO / "objective-j/Frameworks/Objective-J",
    "/Frameworks/": CAPPUCCINO / "cappuccino/Frameworks",
}
"""Where Cappuccino's own tools put its frameworks, and where npm has put them."""


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

    def translate_path(self, path: str) -> str:
        for prefix, directory in FRAMEWORKS.items():
            if path.startswith(prefix):
                return str(directory / path.removeprefix(prefix))
        return super().translate_path(path)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""
