"""What is read from a server when its metrics are asked for: all but the census of its sessions."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from cometary import __version__
from cometary.cluster.engine_counts import EngineCounts
from cometary.server.metrics.families import counter, counters, gauge, gauges, histogram, histograms
from cometary.version import kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from cometary.server.metrics.census import Census
    from cometary.server.metrics.sources import Sources


def read(sources: Sources, census: Census, sums: Mapping[str, int]) -> Iterator[Metric]:
    """Yield all metrics of the server's own.

    Args:
        sources: where they are.
        census: what sessions are doing.
        sums: what has become of all packets.
    """
    yield from _sessions(sources, census)
    yield from _packets(sources, sums)
    yield from _times(sources)
    yield from _connections(sources)
    yield from _actors(sources)
    counts = sources.doors()
    yield from _webhooks(counts)
    yield _other_doors(counts)
    yield from _nodes(sources.nodes())
    yield from _engine(sources.engine or EngineCounts())
    build = __version__, kind()
    yield gauges("cometary_build_info", "What runs; always 1.", ["version", "build"], {build: 1})


def _sessions(sources: Sources, census: Census) -> Iterator[Metric]:
    manager = sources.manager
    yield gauges(
        "cometary_sessions",
        "Sessions, by state and by what carries them.",
        ["state", "wire"],
        census.by_state,
    )
    yield gauge("cometary_sessions_limit", "The most sessions at one time.", manager.settings.max_sessions)
    yield gauge(
        "cometary_sessions_behind", "Sessions for whose clients others wait.", len(manager.flow.behind)
    )
    yield counters(
        "cometary_sessions_opened_total",
        "Sessions that have opened, by how.",
        ["wire"],
        manager.journal.opens,
    )
    yield counters(
        "cometary_sessions_ended_total",
        "Sessions that have ended, by why.",
        ["reason"],
        manager.journal.ends,
    )
    yield gauge("cometary_queued_packets", "Packets that clients have not acknowledged.", census.queued)
    yield gauge("cometary_queued_bytes", "Bytes of these.", census.queued_bytes)
    yield gauge(
        "cometary_longest_queue_packets", "Packets in the longest queue of a session.", census.longest
    )
    yield gauge(
        "cometary_unhandled_packets", "Packets that the application has yet to handle.", census.unhandled
    )


def _packets(sources: Sources, sums: Mapping[str, int]) -> Iterator[Metric]:
    flow = sources.manager.flow
    yield counter("cometary_updates_total", "Updates that were routed.", flow.routed)
    yield gauge("cometary_updates_waiting", "Updates that have not been routed yet.", flow.pending)
    yield counter("cometary_packets_received_total", "Packets that clients have sent.", sums["received"])
    yield counter("cometary_packets_sent_total", "Packets that were part of an answer.", sums["sent"])
    outcomes = ("delivered", "presumed", "expired", "dropped", "undelivered")
    yield counters(
        "cometary_packets_settled_total",
        "Packets, by what has become of them.",
        ["outcome"],
        {outcome: sums[outcome] for outcome in outcomes},
    )
    yield counter("cometary_receipts_total", "Receipts that were given.", sources.manager.receipts.last)


def _times(sources: Sources) -> Iterator[Metric]:
    probes, times = sources.hub.probes, sources.manager.handler_times
    yield histogram(
        "cometary_update_answer_seconds",
        "Time from sending a packet to its answer; sampled.",
        probes.answered,
    )
    yield histogram(
        "cometary_update_acknowledgement_seconds",
        "Time from sending a packet to its acknowledgement; sampled.",
        probes.acknowledged,
    )
    yield histograms(
        "cometary_handler_seconds", "How long handlers take, by hook; sampled.", "hook", times.histograms
    )
    yield histogram("cometary_loop_lag_seconds", "How late the event loop is.", sources.lag.histogram)
    probes.were_read()
    times.were_read()


def _connections(sources: Sources) -> Iterator[Metric]:
    traffic = sources.front_end.traffic
    yield gauge(
        "cometary_connections", "Open connections, of all listeners.", sources.front_end.open_connections
    )
    yield counter("cometary_connections_accepted_total", "Connections that were accepted.", traffic.accepted)
    yield counter("cometary_received_bytes_total", "Bytes that were read from connections.", traffic.received)
    yield counter("cometary_sent_bytes_total", "Bytes that were written to them.", traffic.sent)
    yield counters(
        "cometary_refused_total", "What was refused, by condition.", ["condition"], traffic.refused
    )


def _actors(sources: Sources) -> Iterator[Metric]:
    numbers = sources.actors.scheduler.statistics()
    yield gauge("cometary_actors", "Actors that are alive.", len(sources.actors.actors))
    yield gauge("cometary_actors_ready", "Actors that wait for their turn.", numbers.ready)
    yield counter("cometary_actor_messages_total", "Messages that actors have handled.", numbers.messages)
    yield gauge(
        "cometary_longest_handler_seconds",
        "The longest that one handler has held up the loop, as the watchdog saw it.",
        numbers.longest_handler or 0.0,
    )
    yield counters(
        "cometary_crashes_total",
        "Children that ended unexpectedly, by supervisor and by what it did.",
        ["supervisor", "action"],
        sources.crashes.counts,
    )


def _webhooks(counts: Mapping[str, Any]) -> Iterator[Metric]:
    known = {name: counts.get(f"webhooks_{name}", 0) for name in ("delivered", "given_up", "dropped")}
    yield counters("cometary_webhooks_total", "Webhooks, by what has become of them.", ["outcome"], known)
    retried = counts.get("webhooks_retried", 0)
    yield counter("cometary_webhooks_retried_total", "Attempts to deliver a webhook that failed.", retried)
    yield gauge("cometary_webhooks_waiting", "Webhooks that wait.", counts.get("webhooks_waiting", 0))


def _nodes(counts: Mapping[str, int]) -> Iterator[Metric]:
    counts = Counter(counts)  # of a server by itself there are none
    yield gauge("cometary_nodes", "Nodes that are up, this one included.", counts["nodes_there"] or 1)
    yield gauge("cometary_node_links", "Links with other nodes: two with each.", counts["nodes_links"])
    yield counter(
        "cometary_forwarded_requests_total",
        "Requests that another node was asked to answer.",
        counts["nodes_forwarded"],
    )
    yield gauge(
        "cometary_forwarded_requests", "Such requests that are not answered yet.", counts["nodes_waiting"]
    )
    yield counter(
        "cometary_tunnelled_connections_total",
        "Connections that were passed on to another node.",
        counts["nodes_tunnelled"],
    )


def _engine(counts: EngineCounts) -> Iterator[Metric]:
    yield counter("cometary_commits_total", "Changes of recorded sessions.", counts.commits)
    yield counter(
        "cometary_adoptions_total",
        "Sessions that were adopted from a process that is gone.",
        counts.adoptions,
    )
    yield histogram(
        "cometary_engine_answer_seconds", "How long the engine takes to answer; sampled.", counts.answers
    )


def _other_doors(counts: Mapping[str, Any]) -> Metric:
    others = {
        name: count
        for name, count in counts.items()
        if isinstance(count, int | float) and not name.startswith("webhooks_")
    }
    return gauges("cometary_door", "What other doors count, by their names for it.", ["count"], others)
