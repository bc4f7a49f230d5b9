"""PROJECT: what one page says, every page hears."""

from pathlib import Path

from cometary import App, Session

LONGEST = 1000

app = App()
app.files("/", Path(__file__).parent / "page")


@app.signon
def joined(session: Session) -> None:
    """Greet a page that has just opened, and let it hear what is said."""
    session.connect("said")
    session.send("hello", {"you": session.name})


@app.packet("say")
def say(session: Session, _path: str, message: object) -> None:
    """Tell every page what one of them says; pages may send anything at all."""
    if isinstance(message, str) and message.strip():
        app.update("said", {"from": session.name, "text": message[:LONGEST]})
