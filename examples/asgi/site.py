"""The example of "Have the sessions in an ASGI server": a site in Starlette, and sessions before it."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cometary import App, Session
from cometary.asgi import CometASGI
from cometary.config import Settings

app = App()


@app.signon
def joined(session: Session) -> None:
    """Let the session hear what happens."""
    session.connect("visits")


async def home(_: Request) -> PlainTextResponse:
    """Tell everybody of the visit."""
    app.update("visits", "somebody was here")
    return PlainTextResponse("hello")


site = Starlette(routes=[Route("/", home)])
application = CometASGI(app, Settings(wait=50), site)
