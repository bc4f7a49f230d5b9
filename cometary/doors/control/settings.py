"""What an operator can configure about the control interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from cometary.config import kinds
from cometary.config.kinds import Address, Kind, UnixAddress
from cometary.config.option import option
from cometary.config.section import Section, section_of
from cometary.doors.control.rights import EVERYTHING, Secrets, read_rights
from cometary.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

# RFC 6750, section 2.1, says which characters a bearer token has.
SECRET: Final = kinds.matching(r"[\w.~+/-]+=*", "one or more of A-Z a-z 0-9 - . _ ~ + / and then only =")


_LINE: Final = kinds.matching(r"[\w.~+/-]+=*( +\S+)+", "a secret, and its rights")


def _check_secrets(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        lines = tuple(map(_LINE.check, cast("Iterable[object]", value)))
        try:
            Secrets(None, lines)
        except UsageError:
            raise ValueError from None
        return lines
    raise ValueError


SECRETS: Final = Kind(
    "secrets, each with its rights behind it, separated by commas: all; or any of update, send, connect (each for some "
    "paths alone with =PATTERN, such as update=orders/**), kick, read and operate",
    _check_secrets,
    lambda text: _check_secrets(kinds.listed(text)),
)


@dataclass(frozen=True, kw_only=True)
class ControlSection(Section):
    """Where back-ends connect, and what secret they need."""

    control: Address | UnixAddress = option(
        Address("127.0.0.1", 8081),
        kinds.ADDRESS_OR_UNIX,
        "Where back-ends connect; off loopback it needs a secret.",
    )
    secret: str | None = option(
        None, SECRET, "The bearer token for every call of the control interface.", secret=True, live=True
    )
    secrets: tuple[str, ...] = option(
        (), SECRETS, "More such tokens, each with its rights.", secret=True, live=True
    )
    inspector: str = option(
        "on",
        kinds.choice("off", "on"),
        "Whether the control interface has the inspector, at /inspector/.",
    )
    crash_calls: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether back-ends may crash session actors, for tests; on loopback only.",
    )

    def check(self) -> None:
        """Check that what other machines can reach is guarded."""
        check_guarded(self, "control", self.control)
        if not self.control.is_loopback and self.crash_calls == "on":
            raise ConfigError("crash-calls", f"other machines can reach {self.control}, so it must be off")


def check_guarded(settings: Section, name: str, where: Address | UnixAddress | str | None) -> None:
    """Check that a way in for back-ends is off, out of reach of other machines, or guarded by the secret.

    Args:
        settings: those of the server.
        name: of the option that says where the way in is.
        where: what it says: an address, or a path on the clients' listener.

    Raises:
        ConfigError: it is open to strangers; the operator's fault.
    """
    if where is None or (not isinstance(where, str) and where.is_loopback):
        return
    if not secrets_of(settings):
        who = "every client can reach it" if isinstance(where, str) else f"other machines can reach {where}"
        needed = "so it needs a secret: COMETARY_SECRET, or secret in the file"
        raise ConfigError(name, f"{who}, {needed}")


def secrets_of(settings: Section) -> Secrets:
    """Return the secrets of a server's control interface, and what each is good for."""
    section = section_of(settings, ControlSection)
    return Secrets(section.secret, section.secrets)


def master_secret(settings: Section) -> str | None:
    """Return a secret that is good for everything; None if there is none."""
    section = section_of(settings, ControlSection)
    if section.secret is not None:
        return section.secret
    full = [line.split() for line in section.secrets]
    return next((name for name, *words in full if read_rights(words) is EVERYTHING), None)
