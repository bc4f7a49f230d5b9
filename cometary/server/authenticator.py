"""Who judges clients: what settings and application say together.

Reading signed tokens and asking a back-end both need large libraries, which are imported only where they are chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.errors import ConfigError

if TYPE_CHECKING:
    from cometary.app import App, Authenticator
    from cometary.settings import Settings

ONE: Final = "there can be only one authenticator, and {other} is a second"


def choose_authenticator(settings: Settings, app: App) -> Authenticator | None:
    """Return the authenticator of the settings or of the application; None if there is none.

    Raises:
        ConfigError: if there are two; `where` is the option of one of them.
    """
    options = [
        name
        for name, value in (("token-secret", settings.token_secret), ("auth-url", settings.auth_url))
        if value
    ]
    if not options:
        return app.authenticator
    if app.authenticator is not None:
        raise ConfigError(options[0], ONE.format(other="the application's"))
    if len(options) > 1:
        raise ConfigError(options[1], ONE.format(other=options[0]))
    if settings.auth_url is None or settings.auth_secret is None:
        from cometary.authentication import SignedToken  # noqa: PLC0415 - see above

        once = settings.token_once == "on"  # noqa: S105 - it is no secret
        return SignedToken(*settings.token_secret, audience=settings.token_audience, once=once)
    from cometary.authentication import HttpCallback  # noqa: PLC0415 - the same

    return HttpCallback(
        settings.auth_url,
        secret=settings.auth_secret,
        timeout=settings.auth_timeout,
        connections=settings.auth_connections,
        max_waiting=settings.auth_queue,
    )


def reload_authenticator(authenticator: Authenticator | None, settings: Settings) -> None:
    """Have the chosen authenticator go by other secrets, if it is one of signed tokens."""
    if settings.token_secret:
        from cometary.authentication import SignedToken  # noqa: PLC0415 - the same

        if isinstance(authenticator, SignedToken):
            authenticator.replace(*settings.token_secret, audience=settings.token_audience)
