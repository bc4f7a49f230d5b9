"""XMPP addresses (JIDs), as far as a component needs to read them: `account@domain/resource` (RFC 7622)."""

from __future__ import annotations


def bare(jid: str) -> str:
    """Return an address without its resource."""
    return jid.partition("/")[0]


def account_of(jid: str) -> str:
    """Return the one form of an account, whichever the resource, and however its letters are written.

    What a server passes on is in its normal form (RFC 7622), in which letters are small. It is not case-folded: that
    makes one of accounts that are two, such as `groß` and `gross`.
    """
    return bare(jid).lower()


def same_account(one: str, other: str) -> bool:
    """Whether two addresses are of the same account."""
    return account_of(one) == account_of(other)


def own_address(sender: str, asked: str) -> str:
    """Return the address that somebody asks for, if it is one of the sender's: the account as the server writes it.

    Args:
        sender: who asks, as the server says.
        asked: the address that is asked for, of the same account.
    """
    _, slash, resource = asked.partition("/")
    return f"{bare(sender)}{slash}{resource}"
