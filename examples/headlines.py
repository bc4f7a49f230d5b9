"""Headlines that are kept: who comes later gets the last ten, and who was away gets what they missed.

cometary serve examples.headlines:app
"""

from cometary import App, Session

app = App()
app.path("headlines/*", history=100, history_ttl=3600)


@app.signon
def joined(session: Session) -> None:
    """Begin with the last ten."""
    session.connect("headlines/world", last=10)
