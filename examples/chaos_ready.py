"""An application that `cometary chaos` can run against: its own handlers, and the bench's."""

from cometary import App, Session
from cometary.chaos.application import add_echo

app = App()
add_echo(app)


@app.signon
def joined(session: Session) -> None:
    """Do what the application does anyway."""
    session.connect("news")
