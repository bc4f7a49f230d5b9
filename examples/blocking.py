"""An application with a handler that holds up everybody, and the same one mended: for the guide on it.

cometary serve examples/blocking.py:app
"""

import time

import trio

from cometary import App, Session

app = App()


def ask_the_database(_question: object) -> str:
    """Stand in for a driver that blocks its thread until the answer is here."""
    time.sleep(0.5)
    return "forty-two"


@app.packet("question")
def question(session: Session, _path: str, message: object) -> None:
    """Answer, while nobody else is served."""
    session.send("answer", ask_the_database(message))


@app.packet("question/mended")
async def mended_question(session: Session, _path: str, message: object) -> None:
    """Answer, while everybody else is served."""
    session.send("answer", await trio.to_thread.run_sync(ask_the_database, message))
