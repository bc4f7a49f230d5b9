"""The application object: what a user writes against.

from cometary import App

app = App()


@app.signon
def joined(session):
    session.connect("news")


@app.packet("chat/*")
def chat(session, path, message):
    app.update(path, message)
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from cometary.app.authenticators import check_authenticator
from cometary.app.sockets import Sockets
from cometary.declarations import check_async, check_handler, check_text
from cometary.dispatch.engine import no_server
from cometary.errors import UsageError
from cometary.packets.paths import check_own_path
from cometary.packets.patterns import Pattern
from cometary.supervision import ChildSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from os import PathLike

    from cometary.actors import ActorRef
    from cometary.app.authenticators import Authenticator
    from cometary.dispatch.delegate import Told
    from cometary.sessions import Failure, Packet, Receipt, Session
    from cometary.sessions.admission import Admission

    Done = Awaitable[object] | None
    """What a handler returns: nothing, or if it is async what is awaited."""
    SignonHandler = TypeVar("SignonHandler", bound=Callable[[Session], Done])
    SignoffHandler = TypeVar("SignoffHandler", bound=Callable[[Session, str, Sequence[Packet]], Done])
    PacketHandler = TypeVar("PacketHandler", bound=Callable[[Session, str, Any], object])
    """What it returns, or what is awaited, is the answer if the client waits for one."""
    ReceiptHandler = TypeVar("ReceiptHandler", bound=Callable[[Receipt], Done])
    FailureHandler = TypeVar("FailureHandler", bound=Callable[[Failure], Done])
    Task = Callable[[Any], Awaitable[object]]
    T = TypeVar("T", bound=Task)
    D = TypeVar("D", bound=Told)
    A = TypeVar("A", bound=Authenticator)
    LoginRule = Callable[[str, str], bool | Admission | Awaitable[bool | Admission]]
    L = TypeVar("L", bound=LoginRule)


class App(Sockets):
    """The handlers of one application. They may be `def` or `async def`.

    For one session they are called one at a time and in order, inside the session's actor. One
    that raises crashes that actor and nothing else: its supervisor restarts it, with everything
    the session had, tells the handlers of failures, and goes on with the packet behind the one
    that crashed it. The other handlers of a packet are not called for it any more; those of a
    sign-on, a sign-off, a receipt or a failure are.

    Args:
        authenticate: decides who may open a session; see the method of that name.

    Raises:
        UsageError: if that is not an authenticator; the caller's fault.
    """

    def __init__(self, *, authenticate: Authenticator | None = None) -> None:
        super().__init__()
        if authenticate is not None:
            check_authenticator("App(authenticate=…)", authenticate)
        self.authenticator = authenticate
        self.of_login: LoginRule | None = None
        self.tasks: list[Task] = []
        self.children: list[ChildSpec] = []
        self.delegates: list[Told] = []
        self.directories: list[tuple[str, Path, bool]] = []
        self._served = Lock()

    # -- what a user declares ---------------------------------------------------------------

    def signon(self, handler: SignonHandler) -> SignonHandler:
        """Call `handler(session)` when a session has opened.

        Raises:
            UsageError: if it cannot be called so; the caller's fault.
        """
        check_handler("@app.signon", handler, "session")
        self.of_signon.append(handler)
        return handler

    def recovered(self, handler: SignonHandler) -> SignonHandler:
        """Call `handler(session)` when a recorded session goes on here after its process has ended.

        Its data and its paths are what they were; it is no sign-on.

        Raises:
            UsageError: if it cannot be called so; the caller's fault.
        """
        check_handler("@app.recovered", handler, "session")
        self.of_recovered.append(handler)
        return handler

    def signoff(self, handler: SignoffHandler) -> SignoffHandler:
        """Call `handler(session, reason, undelivered)` when a session has ended.

        `reason` is one of the protocol's; `undelivered` are the packets that the client never
        acknowledged, in order, each with `path` and `message`.

        Raises:
            UsageError: if it cannot be called so; the caller's fault.
        """
        check_handler("@app.signoff", handler, "session", "reason", "undelivered")
        self.of_signoff.append(handler)
        return handler

    def packet(self, pattern: str) -> Callable[[PacketHandler], PacketHandler]:
        """Call `handler(session, path, message)` for each client packet whose path matches.

        If the client waits for an answer (`comet.ask`), that is what the handler returns: any value that JSON can
        carry. One that raises a `RefusedError` refuses it, with what the client is told.

        Args:
            pattern: a path, in which `*` stands for any one segment and a last `**` for any rest.
                If several patterns match, all their handlers are called, in the order in which
                they were declared. A packet that no pattern matches is refused (`forbidden`).

        Raises:
            PatternError: if it is not a pattern; the caller's fault.
            UsageError: if the handler cannot be called so; the caller's fault.
        """
        check_text("@app.packet", pattern, '@app.packet("PATTERN"), with the paths that the handler is for')
        Pattern.compile(pattern)

        def declare(handler: PacketHandler) -> PacketHandler:
            check_handler("@app.packet", handler, "session", "path", "message")
            self.handle_packets(pattern, handler)
            return handler

        return declare

    def receipt(self, handler: ReceiptHandler) -> ReceiptHandler:
        """Call `handler(receipt)` for each `Receipt`, one at a time and in order.

        It runs beside the sessions, in a child of the supervisor `application`. One that raises
        crashes that child, which is started again and goes on with the next receipt.

        Raises:
            UsageError: if it cannot be called so; the caller's fault.
        """
        check_handler("@app.receipt", handler, "receipt")
        self.of_receipt.append(handler)
        return handler

    def failure(self, handler: FailureHandler) -> FailureHandler:
        """Call `handler(failure)` with a `Failure` when another handler has raised.

        It comes right after the call that failed and before the session's next one, inside the
        session's actor; for a receipt, in the child that hands over receipts. What crashed is not
        handed over again: this is where to keep it. A failure handler that raises crashes the
        same actor, but that is not a failure again.

        Raises:
            UsageError: if it cannot be called so; the caller's fault.
        """
        check_handler("@app.failure", handler, "failure")
        self.of_failure.append(handler)
        return handler

    def authenticate(self, authenticator: A) -> A:
        """Ask `authenticator(token)` whether a session may be opened.

        It gets what the client gave as `token`, or None, and returns (or, if it is async, is
        awaited for) whether the client is let in. A mapping lets it in as True does, and becomes
        the session's `data`: who the user is, for example. A `cometary.sessions.Admission` does
        that too, and says how long the session may last unless the client brings another token.
        Without an authenticator every client is let in. Those of `cometary.authentication` are
        given here as they are.

        Raises:
            UsageError: if a server runs the application, or it cannot be called so; the caller's fault,
                nothing has changed.
        """
        if self._hub is not None:
            raise UsageError("a server runs the application: its authenticator is declared before")
        check_authenticator("@app.authenticate", authenticator)
        self.authenticator = authenticator
        return authenticator

    def login(self, rule: L) -> L:
        """Ask `rule(login, passcode)` whether a back-end that gives both may come in: by STOMP, today.

        It returns True, False or an `Admission`, and may be async. True lets the back-end do everything, as the
        server's secret does, which is taken as a passcode all the same. An `Admission` lets it send to what its
        `paths` cover, and subscribe to that, until it `expires`. Without a rule the secret alone lets in.

        Raises:
            UsageError: if a server runs the application, or it cannot be called so; the caller's fault,
                nothing has changed.
        """
        if self._hub is not None:
            raise UsageError("a server runs the application: its rule for logins is declared before")
        check_handler("@app.login", rule, "login", "passcode")
        self.of_login = rule
        return rule

    def task(self, function: T) -> T:
        """Run `function(running)`, which is async, for as long as the server runs.

        It is started once the server takes requests and given the `cometary.server.Running`. It
        is a child of the supervisor `application`, called by the function's name, and is started
        again, after a pause that grows, should it crash or return.

        Raises:
            UsageError: if it cannot be called so, or is not async; the caller's fault.
        """
        check_async("@app.task", function, "running")
        self.tasks.append(function)
        return function

    def child(self, spec: ChildSpec) -> ChildSpec:
        """Run a child of the supervisor `application`, beside the tasks, for as long as the server runs.

        With several workers it runs in one of them, as the tasks do.

        Raises:
            UsageError: if that is not a specification, or there is a child with its id; the caller's fault.
        """
        if not isinstance(spec, ChildSpec):  # pyright: ignore[reportUnnecessaryIsInstance] # untyped callers exist
            raise UsageError(f"app.child(ChildSpec(…)), not {spec!r}")
        if any(other.id == spec.id for other in self.children):
            raise UsageError(f"the application has a child {spec.id!r} already")
        self.children.append(spec)
        return spec

    def delegate(self, told: D) -> D:
        """Call `told.update(sender, path, message)` with each update to any path.

        It is called in an actor of its own, a child of the supervisor `delegates`: if it raises, that is started again,
        and nobody else notices. It has to return soon; updates wait for it without bound.

        Raises:
            UsageError: if it has no such method; the caller's fault.
        """
        if not callable(getattr(told, "update", None)):
            raise UsageError(f"a delegate has a method update(sender, path, message), which {told!r} has not")
        self.delegates.append(told)
        return told

    def files(self, prefix: str, directory: str | PathLike[str], *, follow_links: bool = False) -> None:
        """Serve the files of `directory` and of the directories below it, beside the comet endpoint.

        They are read when the server starts: what is put there later is not served.

        Args:
            prefix: what their URL paths begin with: `/`, or something like `/static/`.
            directory: where they are; its `index.html` is served at `prefix` itself, too.
            follow_links: whether links that lead out of the directory are served.

        Raises:
            UsageError: if `prefix` does not begin and end with a slash, or there is no such directory; the
                caller's fault.
        """
        check_text("app.files", prefix, 'app.files("/", DIRECTORY)')
        if not (prefix.startswith("/") and prefix.endswith("/")):
            wanted = "/" + "".join(f"{part}/" for part in prefix.split("/") if part)
            raise UsageError(f"app.files: write {wanted!r}, with a slash at both ends, not {prefix!r}")
        try:
            path = Path(directory).absolute()
        except TypeError:
            raise UsageError(f"app.files: write the path of a directory, not {directory!r}") from None
        if not path.is_dir():
            raise UsageError(f"app.files: there is no directory {path}")
        self.directories.append((prefix, path, follow_links))

    # -- what a user calls ------------------------------------------------------------------

    def update(
        self,
        path: str,
        message: Any = None,
        *,
        sender: object = None,
        receipt: str | None = None,
        ttl: float | None = None,
        key: str | None = None,
        exclude: Session | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Send `message` to every session connected to `path`; from any thread.

        Args:
            path: the path.
            message: any value that JSON or CBOR can carry; one that is encoded already, of `cometary.encoded_json` or
                `cometary.encoded_cbor`, is passed on as it is.
            sender: who sends it, for receivers inside the server; it does not travel.
            receipt: the id for receipts: one with the number of sessions that it went to, and one from each of them
                about what became of it; None for none.
            ttl: seconds that it waits unsent at most; None: as the path's contract says.
            key: what it is conflated and counted with; None: as the path's contract says.
            exclude: a session that does not get it, such as the one that caused the update.
            idempotency_key: a text of 1 to 256 characters, under which the same update is sent once in five minutes: a
                repeat does nothing.

        Raises:
            KeyReusedError: if that was another update's; the caller's fault, nothing was sent.
            UsageError: if no server runs the application, `path` is not a path, `message` cannot be
                encoded or is larger than all that a session queues (`queue-bytes`), or another argument
                makes no sense; the caller's fault, nothing was sent.
            MailboxFullError: if a hundred thousand updates have not been routed yet: they are sent faster than
                they can be, or wait for clients that read slowly; nothing was sent, try later.
        """
        check_own_path(
            path
        )  # here: what is compiled would say of a path that is not text what it thinks of types
        if self._hub is None:
            raise no_server()
        self._hub.update(
            path,
            message,
            sender=sender,
            receipt=receipt,
            ttl=ttl,
            key=key,
            exclude=None if exclude is None else exclude.sid,
            idempotency_key=idempotency_key,
        )

    def update_all(self, path: str, updates: Iterable[tuple[object, object]]) -> None:
        """Send several messages to `path`, in order, once all of them have been checked; from any thread.

        Args:
            path: the path.
            updates: each message, with its sender, as `update` takes them.

        Raises:
            UsageError: as `update` does, of any of them; the caller's fault, nothing was sent.
            MailboxFullError: as `update` does; the message that was too much was not sent, nor any after it.
        """
        check_own_path(path)
        if self._hub is None:
            raise no_server()
        self._hub.update_all(path, updates)

    def listen(self, ref: ActorRef[Any], pattern: str) -> None:
        """Tell an actor each update to the paths that a pattern covers, as a `Packet`; on the loop.

        It is told in all its incarnations, until `unlisten`: one that ends for good before the server does says so.

        Raises:
            PatternError: if it is not a pattern; the caller's fault, nothing has changed.
            UsageError: if no server runs the application; the caller's fault, nothing has changed.
        """
        if self._hub is None:
            raise no_server()
        self._hub.listen(ref, pattern)

    def unlisten(self, ref: ActorRef[Any], pattern: str) -> None:
        """Stop telling it of them."""
        if self._hub is not None:
            self._hub.unlisten(ref, pattern)

    # -- what the server calls --------------------------------------------------------------

    def claim(self) -> None:
        """Take note that a server begins to run this application.

        Raises:
            UsageError: if another one runs it; the caller's fault, nothing has changed.
        """
        if not self._served.acquire(blocking=False):
            raise UsageError("another server runs this application: each needs an App of its own")

    def release(self) -> None:
        """Take note that it has stopped: the next one may begin."""
        self._served.release()
