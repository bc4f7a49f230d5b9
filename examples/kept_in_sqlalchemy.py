"""Orders in SQLAlchemy, and the updates that tell of them, in one transaction: no crash comes between the two.

cometary serve; python examples/kept_in_sqlalchemy.py http://127.0.0.1:8081 sqlite:///orders.db tea
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, create_engine, delete, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from cometary import Connector
from cometary.contrib.kept import Kept, Sender, send, written


class Base(DeclarativeBase):
    """What all tables have in common."""


class Order(Base):
    """An order."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]


class Waiting(Base):
    """An update that waits."""

    __tablename__ = "waiting"
    __table_args__ = ({"sqlite_autoincrement": True},)  # so that no number is given twice
    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[float] = mapped_column(default=time.time)
    body: Mapped[str]


@dataclass(frozen=True)
class Table:
    """The table of updates that wait."""

    engine: Engine

    def oldest(self, count: int) -> Sequence[Kept]:
        """Return the first so many."""
        with Session(self.engine) as session:
            rows = session.scalars(select(Waiting).order_by(Waiting.id).limit(count))
            return [Kept(row.id, row.since, row.body) for row in rows]

    def forget(self, ids: Sequence[int]) -> None:
        """Delete some."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(Waiting).where(Waiting.id.in_(ids)))


def update(session: Session, path: str, message: object) -> None:
    """Send an update if the session's transaction is committed; in place of `push.update`."""
    session.add(Waiting(body=written(path, message)))


def send_after_commits(sessions: sessionmaker[Session], sender: Sender, table: Table) -> None:
    """Have what waits sent after each commit, from a thread; a web application calls it once, when it starts."""

    def committed(_session: Session) -> None:
        sender.wake(table)

    event.listen(sessions, "after_commit", committed)


def order(session: Session, item: str) -> None:
    """Take an order."""
    session.add(Order(item=item))
    update(session, "orders", {"item": item})


if __name__ == "__main__":
    _, url, database, *items = sys.argv
    engine = create_engine(database)
    Base.metadata.create_all(engine)
    for each in items:
        with Session(engine) as session, session.begin():
            order(session, each)
    with Connector(url) as connector:
        print(send(connector, Table(engine)), "sent")
