"""Authenticators that are there: signed tokens, and a back-end that is asked."""

from __future__ import annotations

from cometary.authentication.http_callback import HttpCallback
from cometary.authentication.signed_token import SignedToken
from cometary.sessions.admission import Admission, Applicant, Authenticator

__all__ = ["Admission", "Applicant", "Authenticator", "HttpCallback", "SignedToken"]
