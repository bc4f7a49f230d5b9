"""The example of "Serve a Django or Flask site": files, and a WSGI site beside the sessions."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cometary import App

app = App()
app.files("/static/", Path(__file__).parent / "first_push")


def site(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer at all other paths."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"This is {environ['PATH_INFO']}.\n".encode()]
