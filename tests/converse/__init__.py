"""converse.js, a client of XMPP in a page, against our BOSH: `make converse`."""
