"""Questions in both directions, and messages from one client to another.

cometary serve examples.asking:app
"""

from cometary import App, Session
from cometary.errors import AskError, RefusedError

app = App()
stock = {"tea": 3}


@app.packet("order")
async def order(session: Session, _path: str, message: object) -> dict[str, object]:
    """Answer an order, once its client has said that it is sure."""
    if not isinstance(message, str) or not stock.get(message):
        raise RefusedError("There is none.", "sold-out")
    try:
        sure = await session.ask("sure", message, timeout=30)
    except AskError as error:
        raise RefusedError(f"We could not ask you: {error.condition}.", "not-sure") from error
    if sure is not True:
        return {"ordered": None}
    stock[message] -= 1
    return {"ordered": message, "left": stock[message]}


@app.peer
def may(session: Session, name: str, path: str, _message: object) -> bool:
    """Let everybody whisper to everybody else, and nothing else."""
    return path == "whisper" and name != session.name
