"""A cell: what stays the same while incarnations of one actor come and go.

The cell is the actor's mailbox, and it holds the running instance, who watches it, and the
supervisor that decides about its next life. References point at the cell, so they stay valid
across restarts. Its states are told in `cometary.actors.mailbox`. The rules:

1.  A handler that raises ends its incarnation by `fail`, which each kind of cell has in its own file
    (`scheduled_cell`, `task_cell`), by way of `on_failure`.
2.  An incarnation ends once, in `end`. Its handler has returned and its tasks are gone before
    watchers and the supervisor are told: teardown is complete before a restart begins.
3.  Without a supervisor an ended cell closes at once, and so it does if its supervisor is not going to
    restart it: before anybody is told, so that whoever is told finds its name free. Closing answers every
    waiting `ask` with `ActorEndedError`, so that no caller waits for ever on a dead actor.
4.  What is for one incarnation alone (`Down`, exit signals, changes of groups, its own order to stop) says so,
    and does not reach the next one in the mail that is kept.
5.  All of this runs on the system's thread; there is no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from mypy_extensions import mypyc_attr

from cometary.actors.exits import FORKED, KILLED, Exit, remembered, taken_along, with_account
from cometary.actors.future import Future
from cometary.actors.incarnation import OwnedTasks, Promises
from cometary.actors.links import Links
from cometary.actors.mailbox import CLOSED, PARKED, Receiving
from cometary.actors.messages import Down, ExitSignal, ForLife
from cometary.actors.monitors import Monitors, watcher_of
from cometary.actors.names import names_shown
from cometary.errors import StartIgnoredError
from cometary.escapes import exit_in, really

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.ref import ActorRef
    from cometary.actors.system import ActorSystem

    Watcher = Callable[[ActorRef[Any], Exit], None]


class Parent(Protocol):
    """Who decides what becomes of an actor that has ended: a supervisor."""

    def child_exited(self, ref: ActorRef[Any], exit: Exit, /) -> None:  # noqa: A002 - OTP's word
        """Take note; `revive` or `bury` the cell now or later."""
        ...

    def ends_for_good(self, ref: ActorRef[Any], exit: Exit, /) -> bool:  # noqa: A002
        """Whether the actor, which has just ended with `exit`, is certainly not going to be revived.

        Its cell is closed then, and its mail discarded, before the parent is told of its end.
        """
        ...


@mypyc_attr(allow_interpreted_subclasses=True)
class Cell(Receiving):
    """The lasting part of an actor; see the rules above."""

    # Most actors never use most of these: what is not needed stays None.
    __slots__ = ("_links", "_monitors", "_promises", "_tasks", "_watchers", "replying")

    def __init__(self, system: ActorSystem) -> None:
        super().__init__(system)
        self.replying: Future[Any] | None = None
        self._promises: Promises | None = None
        self._watchers: dict[Watcher, None] | None = None
        self._monitors: Monitors | None = None
        self._links: Links | None = None
        self._tasks: OwnedTasks | None = None

    # -- life ---------------------------------------------------------------------------

    def incarnate(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Actor:
        """Build the instance that lives here next, with its constructor's arguments."""
        actor: Actor = self.ref.actor_class.incarnate(self, args, kwargs)
        return actor

    def begin(self, actor: Actor, starting: Future[None]) -> None:
        """Start a life: `starting` is settled once `on_start` has run."""
        self.actor = actor
        self.starting = starting
        self.exit = None
        self._run()
        if self._tasks is not None:
            self._tasks.begin()

    def _run(self) -> None:
        raise NotImplementedError

    def kill(self, exit: Exit = KILLED) -> None:  # noqa: A002 - OTP's word
        """End the incarnation now with `exit`, without `on_stop` and without reading its mail."""
        raise NotImplementedError

    def exit_signal(self, sender: ActorRef[Any] | None, exit: Exit) -> None:  # noqa: A002
        """Take an exit signal: a message for an actor that traps exits, for others the end unless it is `normal`."""
        actor = self.actor
        if actor is None:
            return  # it was for an incarnation that has ended
        try:
            traps = bool(actor.trap_exits)
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            self.fail(error, None)
            return
        if traps:
            self.put_if_open(ForLife(self.life, ExitSignal(sender, exit)))
        elif exit.reason != "normal":
            self.kill(taken_along(exit))

    def post_for(self, life: int, message: object) -> None:
        """Give the incarnation `life`, and no other, a message of the runtime's, room or not; from any thread."""
        self.system.post(self.put_if_open, ForLife(life, message))

    def suspend(self) -> None:
        """Handle nothing until `resume`; called for a system message, between two others."""
        raise NotImplementedError

    def go_on_in_full(self) -> None:
        """Have the actor's own handler see every message from now on, until the incarnation ends."""

    def fail(self, error: BaseException, message: object) -> None:
        """End the incarnation because `error` was raised while it handled `message`."""
        raise NotImplementedError

    def end(self, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Note that the incarnation has ended; tells the others once its tasks are gone."""
        actor, self.actor = self.actor, None
        if actor is None:
            return
        self.exit = with_account(exit, actor, names_shown(self.ref)) if exit.abnormal else exit
        self.state = PARKED
        self._break_promises()
        self._watch_nobody()
        if self._tasks is None:
            self._gone()
        else:
            self._tasks.end(self._gone)

    def abandon(self, exit: Exit) -> None:  # noqa: A002
        """Close a cell whose first life never began."""
        self.forget_actor(exit)
        self.exit = exit
        self._gone()

    def forget_actor(self, exit: Exit) -> None:  # noqa: A002
        """Take note that the actor that was being built will not live."""
        tasks, self._tasks = self._tasks, None
        self.actor = None
        if tasks is not None:
            tasks.drop()
        self._watch_nobody()
        links, self._links = self._links, None
        if links is not None:
            links.end(exit)
        if self.life:  # else it is abandoned next, and they are told when it has closed
            self._tell_watchers(exit)

    def _watch_nobody(self) -> None:
        monitors, self._monitors = self._monitors, None
        if monitors is not None:
            monitors.clear()

    def _gone(self) -> None:
        exit_ = self.exit or KILLED
        parent = self.parent
        self._tasks = None
        if parent is None or self.system.killing or parent.ends_for_good(self.ref, exit_):
            self.bury()  # first: whoever is told now may want its name
        if self.starting is not None:
            # Not an exit of the actor's own: whoever waits here would take it for theirs.
            self.started(error=exit_.error if _failed_start(exit_) else self.dead())
        if self._watchers is not None:
            self._tell_watchers(exit_)
        links, self._links = self._links, None
        if links is not None:
            self.system.signals.send(self._tell_linked, links, exit_, parent)
        elif parent is not None:
            parent.child_exited(self.ref, exit_)

    def _tell_watchers(self, exit: Exit) -> None:  # noqa: A002
        watchers, self._watchers = self._watchers, None
        for watcher in watchers or ():
            watcher(self.ref, exit)

    def _tell_linked(self, links: Links, exit: Exit, parent: Parent | None) -> None:  # noqa: A002
        # In the queue of signals, so that supervisors hear of the actors that take each other
        # along in the order of their ends: the cause of it all is restarted first.
        links.end(exit)
        if parent is not None:
            self.system.signals.send(parent.child_exited, self.ref, exit)

    def bury(self) -> None:
        """Close for good: there will be no next life."""
        if self.state == CLOSED:
            return
        self.state = CLOSED
        self.system.forget(self.ref)
        self.discard(self.drain())
        if self.exit is not None:
            self.exit = remembered(self.exit)  # references may be kept for ever
        self.parent = None
        self.let_go_of_ref()

    def leave_behind(self) -> None:
        """Close without a word: this process was forked from that in which the actor lives."""
        self.state = CLOSED
        self.exit = FORKED
        self.actor = self.starting = self.parent = None
        self._items, self._backlog = (), None

    # -- promises: to say that it has started, to reply later ------------------------------

    def started(self, error: BaseException | None = None) -> None:
        """Tell whoever waits that `on_start` has run, or what it raised."""
        starting, self.starting = self.starting, None
        if starting is not None:
            starting.offer(error=error)

    def promise_reply(self) -> Future[Any]:
        """Take over the answer to the message being handled; see `Actor.reply_later`."""
        reply, self.replying = self.replying, None
        if reply is None:
            return Future()  # nobody asked
        if self._promises is None:
            self._promises = Promises()
        return self._promises.add(reply)

    def _break_promises(self) -> None:
        promises, self._promises = self._promises, None
        if promises is not None:
            promises.break_all(self.dead())

    # -- who is told, and what belongs to the incarnation -----------------------------------

    @property
    def has_ended(self) -> bool:
        """Whether its last incarnation has ended, and nothing of it is left."""
        return self.actor is None and self.exit is not None and self._tasks is None

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher(ref, exit)` once when this life has ended, however often it is passed; at once if it has."""
        if self.exit is not None and self.has_ended:
            watcher(self.ref, self.exit)
        elif self._watchers is None:
            self._watchers = {watcher: None}
        else:
            self._watchers[watcher] = None

    def settle_when_gone(self, reply: Future[Any]) -> None:
        """Answer a request to stop once this life has ended: that it lived, or the exception if it failed in it."""

        def settle(_ref: ActorRef[Any], exit: Exit) -> None:  # noqa: A002
            if exit.reason != "crashed":
                reply.offer(value=True)
            else:  # not with an exit of the actor's own: whoever waits here would take it for theirs
                reply.offer(error=exit.error if really(exit.error, Exception) else self.dead(exit))

        self.watch(settle)

    def is_for_now(self, letter: ForLife) -> bool:
        """Whether what is for one incarnation alone is for this one, and still wanted."""
        if letter.life != self.life:
            return False
        message = letter.message
        return type(message) is not Down or self._monitors is None or self._monitors.is_wanted(message)

    def linked_actors(self) -> tuple[ActorRef[Any], ...]:
        """Return which actors are linked to this one."""
        return () if self._links is None else self._links.refs()

    def monitored_actors(self) -> tuple[ActorRef[Any], ...]:
        """Return which actors this one monitors."""
        return () if self._monitors is None else self._monitors.refs()

    @property
    def task_count(self) -> int:
        """How many tasks of its own the incarnation runs."""
        return 0 if self._tasks is None else self._tasks.count

    def watching_actors(self) -> tuple[ActorRef[Any], ...]:
        """Return which actors monitor this one; what else watches it is not told."""
        found = (watcher_of(watcher) for watcher in list(self._watchers or ()))
        return tuple(ref for ref in found if ref is not None)

    def unwatch(self, watcher: Watcher) -> None:
        """Do not call `watcher` any more. Harmless if it was not going to be called."""
        if self._watchers is not None:
            self._watchers.pop(watcher, None)

    @property
    def tasks(self) -> OwnedTasks:
        """The tasks that the incarnation runs beside its mailbox."""
        if self._tasks is None:
            self._tasks = OwnedTasks(self, begun=self.state != PARKED)
        return self._tasks

    @property
    def links(self) -> Links:
        """Whom the incarnation is linked to."""
        if self._links is None:
            self._links = Links(self)
        return self._links

    @property
    def monitors(self) -> Monitors:
        """Whom the incarnation watches."""
        if self._monitors is None:
            self._monitors = Monitors(self)
        return self._monitors


def _failed_start(exit: Exit) -> bool:  # noqa: A002
    crashed = exit.reason == "crashed" and really(exit.error, Exception)
    return crashed or really(exit.error, StartIgnoredError)
