"""An application that wants receipts, and writes down what becomes of them.

A client's packet to `say` is answered by one to `said` that wants a receipt. The handler of receipts writes into the
file that `ACCOUNT` names that it begins, and that it returns. It does not return while there is the file that `HOLD`
names.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import trio

from cometary import App, Failure, Packet, Receipt, Session

app = App()
HOLD = trio.Path(os.environ.get("HOLD", "/nowhere/hold"))


def write(*words: object) -> None:
    """Write one line of the account, before anything else can happen."""
    descriptor = os.open(os.environ["ACCOUNT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    os.close(descriptor)


@app.packet("say")
def said(session: Session, path: str, message: Any) -> None:
    """Answer, and want to know what becomes of the answer."""
    session.send("said", message, receipt=f"{session.name}/{message}")


@app.receipt
async def settled(receipt: Receipt) -> None:
    """Write it down, and take a moment, or as long as a test wants."""
    write("begins", receipt.id, receipt.outcome)
    while await HOLD.exists():  # noqa: ASYNC110 - it is another process that removes it
        await trio.sleep(0.01)
    write("returns", receipt.id)


@app.signoff
def signed_off(session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
    """Write it down."""
    write("off", session.name, reason, len(undelivered))


@app.failure
def failed(failure: Failure) -> None:
    """Write it down, and tell the client."""
    reason = getattr(failure.error, "reason", type(failure.error).__name__)
    if failure.receipt is not None:
        write("failed", failure.receipt.id, reason)
    elif failure.packet is not None and failure.session is not None:
        failure.session.send("failed", [reason, failure.packet.message])
