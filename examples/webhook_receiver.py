"""A back-end that hears of sessions by webhook: python webhook_receiver.py.

It needs the secret in WEBHOOK_SECRET; the server has the same in COMETARY_WEBHOOK_SECRET.
"""

import base64
import hmac
import json
import os
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300
"""Seconds by which the clocks of both machines may differ; what is older was recorded by somebody."""
LONGEST = 16 * 1024 * 1024
"""Bytes of an event that are taken at most."""
REMEMBERED = 10_000
"""Events of which doubles are recognised; a real back-end keeps their ids in its database."""


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """Whether the server has sent this, and not long ago."""
    number, seconds, signatures = (
        headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if not seconds.isdecimal() or abs(now - int(seconds)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.digest(key, f"{number}.{seconds}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(expected).decode()}"
    return any(hmac.compare_digest(signature.encode(), one.encode()) for one in signatures.split())


class Presence:
    """Who is there: what this back-end makes of the events."""

    def __init__(self) -> None:
        self.sessions: dict[object, object] = {}
        self.seen: dict[object, None] = {}

    def take(self, event: dict[str, object]) -> None:
        """Take an event; one that came before is a double, since its answer was lost."""
        if event["id"] in self.seen:
            return
        if event["type"] == "signon":
            self.sessions[event["session"]] = event.get("user")
        elif event["type"] == "signoff":
            self.sessions.pop(event["session"], None)
        self.seen[event["id"]] = None  # last: what failed will be sent again
        if len(self.seen) > REMEMBERED:
            del self.seen[next(iter(self.seen))]


class Handler(BaseHTTPRequestHandler):
    """Takes webhooks."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    presence = Presence()

    def do_POST(self) -> None:
        """Answer with 204 what was taken, and with 401 what the server has not signed."""
        length = min(int(self.headers.get("Content-Length", 0)), LONGEST)
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        genuine = is_genuine(headers, body, os.environ["WEBHOOK_SECRET"], time.time())
        if genuine:
            self.presence.take(json.loads(body))
            print("online:", sorted(map(str, self.presence.sessions.values())), flush=True)
        self.send_response(204 if genuine else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing of requests."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Handler) as server:
        print(f"listening on port {server.server_port}", flush=True)
        server.serve_forever()
