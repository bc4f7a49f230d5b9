"""XMPP addresses (JIDs), as far as a component looks into them: `account@domain/resource` (RFC 7622)."""

from __future__ import annotations


def bare(jid: str) -> str:
    """Return an address without its resource."""
    return jid.partition("/")[0]


def is_full(jid: str) -> bool:
    """Whether an address has a resource."""
    return "/" in jid


def same_account(one: str, other: str) -> bool:
    """Whether two addresses are of the same account, whichever their resources.

    What a server passes on is in its normal form; what a client has written within a stanza is compared without regard
    to case.
    """
    return bare(one).casefold() == bare(other).casefold()


def domain_of(jid: str) -> str:
    """Return the domain of an address."""
    return bare(jid).rpartition("@")[2]
