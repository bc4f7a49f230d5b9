"""A back-end that the push server asks about tokens: python token_judge.py.

It needs the secret in AUTH_SECRET; the server has the same in COMETARY_AUTH_SECRET, and --auth-url leads here.
"""

import base64
import hmac
import json
import os
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 300
"""Seconds by which the clocks of both machines may differ."""
LONGEST = 1024 * 1024
"""Bytes of a question at most."""
LIFETIME = 300
"""Seconds: how long a session goes on before this is asked again."""
LOGINS = {"a token that the login page gave to ada": "ada"}
"""A real back-end looks into its database."""


def is_genuine(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """Whether the push server asks, and not somebody who tries tokens."""
    number, seconds, signatures = (
        headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if not seconds.isdecimal() or abs(now - int(seconds)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.digest(key, f"{number}.{seconds}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(expected).decode()}"
    return any(hmac.compare_digest(signature.encode(), one.encode()) for one in signatures.split())


def judge(question: Mapping[str, object]) -> tuple[int, dict[str, object]]:
    """Return the status and the body of the answer; the body becomes the session's data."""
    token = question["token"]
    user = LOGINS.get(token) if isinstance(token, str) else None
    if user is None:
        return 403, {}
    return 200, {"user": user, "expires": LIFETIME}


class Handler(BaseHTTPRequestHandler):
    """Answers questions."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        """Answer with a verdict; with 400, which is none, where the push server has not asked."""
        length = min(int(self.headers.get("Content-Length", 0)), LONGEST)
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        genuine = is_genuine(headers, body, os.environ["AUTH_SECRET"], time.time())
        status, answer = judge(json.loads(body)) if genuine else (400, {})
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing of requests."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Handler) as server:
        print(f"listening on port {server.server_port}", flush=True)
        server.serve_forever()
