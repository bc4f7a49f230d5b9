"""The surroundings in which sessions are explored: small ones, each of which has what another lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from cometary.sessions import Packet, SessionSettings
from cometary.sessions.policy import Policy, policy_of
from tests.sessions.checker.actor_host import Paced
from tests.sessions.checker.chaos_client import ChaosClient
from tests.sessions.checker.clients import AnyClient, Client, StreamClient
from tests.sessions.checker.javascript_client import JavaScriptClient
from tests.sessions.checker.played import DOWN, EXPIRING, TRACKED


@dataclass(frozen=True)
class Scope:
    """How far an exploration goes.

    Args:
        client: makes the client.
        down: packets to the client that are not acknowledged at most; one more is an overflow.
        up: packets from the client that were sent and not handed over at most.
        per_answer: packets that one answer carries at most.
        ghosts: sendings at most that the client does not wait for any more and the server does not know are dead:
            doubled, given up or held for a client that is gone.
        moods: what a handler may do.
        late: whether the messages of timers may be overtaken by others.
        failures: whether the actor may crash too often.
        requests: the most requests unanswered.
        manners: the policy of another wire, but for its times; if None, that of the native protocol.
        paced: whether packets of the client wait for their turn to be handed over.
        packets: what the application sends.
    """

    client: Callable[[], Client] = field(default=lambda: AnyClient(2))
    down: int = 2
    up: int = 2
    per_answer: int = 2
    ghosts: int = 1
    moods: tuple[tuple[str, ...], ...] = ((),)
    late: bool = False
    failures: bool = False
    requests: int = 2
    paced: bool = False
    manners: Policy | None = None
    packets: tuple[Packet, ...] = DOWN

    @property
    def policy(self) -> Policy | None:
        """The policy of the session; None: as the settings say."""
        times = policy_of(self.settings)
        return self.manners and replace(
            self.manners,
            wait=times.wait,
            die=times.die,
            requests=times.requests,
            beat=times.beat,
            grace=times.grace,
        )

    @property
    def loses(self) -> bool:
        """Whether packets may be lost: what is presumed to have arrived, or is not sent again."""
        return self.manners is not None and (self.manners.window is not None or not self.manners.resends)

    @property
    def settings(self) -> SessionSettings:
        size = self.packets[1].size
        return (Paced if self.paced else SessionSettings)(
            wait=60,
            die=200,
            requests=self.requests,
            max_queued_packets=self.down,
            max_response_bytes=self.per_answer * (size + 2),  # room for numbers of three digits
            max_releases_per_second=1 << 30,
        )


REPLIES: Final = ((), ("replies",))
ANYTHING: Final = (
    (),
    ("replies",),
    ("slow",),
    ("crashes",),
    ("replies", "crashes"),
    *(("crashes", "replies"), ("crashes", "slow"), ("crashes", "crashes")),
)

SCOPES: Final = {
    # Everything once: one packet each way, two requests.
    "plain": Scope(down=1, up=1, ghosts=0),
    # Packets in twos, so that answers and requests carry several.
    "pairs": Scope(client=lambda: AnyClient(2, (0, 2)), down=3, up=2, per_answer=2, ghosts=0),
    # Answers too small for what waits, and clients that close.
    "cut answers": Scope(client=lambda: AnyClient(2, closes=True), down=2, up=1, per_answer=1, ghosts=0),
    "cut replies": Scope(
        client=lambda: AnyClient(2, (1,)), down=2, up=1, per_answer=1, ghosts=0, moods=REPLIES
    ),
    # Requests that are doubled, overtaken by their repetition, or held for a client that is gone.
    "ghosts": Scope(down=1, up=1, ghosts=1),
    # One request more under way, so that two can be early, and one be sent before an answer is there.
    "three requests": Scope(client=lambda: AnyClient(3), down=1, up=1, ghosts=0, requests=3),
    "three with packets": Scope(
        client=lambda: AnyClient(3, (1,)), down=2, up=3, per_answer=1, ghosts=0, moods=REPLIES, requests=3
    ),
    # Handlers that reply, raise, and take their time; time-outs that come late; an actor that is given up.
    "handlers": Scope(
        client=lambda: AnyClient(2, (0, 1, 2), closes=True),
        down=2,
        up=2,
        per_answer=1,
        ghosts=0,
        moods=ANYTHING,
        late=True,
        failures=True,
        packets=TRACKED,
    ),
    # A queue that is full while a request is held; with receipts, too.
    "full queue": Scope(down=1, up=1, ghosts=0, moods=REPLIES),
    "full queue, receipts": Scope(down=1, up=1, ghosts=0, moods=REPLIES, packets=TRACKED),
    # Packets that expire if nobody comes for them.
    "expiring": Scope(client=lambda: AnyClient(1), down=1, up=1, ghosts=0, packets=EXPIRING),
    # Slow handlers and packets that wait for them.
    "slow handlers": Scope(
        client=lambda: AnyClient(2, (1, 2)), down=1, up=2, ghosts=0, moods=((), ("slow",))
    ),
    # Packets that wait for their turn while others of the same client come, and the session ends.
    "paced": Scope(
        client=lambda: AnyClient(2, (0, 2), closes=True),
        down=1,
        up=3,
        ghosts=0,
        moods=((), ("replies",), ("crashes",)),
        paced=True,
    ),
    # An actor that is given up at any moment, with one request at a time.
    "given up": Scope(
        client=lambda: AnyClient(1, (1,)),
        down=1,
        up=2,
        ghosts=0,
        moods=((), ("slow",), ("crashes", "slow")),
        failures=True,
    ),
    # Streams: attached, full, broken, silent, and left for a poll or another stream.
    "streams": Scope(client=lambda: StreamClient(1, (0,)), down=1, up=1, ghosts=0),
    "streams in twos": Scope(client=lambda: StreamClient(1, (0,)), down=2, up=1, per_answer=1, ghosts=0),
    "streams and sends": Scope(
        client=lambda: StreamClient(2, (0, 1), closes=True),
        down=2,
        up=1,
        per_answer=1,
        ghosts=0,
        moods=REPLIES,
    ),
    "streams, handlers": Scope(
        client=lambda: StreamClient(1, (1,)),
        down=2,
        up=1,
        per_answer=1,
        ghosts=0,
        moods=ANYTHING,
        late=True,
        failures=True,
        packets=TRACKED,
    ),
    "streams, expiring": Scope(
        client=lambda: StreamClient(1, (0,)), down=1, up=1, ghosts=0, packets=EXPIRING
    ),
    # A wire whose sessions end when their carrier drops, or when there are two.
    "strict": Scope(
        client=lambda: StreamClient(1, (0,)),
        down=2,
        up=1,
        per_answer=1,
        ghosts=0,
        manners=Policy(second_request="ends", drop_ends=True),
    ),
    # A wire that cannot say what has arrived, and keeps one packet that was sent; on polls and on streams.
    "presuming": Scope(
        client=lambda: StreamClient(1, (0,), skips=True),
        down=2,
        up=1,
        per_answer=1,
        ghosts=0,
        manners=Policy(window=1),
        packets=TRACKED,
    ),
    # One that keeps nothing, on polls alone.
    "presuming all": Scope(
        client=lambda: AnyClient(1, (0, 1), skips=True),
        down=2,
        up=1,
        ghosts=0,
        moods=REPLIES,
        manners=Policy(window=0),
        packets=TRACKED,
    ),
    # One that answers again by other means, such as a cache of its own.
    "resending nothing": Scope(
        client=lambda: StreamClient(1, (0,), skips=True),
        down=2,
        up=1,
        ghosts=0,
        manners=Policy(resends=False),
    ),
    # One packet at a time, to a client that listens to one request at a time.
    "one by one": Scope(
        client=lambda: StreamClient(1, (0,)), down=2, up=1, ghosts=0, manners=Policy(bundling=False)
    ),
    "completing": Scope(
        client=lambda: AnyClient(2, (0, 1)),
        down=2,
        up=1,
        ghosts=0,
        moods=REPLIES,
        manners=Policy(second_request="completes"),
    ),
    # The client that JavaScript has, by its own rules.
    "javascript": Scope(client=lambda: JavaScriptClient(2, closes=True), down=1, up=1, ghosts=0),
    "javascript, ghosts": Scope(
        client=lambda: JavaScriptClient(2), down=1, up=1, ghosts=1, moods=ANYTHING, late=True
    ),
    # The client that `cometary chaos` has: its very class.
    "chaos": Scope(client=lambda: ChaosClient(2), down=1, up=1, ghosts=0),
}

STATES: Final = {"plain": 6_000, "given up": 3_000, "streams in twos": 4_000, "strict": 2_000}
"""How many states of each are explored with every run of the tests, if not `USUAL`."""

USUAL: Final = 1_000

COMPLETE: Final = {"plain": 2_858, "given up": 1_979, "cut replies": 405, "expiring": 225}
"""How many states there are, where that is all: who adds a move, or makes two states one, has to change this."""
