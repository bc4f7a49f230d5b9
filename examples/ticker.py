"""Prices: a client that is behind gets the latest ones, not all of them.

cometary serve examples.ticker:app
"""

from cometary import App, Session

app = App()
app.path("prices/*", when_full="conflate", ttl=10)
app.path("log/**", when_full="drop_oldest", limit=50)
app.path("orders/**", when_full="close", limit=20)


@app.signon
def joined(session: Session) -> None:
    """Let the session have prices, the log and the orders."""
    session.connect("prices/*", "log/**", "orders/**")
