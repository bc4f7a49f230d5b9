"""XMPP: components of an XMPP server (XEP-0114), and pub/sub as code on them (XEP-0060)."""

from cometary.xmpp.component import Component, Part
from cometary.xmpp.discovery import DiscoItem, Discovery, Identity, Info
from cometary.xmpp.stanzas import Stanza

__all__ = ["Component", "DiscoItem", "Discovery", "Identity", "Info", "Part", "Stanza"]
