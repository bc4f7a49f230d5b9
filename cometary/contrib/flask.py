"""Push for Flask: `app.register_blueprint(blueprint(push, user), url_prefix="/push")`."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Response, abort, request, send_from_directory

from cometary.contrib import events, wishes
from cometary.contrib.push import CLIENT, Push, User


def blueprint(push: Push[User], user: Callable[[], User | None], name: str = "push") -> Blueprint:
    """Return the views: `connect`, `disconnect`, `webhook`, and the client in `comet.js` and `client/`.

    Args:
        push: What is pushed, and who may hear it.
        user: Returns who makes the current request; None for somebody who has not logged in.
        name: What Flask calls it.
    """
    views = Blueprint(name, __name__)

    @views.post("/connect")
    def connect() -> Response:
        return Response(status=push.connect(user(), request.content_type, _body(wishes.LONGEST)))

    @views.post("/disconnect")
    def disconnect() -> Response:
        return Response(status=push.disconnect(request.content_type, _body(wishes.LONGEST)))

    @views.post("/webhook")
    def webhook() -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        return Response(status=push.webhook(headers, _body(events.LONGEST)))

    @views.get("/comet.js")
    def script() -> Response:
        return Response(push.script, mimetype="text/javascript")

    @views.get("/client/<name>")
    def client(name: str) -> Response:
        return send_from_directory(CLIENT, name, mimetype="text/javascript")

    _ = connect, disconnect, webhook, script, client
    return views


def _body(most: int) -> bytes:
    if (request.content_length or 0) > most:
        abort(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    request.max_content_length = most
    return request.get_data()
