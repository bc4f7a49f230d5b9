"""Metrics: what a monitoring system may know of the server, in the text format of Prometheus.

1.  What can be read on request is read only then, so that it costs nothing before: `readings`.
2.  There are many sessions, so a `census` goes through them bit by bit, while everything else has its turn.
3.  What is counted on the way of a packet is counted there: `cometary.transport.net.channel.Traffic`, the totals of
    sessions, and the samples of `cometary.packets.probes` and `cometary.sessions.handler_times`.
"""
