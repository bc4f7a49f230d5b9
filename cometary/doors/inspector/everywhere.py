"""What can be seen of all nodes, from one of them: lists of all, or what another node shows.

1.  Nodes are asked for what is in view, and for nothing else: never for a whole list.
2.  A node that does not answer is away: its lines are missing, and the page says so.
3.  A server by itself asks nobody, and shows what it did before there were nodes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import trio

from cometary.doors import questions
from cometary.doors.inspector import looks, merged
from cometary.doors.inspector.showing import gone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cometary.doors.inspector.merged import Heads
    from cometary.doors.inspector.showing import Showing
    from cometary.doors.others import Others

T = TypeVar("T")

AWAY: Final = "away"


class Everywhere:
    """Shows all nodes.

    Args:
        others: those that are not this one.
        showing: shows this one.
    """

    def __init__(self, others: Others, showing: Showing) -> None:
        self._others = others
        self._showing = showing

    async def overview(self) -> dict[str, Any]:
        """Return what is shown at any time: of this server, and of each node if there are several."""
        own = self._showing.overview()
        if not self._others.own:
            return own
        states = self._others.states()
        told = await all_of(
            [partial(self._ask, name, questions.Overview(), questions.read_answer) for name, _ in states]
        )
        nodes = [{"node": self._others.own, **own, "state": "here"}]
        for (name, _), said in zip(states, told, strict=True):
            nodes.append({"node": name, **(said or {}), "state": AWAY if said is None else "there"})
        return {**own, "node": self._others.own, "nodes": nodes}

    async def look_at(self, look: looks.List | looks.Detail) -> dict[str, Any]:
        """Return what is seen of it; see `Showing.look_at`."""
        own = self._others.own
        if look.node in {"", own}:
            if own and not look.node and isinstance(look, looks.Merged):
                return await self._merged(look)
            return (
                {**await self._showing.look_at(look), "node": own}
                if own
                else await self._showing.look_at(look)
            )
        frame = await self._ask(look.node, questions.Look(here(look)), questions.read_answer)
        if frame is None:
            return {**gone(f"The node {look.node} is away."), "node": look.node}
        return {**frame, "node": look.node}

    async def _merged(self, look: looks.Merged) -> dict[str, Any]:
        """Return the lines in view of the lists of all nodes."""
        names = [self._others.own, *(name for name, _ in self._others.states())]
        most = merged.needed(look.first, look.most)
        heads = await all_of([partial(self._heads, name, look, most) for name in names])
        there = [(name, head) for name, head in zip(names, heads, strict=True) if head is not None]
        view = merged.view([head for _, head in there], look.first, look.most)
        lines = await all_of(
            [
                partial(self._lines, name, look, part)
                for (name, _), part in zip(there, view.parts, strict=True)
            ]
        )
        following = [iter(each) for each in lines]
        shown = [line for place in view.order if (line := next(following[place], None)) is not None]
        return {
            "at": msgspec.to_builtins(look)["at"],
            "first": look.first,
            "total": sum(head.total for _, head in there),
            "lines": shown,
            "away": [name for name, head in zip(names, heads, strict=True) if head is None],
        }

    async def _heads(self, node: str, look: looks.Merged, most: int) -> Heads | None:
        if node == self._others.own:
            listed = await self._showing.heads(look, most)
        else:
            read = partial(msgspec.json.decode, type=questions.Listed)
            told = await self._ask(node, questions.Heads(here(look), most), read)
            if told is None:
                return None
            listed = told
        return merged.Heads(listed.total, listed.keys)

    async def _lines(self, node: str, look: looks.Merged, part: merged.Part) -> Sequence[dict[str, Any]]:
        if not part.most:
            return ()
        wanted = msgspec.structs.replace(here(look), first=part.first, most=part.most)
        frame: dict[str, Any] | None
        if node == self._others.own:
            frame = await self._showing.look_at(wanted)
        else:
            frame = await self._ask(node, questions.Look(wanted), questions.read_answer)
        return [{**line, "node": node} for line in (frame or {}).get("lines", ())]

    async def _ask(self, node: str, question: questions.Question, read: Callable[[bytes], T]) -> T | None:
        said = await self._others.ask(node, questions.encode(question))
        return None if said is None else read(said)


def here(look: Any) -> Any:
    """Return the same look at whoever is asked for it."""
    return msgspec.structs.replace(look, node="")


async def all_of(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Make all of these calls at the same time; returns what they do."""
    results: dict[int, T] = {}

    async def make(place: int) -> None:
        results[place] = await calls[place]()

    async with trio.open_nursery() as nursery:
        for place in range(len(calls)):
            nursery.start_soon(make, place)
    return [results[place] for place in range(len(calls))]
