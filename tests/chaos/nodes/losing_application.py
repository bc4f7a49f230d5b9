"""What nodes serve that lose the seventh packet of each page, and nothing else."""

from __future__ import annotations

from cometary import App, Session
from cometary.chaos.application import UP, echo
from cometary.chaos.nodes.application import report

LOST = 7

app = App()
app.failure(report)


@app.packet(UP)
def lose(session: Session, path: str, message: list[int]) -> None:
    if message[0] != LOST:
        echo(session, path, message)
