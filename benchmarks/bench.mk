# Measurements; benchmarks/README.md says how to read them.
#
#   make bench          bench-push and bench-growth; about half an hour
#   make bench-push     every default peer, 1,000 and 5,000 sessions; about a quarter of an hour
#   make bench-growth   100 to 15,000 sessions, latency under load, paths, packets, back-ends, a million subscriptions,
#                       with plots for the documentation; about a quarter of an hour
#   make bench-socketio clients of Socket.IO, here and on Node, polling and on WebSockets; about five minutes
#   make bench-quick    a little of both, to see that everything runs; some minutes
#   make bench-actors   actors, here and elsewhere, in every respect that has a target; about five minutes
#   make bench-paths    of bench-growth what needs no wire: a million subscriptions, presence, replays; some minutes
#   make profile        count what a delivery takes: instructions and system calls, layer by layer; flame graphs, too;
#                       PROFILE_OPTIONS="--interpreted --modes broadcast echo"; some minutes, valgrind and strace
#   make instructions   count the instructions of a delivery in each mode, beside those that are kept, as `make test` does;
#                       KEEP=1 counts four times, some minutes, and keeps the greatest
#
# PYTHON=...           measures Cometary (and the Python peers) on another interpreter
# BENCH_OPTIONS=...    goes to bench-push: --servers, --sessions, --rounds, --quick, --no-install
# GROWTH_OPTIONS=...   goes to bench-growth: --parts, --rounds, --quick, --no-install

BENCH_PYTHON = $(VENV)/bin/python
BENCH_OPTIONS ?=
GROWTH_OPTIONS ?=
SOCKETIO_SERVERS = cometary-socketio socketio-node cometary-socketio-websocket socketio-node-websocket
BENCH_SUBJECT = $(if $(PYTHON),--python $(PYTHON))

.PHONY: bench bench-push bench-socketio bench-growth bench-quick bench-actors bench-paths profile instructions

bench: bench-push bench-growth

bench-push: $(VENV)/dev.stamp
	$(BENCH_PYTHON) -m benchmarks.harness $(BENCH_SUBJECT) $(BENCH_OPTIONS)

bench-socketio: $(VENV)/dev.stamp
	$(BENCH_PYTHON) -m benchmarks.harness $(BENCH_SUBJECT) --sessions 1000 --servers $(SOCKETIO_SERVERS) $(BENCH_OPTIONS)

bench-growth: $(VENV)/dev.stamp
	$(BENCH_PYTHON) -m benchmarks.growth $(BENCH_SUBJECT) $(GROWTH_OPTIONS)

bench-quick: $(VENV)/dev.stamp
	$(BENCH_PYTHON) -m benchmarks.harness --quick $(BENCH_SUBJECT) $(BENCH_OPTIONS)
	$(BENCH_PYTHON) -m benchmarks.growth --quick $(BENCH_SUBJECT) $(GROWTH_OPTIONS)

bench-actors: $(VENV)/dev.stamp
	$(BENCH_PYTHON) -m benchmarks.actors $(BENCH_SUBJECT) $(BENCH_OPTIONS)

bench-paths: $(VENV)/dev.stamp
	$(BENCH_PYTHON) -m benchmarks.paths

profile: $(VENV)/dev.stamp
	$(BENCH_PYTHON) -m benchmarks.profile $(PROFILE_OPTIONS)

instructions: $(VENV)/dev.stamp
	$(BENCH_PYTHON) -m benchmarks.profile.guard $(if $(KEEP),--keep)
