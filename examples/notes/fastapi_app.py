"""Notes, in FastAPI: all windows of a user show the same ones. Run it: uvicorn fastapi_app:app --port 8000."""

import os
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

from cometary.contrib.fastapi import router
from cometary.contrib.push import Push

USERS = {"ada": "lovelace", "grace": "hopper"}
NOTES: dict[str, list[str]] = {name: [] for name in USERS}  # a database, in real life

app = FastAPI()
push: Push[str] = Push(
    os.environ.get("PUSH_URL", "http://127.0.0.1:8081"),
    endpoint=os.environ.get("PUSH_ENDPOINT", "http://127.0.0.1:8080/comet"),
)


def user(given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    """Return who makes this request, in whatever way the site has."""
    if USERS.get(given.username) != given.password:
        raise HTTPException(401, headers={"WWW-Authenticate": "Basic"})
    return given.username


@push.authorize("notes/*")
def is_own(user: str, path: str) -> bool:
    """Let each user hear their own notes."""
    return path == f"notes/{user}"


app.include_router(router(push, user), prefix="/push")
User = Annotated[str, Depends(user)]


class Note(BaseModel):
    """What a page sends."""

    text: str


@app.get("/")
def index(_: User) -> FileResponse:
    """Return the page."""
    return FileResponse(Path(__file__).with_name("index.html"))


@app.get("/notes")
def notes(name: User) -> dict[str, object]:
    """Return who this is, and the notes."""
    return {"user": name, "notes": NOTES[name]}


@app.post("/notes", status_code=201)
def add(name: User, note: Note) -> None:
    """Keep a note, and then push it."""
    NOTES[name].append(note.text)
    push.update(f"notes/{name}", {"number": len(NOTES[name]) - 1, "text": note.text})
