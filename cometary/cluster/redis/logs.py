"""The logs of paths with a history, on Redis or Valkey; see `cometary.cluster.engine.Logs`, and `log.lua`.

What a node appends is numbered for each shelf, since the lane may send it twice: the engine remembers what it has
answered until the node says that it has had the answer, which it does with what it appends next. In a cluster whose
slots move, answers may come in another order: it says so only of those with none missing before them.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Awaitable, Callable
from importlib.resources import files
from math import inf
from typing import Final, cast

from cometary.cluster.engine import PIECE
from cometary.cluster.path_logs import (
    Addition,
    Appended,
    ChangedPaths,
    LogEntry,
    LogShelf,
    Once,
    Outcome,
    PathLog,
)
from cometary.cluster.redis.keys import SHELF_KEYS, Keys
from cometary.cluster.redis.wire import Reply, command
from cometary.dispatch.shelf import MOST_BYTES, MOST_PATHS
from cometary.errors import EngineError

LOG_LIBRARY: Final = "cometary_log_1"
"""The library of functions, and what their names begin with."""

LOG_FUNCTIONS: Final = files("cometary.cluster.redis").joinpath("log.lua").read_text()

OUTCOMES: Final[tuple[Outcome, ...]] = ("new", "repeat", "reused")

NO_KEY: Final = Once("", b"", 0)

Call = Callable[[bytes, Callable[[Reply], object], Callable[[EngineError], object]], None]
Ask = Callable[[bytes], Awaitable[Reply]]


class RedisLogs:
    """The logs, for one node.

    Args:
        keys: those that the cluster uses.
        sender: which process of its name the node is.
        call: has a command done, and the reply told, or that it never can be done.
        ask: has one done, and waits for the reply.
    """

    def __init__(self, keys: Keys, sender: str, call: Call, ask: Ask) -> None:
        self._keys = keys
        self._sender = sender
        self._call = call
        self._ask = ask
        self._sent = Counter[str]()
        self._unanswered = defaultdict[str, OrderedDict[int, None]](OrderedDict)

    def append(self, shelf: LogShelf, new: Addition, appended: Callable[[Appended], object]) -> None:
        """Append an update; see `Logs.append`."""
        name, once = shelf.name, new.once or NO_KEY
        self._sent[name] = token = self._sent[name] + 1
        unanswered = self._unanswered[name]
        unanswered[token] = None

        def take(reply: Reply) -> None:
            del unanswered[token]
            kind, epoch, number, before = cast("tuple[int, bytes, int, int]", reply)
            appended(Appended(OUTCOMES[kind], epoch.decode(), number, before))

        what = (new.path, new.payload, new.size)
        bounds = (*_kept(shelf), MOST_PATHS, MOST_BYTES)
        who = (self._sender, token, next(iter(unanswered)) - 1)
        key = (once.key, once.digest, round(once.seconds * 1000))
        asked = self._command("append", shelf, *what, *bounds, *who, *key)

        def refuse(_: EngineError) -> None:
            del unanswered[token]
            appended(Appended("refused", ""))

        self._call(asked, take, refuse)

    def claim(self, key: str, value: bytes, seconds: float, had: Callable[[bytes | None], object]) -> None:
        """Have a key stand for a value; see `Logs.claim`."""

        def take(reply: Reply) -> None:
            before = cast("bytes | None", reply)
            had(None if before == value else before)  # it may have been sent twice

        milliseconds = round(seconds * 1000)
        asked = command("SET", self._keys.of_claim(key), value, "NX", "GET", "PX", milliseconds)
        self._call(asked, take, lambda _: had(None))  # rather published twice than never

    async def read_log(self, shelf: LogShelf, path: str, behind: int) -> PathLog:
        """Return what is kept of a path; see `Logs.read_log`."""
        reply = await self._ask(self._command("read", shelf, path, behind))
        epoch, number, lost, lost_at, now, written = cast(
            "tuple[bytes, int, int, bytes, int, list[bytes]]", reply
        )
        lost_age = (now - int(lost_at)) / 1000 if lost_at else inf
        entries = list[LogEntry]()
        for each in map(_entry, written, [now] * len(written)):
            if each.age > shelf.keeping.seconds:  # it is dropped when something is appended
                lost, lost_age = each.number, each.age
            else:
                entries.append(each)
        return PathLog(epoch.decode(), number, lost, lost_age, tuple(entries))

    async def changed_logs(self, shelf: LogShelf, behind: int) -> ChangedPaths:
        """Return which paths have something new; see `Logs.changed_logs`."""
        reply = await self._ask(self._command("changed", shelf, behind, PIECE))
        epoch, end, paths = cast("tuple[bytes, int, list[bytes | int]]", reply)
        names = [cast("bytes", name).decode() for name in paths[::2]]
        return ChangedPaths(
            epoch.decode(), end, tuple(zip(names, cast("list[int]", paths[1::2]), strict=True))
        )

    def _command(self, name: str, shelf: LogShelf, *given: bytes | str | int) -> bytes:
        keys = self._keys.of_shelf(shelf.name)
        return command("FCALL", f"{LOG_LIBRARY}_{name}", SHELF_KEYS, *keys, *given)


def _kept(shelf: LogShelf) -> tuple[int, int, int]:
    packets, seconds, size = shelf.keeping
    return packets, size, round(seconds * 1000)


def _entry(written: bytes, now: int) -> LogEntry:
    number, when, _, payload = written.split(b" ", 3)
    return LogEntry(int(number), (now - int(when)) / 1000, payload)
