# Two commands are all a newcomer needs; each sets up whatever it is missing, on a fresh machine too.
#
#   make demo    run the server with its demonstration application
#   make test    run every check: style, types, layers, tests
#   make compile compile the modules that every delivery runs through, in a copy of this checkout
#   make wheel   the same in a wheel, for servers in production
#   make docs    build the site of the documentation, in .cache/docs/site; VERSION=1.2.3 names it
#   make release what a release publishes, of the tag that is checked out, in dist/VERSION
#   make release-rehearsal  make a release of what is committed, publish it on this machine, install and use it, minutes;
#                REHEARSAL_OPTIONS=--pure leaves the compiled wheel out
#   make fuzz    send 100,000 malformed requests to a server, some minutes; FUZZ_OPTIONS="--requests 5000 --seed 2"
#                or "--wire csp", socketio, bosh, for those
#   make proxies run the server behind a real nginx, Caddy and HAProxy, if they are installed, and see what comes through
#   make partitions cut one of three nodes off, in network namespaces whose packets are really dropped, a minute or two
#   make autobahn run Autobahn's fuzzing client against the front end's WebSockets, minutes; it needs Python 2.7,
#                PYTHON2=/path/to/python2.7; AUTOBAHN_CASES="1.* 5.*" runs some of them
#   make socketio-suite run the tests of npm's socket.io-client against our server, a minute; it takes them from GitHub,
#                or from SOCKETIO_REPOSITORY=/path/to/socket.io, of the version that the lock file names, or of SOCKETIO_TAG
#   make ejabberd have the real clients of BOSH and of pub/sub meet ejabberd in Prosody's place, half a minute; it needs that
#   make converse see converse.js, which npm installs into .cache, talk by BOSH in Chromium; it needs Prosody
#   make hour    simulate an hour of trouble for hundreds of pages, a minute; the tests have half of it for half of them
#   make mutants change the sources a little, thousands of times, and see whether a test notices each time, hours;
#                CHANGED=main tries only what differs from that branch, MODULES="dispatch cometary/fsm/full_path.py" only those
#
# PYTHON=/path/to/python3 chooses the interpreter; the newest suitable one on PATH is the default.
# PORT=8090 chooses the demo's port.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
DOCS := .cache/docs
RELEASE := .cache/release
PORT ?= 8080
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test test-set-up compile wheel docs release release-rehearsal fuzz proxies partitions autobahn socketio-suite ejabberd converse hour mutants format lock clean

demo: $(VENV)/run.stamp
	$(VENV)/bin/python scripts/compile.py --if-possible
	PYTHONPATH="$(CURDIR)/.cache/compiled" $(VENV)/bin/cometary demo --port $(PORT)

test:
	@$(MAKE) --no-print-directory --jobs=2 test-set-up
	$(VENV)/bin/python scripts/check.py

# What the first checks need comes from two places, and neither waits for the other.
test-set-up: $(VENV)/dev.stamp node_modules/.package-lock.json

compile: $(VENV)/dev.stamp
	$(VENV)/bin/python scripts/compile.py

wheel: $(VENV)/dev.stamp
	$(VENV)/bin/python scripts/compile.py --wheel

docs: $(DOCS)/python.stamp $(DOCS)/npm/node_modules/.package-lock.json
	$(DOCS)/venv/bin/python docs/site/build.py $(if $(VERSION),--version $(VERSION))

release: $(RELEASE)/release.stamp
	$(RELEASE)/bin/python scripts/release.py $(RELEASE_OPTIONS)

release-rehearsal: $(RELEASE)/release.stamp
	$(RELEASE)/bin/python scripts/rehearse.py $(REHEARSAL_OPTIONS)

fuzz: $(VENV)/dev.stamp
	$(VENV)/bin/python -m tests.fuzzing $(FUZZ_OPTIONS)

proxies: $(VENV)/dev.stamp
	$(VENV)/bin/python scripts/proxies.py
	$(VENV)/bin/python -m tests.proxies_http2
	$(VENV)/bin/python -m tests.nodes_behind_proxies

partitions: $(VENV)/dev.stamp
	$(VENV)/bin/python -m tests.nodes.dropping

autobahn: $(VENV)/dev.stamp
	PYTHON2="$(PYTHON2)" $(VENV)/bin/python -m tests.autobahn $(AUTOBAHN_CASES)

socketio-suite: $(VENV)/dev.stamp node_modules/.package-lock.json
	$(VENV)/bin/python -m tests.socketio_suite $(SUITE_OPTIONS)

ejabberd: $(VENV)/dev.stamp node_modules/.package-lock.json
	XMPP_SERVER=ejabberd $(VENV)/bin/pytest -q tests/doors/bosh/test_real_clients.py tests/xmpp/test_real_servers.py

converse: $(VENV)/dev.stamp
	$(VENV)/bin/python -m tests.converse

hour: $(VENV)/dev.stamp
	$(VENV)/bin/python -m tests.simulation --seed 11 --sessions 400 --minutes 60 --send-every 900 --cut-every 600 \
		--crash-every 2 --wait 300

mutants: $(VENV)/dev.stamp
	$(VENV)/bin/python -m tests.mutation $(if $(CHANGED),--changed $(CHANGED)) $(MUTANTS_OPTIONS) $(MODULES)

# Put every file into the project's one format, and fix what can be fixed without thinking.
format: $(VENV)/dev.stamp node_modules/.package-lock.json
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	node_modules/.bin/prettier --write clients/javascript tests/clients tests/doors tests/transport examples/hooks \
		'cometary/doors/inspector/page/*.js'

# Bring the lock files up to the newest versions that pyproject.toml and package.json allow.
UV_COMPILE = $(VENV)/bin/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: $(VENV)/dev.stamp
	$(UV_COMPILE) --group build --output-file requirements/run.txt >/dev/null
	$(UV_COMPILE) --group dev --constraint requirements/run.txt --output-file requirements/dev.txt >/dev/null
	$(UV_COMPILE) --group docs --extra testing --constraint requirements/dev.txt --output-file requirements/docs.txt >/dev/null
	$(UV_COMPILE) --group release --constraint requirements/run.txt --output-file requirements/release.txt >/dev/null
	npm update --package-lock-only
	npm update --package-lock-only --prefix docs/site

clean:
	rm -rf $(VENV) node_modules .cache

# --- set-up: a stamp is newer than everything it was made from, so the second run does nothing

$(VENV)/bin/python:
	PYTHON="$(PYTHON)"; "$${PYTHON:-$$(scripts/find_python.sh)}" -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the server needs ..."
	$(PIP) install --require-hashes --requirement requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "Installing what the checks need ..."
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	touch $@

$(RELEASE)/release.stamp: requirements/release.txt
	@echo "Installing what a release needs ..."
	PYTHON="$(PYTHON)"; "$${PYTHON:-$$(scripts/find_python.sh)}" -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement $<
	touch $@

$(DOCS)/python.stamp: requirements/docs.txt
	@echo "Installing what the documentation needs ..."
	PYTHON="$(PYTHON)"; "$${PYTHON:-$$(scripts/find_python.sh)}" -m venv $(DOCS)/venv
	$(DOCS)/venv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement requirements/docs.txt
	touch $@

$(DOCS)/npm/node_modules/.package-lock.json: docs/site/package.json docs/site/package-lock.json
	mkdir -p $(DOCS)/npm
	cp $^ $(DOCS)/npm
	npm ci --prefix $(DOCS)/npm
	touch $@

node_modules/.package-lock.json: package.json package-lock.json clients/javascript/package.json
	npm ci
	touch $@

include benchmarks/bench.mk
