"""The BOSH door: XMPP for browsers, over HTTP, in front of an XMPP server (XEP-0124 and XEP-0206)."""
