"""What the tests of socket.io-client talk to: what `test/support/server.ts` of theirs does, as an application."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import trio

from cometary import App, Session
from cometary.authentication import Applicant, Authenticator
from cometary.errors import AskError, ProtocolError

TEXTS: Final = ("てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string")
BYTES: Final = b"asdfasdf"

app = App()
for name in ("/foo", "/timeout_socket", "/valid", "/asd", "/abc"):
    app.namespace(name)


class Judging(Authenticator):
    """Lets in all but those who say that they are to fail, as a middleware of theirs does."""

    def judge(self, applicant: Applicant) -> bool:
        if applicant.handshake is not None and "fail" in applicant.handshake.query:
            raise ProtocolError("unauthorized", "Auth failed (main namespace)")
        return True


class Refusing(Authenticator):
    """Lets nobody in, and says so in the words of another middleware."""

    def judge(self, applicant: Applicant) -> bool:
        raise ProtocolError("unauthorized", "Auth failed (custom namespace)")


app.authenticate(Judging())
app.namespace("/no")(Refusing())


def now() -> str:
    """Return the time as JavaScript writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def handshake_of(session: Session) -> dict[str, Any]:
    """Return what a client has shown of itself."""
    shown = session.handshake
    assert shown is not None, "it has come by Socket.IO"
    return {"auth": shown.auth, "query": shown.query, "headers": shown.headers, "address": shown.address}


@app.signon
def greet(session: Session) -> None:
    """Tell who is in `/abc` what was heard of it."""
    if session.namespace == "/abc":
        session.send("abc/handshake", handshake_of(session))


@app.packet("getId")
@app.packet("foo/getId")
def tell_id(session: Session, _path: str, _message: object) -> str:
    return session.name


@app.packet("getHandshake")
def tell_handshake(session: Session, _path: str, _message: object) -> dict[str, Any]:
    return handshake_of(session)


@app.packet("hi")
def greet_back(session: Session, path: str, _message: object) -> None:
    session.send(path, ())


@app.packet("echo")
def echo(_session: Session, _path: str, message: object) -> tuple[object]:
    return (message,)  # one argument, also if that is null


@app.packet("getAckDate")
def tell_date(_session: Session, _path: str, _message: object) -> str:
    return now()


@app.packet("getDate")
def send_date(session: Session, _path: str, _message: object) -> None:
    session.send("takeDate", now())


@app.packet("getDateObj")
def send_date_within(session: Session, _path: str, _message: object) -> None:
    session.send("takeDateObj", {"date": now()})


@app.packet("getUtf8")
def send_texts(session: Session, _path: str, _message: object) -> None:
    for text in TEXTS:
        session.send("takeUtf8", text)


@app.packet("false")
def send_false(session: Session, path: str, _message: object) -> None:
    session.send(path, False)


@app.packet("doge")
def send_bytes(session: Session, path: str, _message: object) -> None:
    session.send(path, BYTES)


@app.packet("buffa")
def take_bytes(session: Session, _path: str, message: object) -> None:
    if isinstance(message, bytes):
        session.send("buffack", ())


@app.packet("jsonbuff")
def take_bytes_within(session: Session, _path: str, message: dict[str, object]) -> None:
    if (message["hello"], message["goodbye"]) == ("lol", "gotcha") and isinstance(message["message"], bytes):
        session.send("jsonbuff-ack", ())


@app.packet("abuff1")
def take_first(session: Session, _path: str, message: object) -> None:
    session.data["first"] = isinstance(message, bytes)


@app.packet("abuff2")
def take_second(session: Session, _path: str, _message: object) -> None:
    if session.data.get("first"):
        session.send("abuff2-ack", ())


asked, to_be_asked = trio.open_memory_channel[Session](1000)


@app.packet("ack")
def ask_soon(session: Session, _path: str, _message: object) -> None:
    """Ask beside: the client may say more before it answers."""
    asked.send_nowait(session)


@app.task
async def ask_everybody(_running: object) -> None:
    """Ask all who have to be asked."""
    async with trio.open_nursery() as nursery:
        async for session in to_be_asked:
            nursery.start_soon(ask, session)


async def ask(session: Session) -> None:
    """Ask a client, and say what it has got if that is what it was to answer."""
    try:
        answer = await session.ask("ack", (), timeout=1)
    except AskError:
        return
    if answer == (5, {"test": True}):
        session.send("got it", ())
