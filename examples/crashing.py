"""An application with a mistake, for the guide on crashes: it believes what a client sends.

cometary serve examples/crashing.py:app
"""

from cometary import App, Session

app = App()


@app.packet("order")
def order(session: Session, _path: str, message: dict[str, int]) -> None:
    """Tell what an order costs."""
    session.send("total", message["count"] * message["price"])
