"""The door of BOSH: XMPP for browsers, by HTTP, in front of an XMPP server (XEP-0124 and XEP-0206)."""
