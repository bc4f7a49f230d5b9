"""Lines over TCP: Imperio's, and those of the first Dolores (August 2009). While one is not taken, nothing is read.

Dolores' lines: `CONTROL` makes a connection a controller if there is a file `control-ID`, which it removes; a
controller may say `CONNECT ID PATH`, `DISCONNECT ID PATH`, `UPDATE PATH; MESSAGE`, `ALL TEXT` and `CRASH ID`, and is
told `SUCCESS` or `FAIL`, others `NOALLOW`; `EXIT` ends a connection. Paths are in lower case.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cometary.doors.roots.dolores import random_text
from cometary.doors.roots.forest import Forest, outcome
from cometary.doors.roots.imperio import LineReader, as_text, split
from cometary.doors.roots.pig import CONNECT, DISCONNECT
from cometary.doors.roots.thestral import NO_ID
from cometary.errors import ProtocolError
from cometary.transport.net.buffered import BufferedChannel

if TYPE_CHECKING:
    from cometary.transport.net.channel import Floor

AT_ONCE: Final = 50
MOST_BEHIND: Final = 1 << 20
EXIT: Final = "::exit"
SECRET: Final = "::secret"  # noqa: S105 - the path of a line that shows one
BANNER: Final = "I, Dolores, High Inquisitor, Hogwarts."


class LinesChannel(BufferedChannel):
    """One connection; a subclass says what lines mean."""

    def __init__(self, sock: socket.socket, floor: Floor, forest: Forest) -> None:
        super().__init__(sock, floor)
        self.id = NO_ID
        self.forest = forest
        self._reader = LineReader()
        self._busy = False
        self._behind = b""

    def take(self, line: str) -> None:
        """Take a line.

        Raises:
            ProtocolError: it makes no sense; the sender's fault.
        """
        raise NotImplementedError

    def readable(self, bits: int) -> None:  # noqa: ARG002 - whatever was reported, to read says what it is
        """Read, and do what has come."""
        if self._take_some():
            return
        data = self._read_once()
        if data:
            self._floor.count_parsed(len(data))
            self._reader.feed(data)
            self._take_some()
        elif data is not None:
            self.close()

    def _take_some(self) -> bool:
        """Do some of what has come; returns whether there is more."""
        for _ in range(AT_ONCE):
            if self.sock.fileno() < 0 or self._busy:
                break
            try:
                line = self._reader.next()
                if line is None:
                    return False
                self.take(line)
            except ProtocolError:
                self.close()  # Roots has no word for what is wrong
        else:
            self._floor.keeps(self.sock.fileno())
        self._settle()
        return True

    def _settle(self) -> None:
        if self.sock.fileno() >= 0:
            self._watch(reading=not self._busy, writing=self._unsent is not None)

    def say(self, path: str, message: Any, *, authorized: bool, then: Callable[[bool], object]) -> None:
        """Say a message; `then` is called with whether it was taken."""

        def done(error: Exception | None) -> None:
            self._busy = False
            then(error is None)
            self._settle()
            self._floor.keeps(self.sock.fileno())

        taken = self.forest.say(self, path, message, authorized=authorized)
        if taken is None:
            then(True)  # noqa: FBT003 - it was taken
        else:
            self._busy = True
            outcome(taken, done)

    def write(self, text: str) -> None:
        """Send text; a client for which too much waits is disconnected."""
        if self.sock.fileno() < 0:
            return
        if self._unsent is None:
            self._send(text.encode(errors="replace"))
        else:
            self._behind += text.encode(errors="replace")
        if len(self._behind) > MOST_BEHIND:
            self.close()
        self._settle()

    def writable(self) -> None:
        """Send the rest."""
        self._send_rest()
        if self._behind and self._unsent is None:
            data, self._behind = self._behind, b""
            self._send(data)
        self._settle()


class ImperioChannel(LinesChannel):
    """Imperio: each line is a message. A line `::secret; SECRET` shows the secret, and `::exit` ends the connection."""

    def __init__(self, sock: socket.socket, floor: Floor, forest: Forest, *, legacy: bool) -> None:
        super().__init__(sock, floor, forest)
        self._legacy = legacy
        self._authorized = forest.is_authorized(None)

    def take(self, line: str) -> None:
        """Take a line; one without a path does not count."""
        path, message = split(line, legacy=self._legacy)
        if line == EXIT:
            self.close()
        elif path == SECRET:
            self._authorized = self.forest.is_authorized(message)
        elif path:
            self.say(path, message, authorized=self._authorized, then=lambda _: None)


class DoloresChannel(LinesChannel):
    """The first Dolores; each connection is a Thestral."""

    count = 0

    def __init__(
        self,
        sock: socket.socket,
        floor: Floor,
        forest: Forest,
        *,
        peer: str,
        threads: Path,
        known: set[DoloresChannel],
    ) -> None:
        super().__init__(sock, floor, forest)
        DoloresChannel.count += 1
        self._known = known
        self._controls = False
        self._threads = threads
        known.add(self)
        forest.dolores.register(self, f"{peer}-{DoloresChannel.count}-{random_text()}")

    def start(self) -> None:
        """Say who is here, and who has come."""
        self.write(f"{BANNER}\r\n{self.id}\r\n")

    def update(self, source: Any, path: str, data: Any) -> None:
        """Tell the client of a message."""
        del source
        self.write(f"UPDATE {path};{as_text(data)}\r\n")

    def take(self, line: str) -> None:
        """Take a command."""
        word, _, rest = line.strip().partition(" ")
        if word == "EXIT":
            self.close()
        elif word == "CONTROL":
            self._control()
        elif not self._controls:
            self.write("NOALLOW\r\n")
        elif word in {"CONNECT", "DISCONNECT"}:
            who, _, path = rest.strip().partition(" ")
            known = self.forest.dolores.find(who) is not None and bool(path.strip())
            control = CONNECT if word == "CONNECT" else DISCONNECT
            if known:
                self._tell(control, f"{who}->{path.strip().lower()}")
            else:
                self._answer(done=False)
        elif word == "UPDATE":
            path, message = split(rest, legacy=False)
            self._tell(path.strip().lower(), message)
        elif word == "ALL":
            for each in [*self._known]:
                each.write(f"{rest}\r\n")
            self._answer(done=True)
        else:
            found = next((each for each in self._known if each.id == rest.strip()), None)
            self._answer(done=word == "CRASH" and found is not None)
            if word == "CRASH" and found is not None:
                found.close()

    def closed(self) -> None:
        """Be gone."""
        self._known.discard(self)
        self.forest.dolores.unregister(self)

    def _control(self) -> None:
        try:
            (self._threads / f"control-{self.id}").unlink()
            self._controls = True
        except OSError:
            self.write("NOALLOW\r\n")

    def _tell(self, path: str, message: str) -> None:
        try:
            self.say(path, message, authorized=True, then=lambda taken: self._answer(done=taken))
        except ProtocolError:
            self._answer(done=False)

    def _answer(self, *, done: bool) -> None:
        self.write("SUCCESS\r\n" if done else "FAIL\r\n")
