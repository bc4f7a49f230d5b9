"""Which server is the master, as Redis Sentinel says.

1.  The sentinels are asked one after another, starting with the one that answered last: each knows, or will in a
    moment.
2.  They are asked at each new connection, and also once in a while: a master that was cut off accepts writes for a
    while after another has taken its place. What it accepts is lost, unless replicas have to confirm it.

Source: https://redis.io/docs/latest/develop/reference/sentinel-clients/
"""

from __future__ import annotations

from typing import Any, cast

from cometary.cluster.redis.connection import ask_once
from cometary.cluster.redis.places import Place
from cometary.cluster.redis.url import EngineURL
from cometary.cluster.redis.wire import Refusal, command
from cometary.errors import EngineError


class Sentinels:
    """The sentinels that watch a master.

    Args:
        place: where they are, and what they call it.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sentinels = [*place.servers]

    async def find(self) -> EngineURL:
        """Return where the master is.

        Raises:
            OSError: no sentinel can be reached.
            EngineError: none watches a master of this name; the operator's fault.
        """
        trouble: Exception | None = None
        for sentinel in [*self._sentinels]:
            try:
                found = await self._ask(sentinel)
            except (OSError, EngineError) as error:
                trouble = trouble or error
                continue
            self._sentinels.remove(sentinel)
            self._sentinels.insert(0, sentinel)
            return found
        raise trouble or OSError("there are no sentinels")

    async def _ask(self, sentinel: EngineURL) -> EngineURL:
        # A sentinel has no users of its own, as a rule, and the password is that of the servers.
        bare = sentinel._replace(user=None, password=None)
        name = self._place.master
        reply = await ask_once(bare, command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name))
        if isinstance(reply, Refusal):
            raise EngineError(f"the sentinel at {bare} {_said(reply.text)}")
        if reply is None:
            raise EngineError(f"the sentinel at {bare} watches no master {name!r}")
        host, port = cast("list[Any]", reply)
        return sentinel._replace(host=host.decode(), port=int(port))


def _said(refusal: str) -> str:
    kind = refusal.partition(" ")[0]
    if kind == "NOAUTH":
        return "wants a password, which is not supported: let nodes use it without one"
    if refusal.startswith("ERR unknown command"):
        return "is not a sentinel"
    return f"refuses to say where the master is: {refusal}"
