"""Whom the server lets in: from the settings and the application to what stands before the endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.authentication import HttpCallback, SignedToken
from cometary.errors import ConfigError
from cometary.sessions.admission import Authenticator as AskingForMore
from cometary.transport.wires.comet.binding import binding_of
from cometary.transport.wires.comet.endpoint import CometEndpoint
from cometary.transport.wires.comet.guarded import GuardedCometEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.app import App, Authenticator
    from cometary.config import Settings
    from cometary.gate.rate_limit import OpenLimiter
    from cometary.sessions import SessionManager
    from cometary.sessions.admission import Judge
    from cometary.transport.http.exchange import Endpoint

ONE: Final = "there is one authenticator, and {other} is another one"


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
        return SignedToken(*settings.token_secret, audience=settings.token_audience)
    return HttpCallback(
        settings.auth_url,
        secret=settings.auth_secret,
        timeout=settings.auth_timeout,
        connections=settings.auth_connections,
        max_waiting=settings.auth_queue,
    )


def make_comet_endpoint(
    manager: SessionManager,
    limiter: OpenLimiter,
    app: App,
    authenticator: Authenticator | None,
    *,
    bind: str,
    start_soon: Callable[..., None],
) -> Endpoint:
    """Return the comet endpoint, guarded if there is anything to guard.

    Args:
        manager: knows the sessions.
        limiter: how many sessions an address may open.
        app: knows where client packets may go.
        authenticator: says who is let in; None lets all in.
        bind: what sessions are bound to, as the option has it.
        start_soon: runs an async function beside everything else.
    """
    comet = CometEndpoint(manager, limiter, app)
    judge, binding = judge_of(authenticator), binding_of(bind)
    if judge is None and binding is None:
        return comet
    return GuardedCometEndpoint(comet, manager, limiter, judge=judge, binding=binding, start_soon=start_soon)


def judge_of(authenticator: Authenticator | None) -> Judge | None:
    """Return what says whether an applicant is let in; None if all are."""
    if authenticator is None:
        return None
    if isinstance(authenticator, AskingForMore):
        return authenticator.judge
    return lambda applicant: authenticator(applicant.token)
