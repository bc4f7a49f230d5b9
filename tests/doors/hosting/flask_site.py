"""A site in Flask."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response, request, url_for

application = Flask(__name__)


@application.post("/echo/<name>")
def echo(name: str) -> dict[str, object]:
    """Tell what was sent."""
    return {"name": name, "json": request.get_json(), "url": url_for("pieces", _external=True)}


@application.get("/pieces")
def pieces() -> Response:
    """Answer bit by bit."""

    def numbers() -> Iterator[str]:
        for number in range(100):
            yield f"{number}\n"

    return Response(numbers(), mimetype="text/plain")


@application.get("/fail")
def fail() -> str:
    """Raise."""
    raise ValueError("a view that fails")
