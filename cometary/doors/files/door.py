"""The door of the files for browsers: the client, the welcome page, and the application's own files.

1.  The application's files come first: the server's own files get only the remaining paths.
2.  The client is beside the comet endpoint, wherever that is. It has two names: a permanent one, which may be cached
    for some minutes, and one for this version, which may be cached for ever.
3.  Where neither the application nor a site beside the sessions has anything at `/`, the welcome page is there.
"""

from __future__ import annotations

import json
import shlex
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final

from cometary.browser import CLIENT, TYPES, WELCOME, hashed_name
from cometary.config.section import Section, section_of
from cometary.doors.control.settings import ControlSection, secrets_of
from cometary.doors.door import Door
from cometary.doors.files.settings import FilesSection
from cometary.doors.hosting.settings import HostingSection
from cometary.transport.http.files import IMMUTABLE, FileTable, ServedFile
from cometary.transport.wires.comet.settings import CometSection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.config.kinds import Address, UnixAddress
    from cometary.doors.door import Inside
    from cometary.transport.http.exchange import Endpoint

SHORT: Final = b"public, max-age=300"
"""For how long a page may still use the client from before an upgrade."""

VARIES: Final = ((b"Vary", b"Origin"),)
"""For pages of other origins, which must be allowed to import it, the answer has further headers."""


class FilesDoor(Door):
    """Serves the client, and the files of the directories that the application names."""

    name: ClassVar[str] = "files"
    section: ClassVar[type[Section] | None] = FilesSection

    def open(self, inside: Inside) -> None:
        """Read them.

        Raises:
            UsageError: a directory no longer exists; the application's fault.
            OSError: a file cannot be read; the environment's fault.
        """
        self._files = files = FileTable()
        for prefix, directory, follow_links in inside.directories:
            files.add(prefix, directory, follow_links=follow_links)
        for path, file in client_files(section_of(self.settings, CometSection).comet).items():
            files.add_file(path, file)

    def listening(self, addresses: Mapping[str, Address | UnixAddress]) -> None:
        """Make the welcome page, which shows where commands for the server are sent."""
        site = section_of(self.settings, HostingSection)
        if section_of(self.settings, FilesSection).welcome_page == "on" and not (site.wsgi or site.asgi):
            secret = bool(secrets_of(section_of(self.settings, ControlSection)))
            comet = section_of(self.settings, CometSection).comet
            self._files.add_file("/", welcome_page(comet, addresses.get("control"), secret=secret))

    def rest(self) -> Endpoint:
        """Answer with the file of that name, if there is one."""
        return self._files


def beside(comet: str, name: str) -> str:
    """Return the URL path of a file beside the comet endpoint."""
    return f"{comet[: comet.rindex('/')]}/{name}"


def client_paths(comet: str) -> tuple[str, str, str]:
    """Return the paths of the client, the permanent one and that of this version, and of its types.

    Args:
        comet: the path of the comet endpoint.
    """
    return beside(comet, CLIENT.name), beside(comet, hashed_name()), beside(comet, TYPES.name)


@cache  # a test, or an application under a server of others, has many servers in one process
def client_files(comet: str) -> Mapping[str, ServedFile]:
    """Return the client's files by their URL paths."""
    for_good, this_version, types = client_paths(comet)
    more = (*VARIES, (b"Content-Location", this_version.encode()))
    return {
        for_good: ServedFile.read(CLIENT, cache=SHORT, more=more, packed=True),
        this_version: ServedFile.read(CLIENT, cache=IMMUTABLE, more=VARIES, packed=True),
        types: ServedFile.read(TYPES, packed=True),
    }


def welcome_page(comet: str, control: Address | UnixAddress | None, *, secret: bool) -> ServedFile:
    """Return the page of a server without pages.

    Args:
        comet: the path of the comet endpoint.
        control: where the command that the page shows has to go; None if there is no such place.
        secret: whether it needs a secret.
    """
    for_good, this_version, _ = client_paths(comet)
    elsewhere = control not in {None, ControlSection().control}
    values = {
        "client": for_good,
        "hashed": this_version,
        "comet": comet,
        "more": f" --control {shlex.quote(str(control))}" if elsewhere else "",
        "secret": "needed" if secret else "",
    }
    text = WELCOME.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f'"{{{name}}}"', json.dumps(value).replace("<", "\\u003c"))
    return ServedFile(text.encode(), WELCOME.suffix, int(WELCOME.stat().st_mtime))
