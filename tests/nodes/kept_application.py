"""What the nodes of the tests serve that keep histories and presence: who opens is connected to nothing."""

from __future__ import annotations

from cometary import App
from cometary.sessions import Session

app = App()
app.path("kept/*", history=1_000)
app.path("few/*", history=3)
app.path("room/*", presence=True)


@app.packet("hear")
def hear(session: Session, _path: str, message: object) -> None:
    session.connect(str(message))


@app.packet("tell/**")
def tell(_session: Session, path: str, message: object) -> None:
    app.update(path.removeprefix("tell/"), message)
