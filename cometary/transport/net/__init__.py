"""Sockets: one poller that watches them all, the listeners, what runs out."""
