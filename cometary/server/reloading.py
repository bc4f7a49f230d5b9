"""Reading the configuration again while the server runs.

1.  Options that can change without dropping anybody are declared so (`Option.live`). All others that have changed are
    reported as needing a restart, and their old values stay in force.
2.  Errors are found before anything changes: wrong values, values that do not go together (including with old ones
    that stay), and the files of TLS, which are read first.
3.  Nobody is dropped: connections that have been let in are not judged again, and open sessions keep the limits that
    are their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from cometary.config.section import options_of
from cometary.log import get_logger
from cometary.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.transport.net.certificate import Certificate

logger = get_logger("cometary.server")

FILES_OF_TLS = ("tls-cert", "tls-key")


class Source(NamedTuple):
    """Where a server's settings come from.

    Attributes:
        read: reads them.
        taken: told of those that are in force from now on; raises nothing.
    """

    read: Callable[[], Settings]
    taken: Callable[[Settings], None]


class Reloaded(NamedTuple):
    """What came of it.

    Attributes:
        changed: the options that have other values now.
        restart: those that will have other values only after a restart.
        certificate: whether the files of TLS were read again.
    """

    changed: list[str]
    restart: list[str]
    certificate: bool


class Reloading:
    """The settings of a server that runs.

    Args:
        settings: those that it was started with.
        source: where they come from; None if there is nothing to read them from again.
        certificate: that of TLS; None if it is not spoken.
        take: told of the settings that are in force from now on; raises nothing.

    Attributes:
        settings: those in force.
    """

    def __init__(
        self,
        settings: Settings,
        source: Source | None,
        certificate: Certificate | None,
        take: Callable[[Settings], None],
    ) -> None:
        self.settings = settings
        self._source = source
        self._certificate = certificate
        self._take = take

    def reload(self) -> Reloaded:
        """Read the configuration again, and the files that it names.

        Raises:
            ConfigError: something is wrong; nothing has changed.
        """
        wanted = self.settings if self._source is None else self._source.read()
        changed, restart = self._differences(wanted)
        values = {name: getattr(wanted, name) for name in map(_field, changed)}
        settings = replace(self.settings, **values)
        if self._certificate is not None and settings.files_of_tls is not None:
            self._certificate.reload(*settings.files_of_tls)
        self.settings = settings
        self._take(settings)
        if self._source is not None:
            self._source.taken(settings)
        self._tell(changed, restart)
        return Reloaded(changed, restart, self._certificate is not None)

    def _differences(self, wanted: Settings) -> tuple[list[str], list[str]]:
        """Return the options whose values differ: those that are live, and the others."""
        different = [
            option
            for option in options_of(type(self.settings))
            if getattr(wanted, option.field) != getattr(self.settings, option.field)
        ]
        changed = [option.name for option in different if option.live and self._can_change(option.name)]
        return changed, [option.name for option in different if option.name not in changed]

    def _can_change(self, name: str) -> bool:
        """Whether a live option can change here: TLS and tokens are neither switched on nor off."""
        if name in FILES_OF_TLS:
            return self._certificate is not None and self._is_kept("files_of_tls")
        return name != "token-secret" or self._is_kept("token_secret")

    def _is_kept(self, field: str) -> bool:
        return bool(getattr(self.settings, field))

    def _tell(self, changed: Sequence[str], restart: Sequence[str]) -> None:
        shown = ", ".join(changed) or "nothing"
        text = f"the configuration and the files of TLS were read again; changed: {shown}"
        logger.info("configuration read", text=text, changed=list(changed))
        for name in restart:
            text = f"{name} has changed, and needs a restart: the old value stays in force"
            logger.warning("restart needed", text=text, option=name)


def _field(name: str) -> str:
    return name.replace("-", "_")
