"""Authenticators that are there: signed tokens, and a back-end that is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.on_demand import importer

if TYPE_CHECKING:
    from cometary.authentication.http_callback import HttpCallback
    from cometary.authentication.signed_token import SignedToken
    from cometary.sessions.admission import Admission, Applicant, Authenticator

__all__ = ["Admission", "Applicant", "Authenticator", "HttpCallback", "SignedToken"]

_find = importer(
    __name__,
    {
        "Admission": "cometary.sessions.admission",
        "Applicant": "cometary.sessions.admission",
        "Authenticator": "cometary.sessions.admission",
        "HttpCallback": "cometary.authentication.http_callback",
        "SignedToken": "cometary.authentication.signed_token",
    },
)


def __getattr__(name: str) -> Any:
    return _find(name)
