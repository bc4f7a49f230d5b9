"""Notes, in Flask: all windows of a user show the same ones. Run it: flask --app flask_app run --port 8000."""

import os
from pathlib import Path

from flask import Flask, Response, jsonify, request, send_file

from cometary.contrib.flask import blueprint
from cometary.contrib.push import Push

USERS = {"ada": "lovelace", "grace": "hopper"}
NOTES: dict[str, list[str]] = {name: [] for name in USERS}  # a database, in real life

app = Flask(__name__)
push: Push[str] = Push(
    os.environ.get("PUSH_URL", "http://127.0.0.1:8081"),
    endpoint=os.environ.get("PUSH_ENDPOINT", "http://127.0.0.1:8080/comet"),
)


def user() -> str | None:
    """Return who makes this request, in whatever way the site has."""
    given = request.authorization
    if given is None or given.username is None or USERS.get(given.username) != given.password:
        return None
    return given.username


@push.authorize("notes/*")
def is_own(user: str, path: str) -> bool:
    """Let each user hear their own notes."""
    return path == f"notes/{user}"


app.register_blueprint(blueprint(push, user), url_prefix="/push")


@app.before_request
def log_in() -> Response | None:
    """Have everybody log in."""
    return None if user() else Response(status=401, headers={"WWW-Authenticate": "Basic"})


@app.get("/")
def index() -> Response:
    """Return the page."""
    return send_file(Path(__file__).with_name("index.html"))


@app.get("/notes")
def notes() -> Response:
    """Return who this is, and the notes."""
    name = str(user())
    return jsonify({"user": name, "notes": NOTES[name]})


@app.post("/notes")
def add() -> Response:
    """Keep a note, and then push it."""
    name, text = str(user()), str(request.get_json()["text"])
    NOTES[name].append(text)
    push.update(f"notes/{name}", {"number": len(NOTES[name]) - 1, "text": text})
    return Response(status=201)
