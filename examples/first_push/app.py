"""The first tutorial's server: it serves a page, and what one page says all pages hear.

cometary serve examples/first_push/app.py:app
"""

from pathlib import Path

from cometary import App, Session

HERE = Path(__file__).parent

app = App()
app.files("/", HERE / "public")


@app.signon
def joined(session: Session) -> None:
    """Greet a page that has just opened, and let it hear the news."""
    session.connect("news")
    session.send("hello", {"you": session.name})


@app.packet("say")
def say(session: Session, _path: str, message: object) -> None:
    """Tell every page what one of them says."""
    app.update("news", {"from": session.name, "text": message})
