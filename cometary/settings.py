"""The settings of a server: the sections of all its rooms, and the options of the server itself.

An option is declared in the section of the room that goes by it, and in no other place: what is here follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cometary.authentication.settings import AuthenticationSection
from cometary.cluster.node_settings import NodeSection
from cometary.cluster.settings import ClusterSection
from cometary.config import kinds, sources
from cometary.config.option import Option, option
from cometary.config.section import Section, extended, options_of
from cometary.doors.bosh.settings import BoshSection
from cometary.doors.control.settings import ControlSection
from cometary.doors.files.settings import FilesSection
from cometary.doors.hosting.settings import HostingSection
from cometary.doors.installed import installed_doors
from cometary.doors.manhole.settings import ManholeSection
from cometary.doors.roots.settings import RootsSection
from cometary.doors.stomp.settings import StompSection
from cometary.doors.webhooks.settings import WebhookSection
from cometary.errors import ConfigError
from cometary.gate.settings import GateSection
from cometary.packets.settings import ContractSection
from cometary.sessions.settings import SessionSection
from cometary.transport.http.settings import HttpSection
from cometary.transport.wires.comet.settings import CometSection
from cometary.transport.wires.csp.settings import CspSection
from cometary.transport.wires.socketio.settings import SocketIoSection

SOCKETS: Final = kinds.several(
    kinds.matching(r"/[^=,]*=.+:[A-Za-z_][\w.]*", "a socket"),
    "namespaces, each with its function behind it, such as /chat=chat:talk, separated by commas",
)
FILES: Final = kinds.several(
    kinds.matching(r"/([^=,]*/)?=[^,]+", "files"),
    "prefixes of URL paths, each with its directory behind it, such as /=page, separated by commas",
)

APP: Final = kinds.matching(r".+:[A-Za-z_][\w.]*", "MODULE:APP, such as chat:app or ./chat.py:app")


@dataclass(frozen=True, kw_only=True)
class ServerSection(Section):
    """What is said of the server as a whole."""

    app: str | None = option(None, APP, "The application to serve; without one, back-ends do all.")
    sockets: tuple[str, ...] = option(
        (), SOCKETS, "Functions that talk with each client of a namespace, beside those of the application."
    )
    files: tuple[str, ...] = option(
        (), FILES, "Directories whose files are served, beside those of the application."
    )
    stop_grace: float = option(
        5,
        kinds.seconds(0, 3600),
        "How long the handlers of sessions have to finish when the server stops.",
        live=True,
    )
    drain: float = option(
        10,
        kinds.seconds(0, 3600),
        "Over how long clients come back when the server stops, each at a time that it is told; 0 tells them none.",
        live=True,
    )
    workers: int = option(
        1,
        kinds.whole(1, 64),
        "How many processes serve, each with sessions of its own, at the same addresses.",
    )
    watchdog: float = option(
        0.1,
        kinds.seconds(0, 60),
        "How long a handler may hold up the server before a warning names it; 0 for no such warnings.",
    )
    traces: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether the way of some packets is reported to OpenTelemetry; it needs the extra otel.",
    )


@dataclass(frozen=True, kw_only=True)
class LogSection(Section):
    """How the process logs."""

    log_level: str = option(
        "info",
        kinds.choice("debug", "info", "warning", "error"),
        "The least serious events that are logged.",
        live=True,
    )
    access_log: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether each answered request of a client is logged.",
        live=True,
    )
    log_format: str = option("text", kinds.choice("text", "json"), "How the lines of the log are written.")


@dataclass(frozen=True, kw_only=True)
class Settings(
    ServerSection,
    HttpSection,
    CometSection,
    SocketIoSection,
    CspSection,
    ControlSection,
    AuthenticationSection,
    GateSection,
    SessionSection,
    ClusterSection,
    NodeSection,
    ContractSection,
    WebhookSection,
    FilesSection,
    HostingSection,
    StompSection,
    RootsSection,
    BoshSection,
    ManholeSection,
    LogSection,
):
    """How one server is set up; each field is explained by its row.

    Raises:
        ConfigError: a value is not allowed; `where` is the name of the field's option.
    """

    def check(self) -> None:
        """See whether what the sections say goes together."""
        if self.binds_to_cookie and "*" in self.origins:
            raise ConfigError("bind", "cookies are not for pages of any origin, so origins has to name them")


OPTIONS: Final[tuple[Option, ...]] = options_of(Settings)
"""Every built-in option, in the order in which they are explained."""


def all_settings() -> type[Settings]:
    """Return the class of the settings with the sections of the doors that are installed.

    Raises:
        ConfigError: a door cannot be had, or declares an option that there is; its author's fault.
    """
    sections = [door.section for door in installed_doors() if door.section is not None]
    return extended(Settings, *sections)


def load(arguments: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Build the settings from all that was given; arguments and errors are those of `sources.load`."""
    return sources.load(all_settings(), arguments, environment)


def is_given(name: str, arguments: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    """Whether any source gives the option of that name; arguments and errors are those of `load`."""
    return sources.is_given(all_settings(), name, arguments, environment)
