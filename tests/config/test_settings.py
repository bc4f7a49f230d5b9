"""Where settings come from, which source wins, and how a wrong value is refused."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.config import Address, Option, Settings
from cometary.config.kinds import UnixAddress
from cometary.errors import ConfigError
from cometary.settings import OPTIONS, load

Value = str | float | list[str]
REFERENCE = Path(__file__).parents[2] / "docs/reference/configuration.md"
EXAMPLES: dict[str, Value] = {
    "app": "chat:app",
    "sockets": ["/chat=chat:talk"],
    "files": ["/=page", "/img/=images"],
    "stop-grace": 2.5,
    "drain": 30,
    "workers": 4,
    "watchdog": 0,
    "traces": "on",
    "host": "0.0.0.0",
    "port": 9000,
    "listen": "unix:/run/push.sock,mode=660",
    "reuse-port": "on",
    "origins": ["https://www.example.org", "http://localhost:3000"],
    "hosts": ["www.example.org", "push.example.org"],
    "trusted-proxies": ["127.0.0.1/32", "10.0.0.0/8"],
    "forwarded": "forwarded",
    "tls-cert": "cert.pem",
    "tls-key": "key.pem",
    "body-bytes": 8192,
    "comet": "/push/comet",
    "wires": [],
    "socketio": "/push/socket.io/",
    "socketio-recovery": "on",
    "socketio-ping-interval": 10,
    "socketio-ping-timeout": 5.5,
    "socketio-connect-timeout": 30,
    "csp": "/push/csp",
    "csp-documents": "on",
    "control": "[::1]:9001",
    "secret": "s3cret-s3cret",
    "secrets": ["sh0p update=orders/** read", "old all"],
    "inspector": "off",
    "crash-calls": "on",
    "token-secret": [32 * "t", 32 * "u"],
    "token-audience": "push",
    "token-once": "on",
    "auth-url": "https://www.example.org/auth",
    "auth-secret": "whsec_" + 32 * "B",
    "auth-timeout": 2.5,
    "auth-connections": 2,
    "auth-queue": 10,
    "bind": "cookie:sessionid",
    "opens-per-minute": 0,
    "wait": 0.5,
    "die": 90,
    "requests": 4,
    "token-notice": 10,
    "max-sessions": 10,
    "session-paths": 50,
    "request-packets": 100,
    "packets-per-second": 0,
    "packet-burst": 50,
    "address-packets-per-second": 10,
    "address-packet-burst": 100,
    "queue-packets": 5,
    "queue-bytes": 4096,
    "response-bytes": 2048,
    "log-addresses": "off",
    "ended-sessions": 50,
    "engine": "redis://127.0.0.1:6379/1",
    "engine-prefix": "shop.1",
    "engine-replicas": 1,
    "sessions": "resume",
    "lease": 2,
    "node": "a",
    "node-listen": "10.0.0.1:7000",
    "node-address": "a.example.org:7000",
    "node-secret": "0123456789abcdef",
    "paths": ["prices/** conflate ttl=10", "log/* drop_oldest limit=5"],
    "webhook-url": "https://www.example.org/hooks?a=1",
    "webhook-secret": "whsec_" + 32 * "A",
    "webhook-events": ["signoff", "failure"],
    "message-paths": ["say", "orders/**"],
    "webhook-timeout": 2.5,
    "webhook-patience": 0,
    "webhook-connections": 2,
    "webhook-queue": 100,
    "webhook-queue-bytes": 2**20,
    "welcome-page": "off",
    "wsgi": "project.wsgi:application",
    "wsgi-threads": 2,
    "wsgi-queue": 10,
    "upload-bytes": 1000000,
    "asgi": "project.asgi:application",
    "asgi-loop": "trio",
    "asgi-requests": 10,
    "stomp": "127.0.0.1:61613",
    "stomp-websocket": "/stomp",
    "stomp-tls": "on",
    "dudley": "127.0.0.1:8004",
    "imperio": "127.0.0.1:8007",
    "imperio-http": "127.0.0.1:8003",
    "firenze": "127.0.0.1:8008",
    "dolores": "127.0.0.1:8010",
    "dolores-threads": "controls",
    "imperio-lines": "legacy",
    "roots-answers": "json",
    "firenze-hold": 20,
    "firenze-delay": 0,
    "firenze-die": 2.5,
    "firenze-keep": 10,
    "roots-tls": "on",
    "bosh": "/http-bind",
    "xmpp": "127.0.0.1:15222",
    "xmpp-hosts": ["example.org", "chat.example.org"],
    "xmpp-tls": "always",
    "xmpp-ca": "/etc/xmpp.pem",
    "bosh-wait": 50,
    "bosh-hold": 2,
    "bosh-inactivity": 40,
    "bosh-polling": 4,
    "bosh-pause": 100,
    "bosh-sessions": 500,
    "bosh-script": "on",
    "manhole": "/run/cometary/manhole.sock",
    "log-level": "debug",
    "access-log": "on",
    "log-format": "json",
}
EXPECTED = Settings(
    app="chat:app",
    sockets=("/chat=chat:talk",),
    files=("/=page", "/img/=images"),
    stop_grace=2.5,
    drain=30,
    workers=4,
    watchdog=0,
    traces="on",
    host="0.0.0.0",
    port=9000,
    listen=UnixAddress("/run/push.sock", 0o660),
    reuse_port="on",
    origins=("https://www.example.org", "http://localhost:3000"),
    hosts=("www.example.org", "push.example.org"),
    trusted_proxies=("127.0.0.1/32", "10.0.0.0/8"),
    forwarded="forwarded",
    tls_cert="cert.pem",
    tls_key="key.pem",
    body_bytes=8192,
    comet="/push/comet",
    wires=(),
    socketio="/push/socket.io/",
    socketio_recovery="on",
    socketio_ping_interval=10,
    socketio_ping_timeout=5.5,
    socketio_connect_timeout=30,
    csp="/push/csp",
    csp_documents="on",
    control=Address("::1", 9001),
    secret="s3cret-s3cret",
    secrets=("sh0p update=orders/** read", "old all"),
    inspector="off",
    crash_calls="on",
    token_secret=(32 * "t", 32 * "u"),
    token_audience="push",
    token_once="on",
    auth_url="https://www.example.org/auth",
    auth_secret="whsec_" + 32 * "B",
    auth_timeout=2.5,
    auth_connections=2,
    auth_queue=10,
    bind="cookie:sessionid",
    opens_per_minute=0,
    wait=0.5,
    die=90,
    requests=4,
    token_notice=10,
    max_sessions=10,
    session_paths=50,
    request_packets=100,
    packets_per_second=0,
    packet_burst=50,
    address_packets_per_second=10,
    address_packet_burst=100,
    queue_packets=5,
    queue_bytes=4096,
    response_bytes=2048,
    log_addresses="off",
    ended_sessions=50,
    engine="redis://127.0.0.1:6379/1",
    engine_prefix="shop.1",
    engine_replicas=1,
    sessions="resume",
    lease=2,
    node="a",
    node_listen=Address("10.0.0.1", 7000),
    node_address=Address("a.example.org", 7000),
    node_secret="0123456789abcdef",
    paths=("prices/** conflate ttl=10", "log/* drop_oldest limit=5"),
    webhook_url="https://www.example.org/hooks?a=1",
    webhook_secret="whsec_" + 32 * "A",
    webhook_events=("signoff", "failure"),
    message_paths=("say", "orders/**"),
    webhook_timeout=2.5,
    webhook_patience=0,
    webhook_connections=2,
    webhook_queue=100,
    webhook_queue_bytes=2**20,
    welcome_page="off",
    wsgi="project.wsgi:application",
    wsgi_threads=2,
    wsgi_queue=10,
    upload_bytes=1_000_000,
    asgi="project.asgi:application",
    asgi_loop="trio",
    asgi_requests=10,
    stomp=Address("127.0.0.1", 61613),
    stomp_websocket="/stomp",
    stomp_tls="on",
    dudley=Address("127.0.0.1", 8004),
    imperio=Address("127.0.0.1", 8007),
    imperio_http=Address("127.0.0.1", 8003),
    firenze=Address("127.0.0.1", 8008),
    dolores=Address("127.0.0.1", 8010),
    dolores_threads="controls",
    imperio_lines="legacy",
    roots_answers="json",
    firenze_hold=20,
    firenze_delay=0,
    firenze_die=2.5,
    firenze_keep=10,
    roots_tls="on",
    bosh="/http-bind",
    xmpp=Address("127.0.0.1", 15222),
    xmpp_hosts=("example.org", "chat.example.org"),
    xmpp_tls="always",
    xmpp_ca="/etc/xmpp.pem",
    bosh_wait=50,
    bosh_hold=2,
    bosh_inactivity=40,
    bosh_polling=4,
    bosh_pause=100,
    bosh_sessions=500,
    bosh_script="on",
    manhole="/run/cometary/manhole.sock",
    log_level="debug",
    access_log="on",
    log_format="json",
)


def as_text(value: Value) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


def as_toml(value: Value) -> str:
    return repr(value).replace("'", '"')


def toml(path: Path, text: str) -> dict[str, str]:
    """Write a file, and return the argument that names it."""
    path.write_text(text, encoding="utf-8")
    return {"config": str(path)}


def test_the_examples_speak_of_every_option() -> None:
    assert list(EXAMPLES) == [option.name for option in OPTIONS]
    for entry in fields(Settings):
        assert getattr(EXPECTED, entry.name) != entry.default


def test_nothing_given_is_all_defaults() -> None:
    assert load({}, {}) == Settings()


def test_every_option_is_a_key_of_the_file(tmp_path: Path) -> None:
    text = "\n".join(f"{name} = {as_toml(value)}" for name, value in EXAMPLES.items())
    assert load(toml(tmp_path / "cometary.toml", text), {}) == EXPECTED


def test_every_option_is_an_environment_variable() -> None:
    names = {option.name: option.variable for option in OPTIONS}
    assert load({}, {names[name]: as_text(value) for name, value in EXAMPLES.items()}) == EXPECTED
    assert names["queue-packets"] == "COMETARY_QUEUE_PACKETS"


def test_every_option_can_be_given_as_text_on_the_command_line() -> None:
    assert load({name: as_text(value) for name, value in EXAMPLES.items()}, {}) == EXPECTED


def test_command_line_beats_environment_beats_file(tmp_path: Path) -> None:
    file = toml(tmp_path / "cometary.toml", "port = 1\nwait = 1\ndie = 1")
    settings = load({**file, "port": "3"}, {"COMETARY_PORT": "2", "COMETARY_WAIT": "2"})
    assert (settings.port, settings.wait, settings.die) == (3, 2, 1)


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path / "cometary.toml", "port = 1")
    assert load({}, {"COMETARY_CONFIG": file["config"]}).port == 1


def test_other_variables_with_our_prefix_are_none_of_ours() -> None:
    assert load({}, {"COMETARY_SERVICE_HOST": "10.0.0.1", "COMETARY_CONFIGURATION": "x"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("app", "chat"),
        ("app", "chat:"),
        ("app", ":app"),
        ("host", ""),
        ("host", "a b"),
        ("port", "http"),
        ("port", "-1"),
        ("port", "65536"),
        ("port", "80.0"),
        ("control", "8081"),
        ("control", ":8081"),
        ("control", "127.0.0.1"),
        ("control", "127.0.0.1:x"),
        ("comet", "comet"),
        ("comet", "/comet?x"),
        ("origins", "www.example.org"),
        ("origins", "https://www.example.org/"),
        ("origins", "https://a.example, "),
        ("origins", "null"),
        ("token-audience", "two words"),
        ("auth-url", "www.example.org"),
        ("bind", "cookie"),
        ("bind", "cookie:"),
        ("bind", "cookie:a=b"),
        ("bind", "address"),
        ("wait", "0"),
        ("wait", "nan"),
        ("wait", "inf"),
        ("wait", "1e999"),
        ("wait", "a minute"),
        ("queue-bytes", "1MiB"),
        ("webhook-url", "www.example.org"),
        ("webhook-url", "http://[::1/x"),
        ("webhook-url", "http://[::1]x/"),
        ("webhook-url", "http://www.example.org:99999/"),
        ("webhook-url", "http://www.example.org:http/"),
        ("webhook-url", "http://www.example.org:0/"),
        ("webhook-url", "http://192.0.2.400/"),
        ("webhook-url", "http://a..b/"),
        ("webhook-url", "http://-a.b/"),
        ("webhook-url", "http://a%00b/"),
        ("webhook-url", "http://a\\b/"),
        ("auth-url", "http://[::1/x"),
        ("origins", "http://[::1"),
        ("origins", "https://WWW.example.org"),
        ("origins", "https://www.example.org:443"),
        ("origins", "https://name@www.example.org"),
        ("origins", "https://www.example.org?a"),
        ("webhook-url", "ftp://www.example.org"),
        ("webhook-url", "https://name:password@www.example.org"),
        ("webhook-events", "signon,signon"),
        ("webhook-events", "packet"),
        ("message-paths", "say*"),
        ("log-level", "INFO"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_its_source(name: str, text: str) -> None:
    option = next(option for option in OPTIONS if option.name == name)
    for arguments, environment, where in [
        ({name: text}, {}, "MODULE:APP" if name == "app" else f"--{name}"),
        ({}, {option.variable: text}, option.variable),
    ]:
        with pytest.raises(ConfigError) as caught:
            load(arguments, environment)
        assert str(caught.value) == f"{where}: must be {option.kind.allowed}, not {text!r}"


@pytest.mark.parametrize(
    "line", ['port = "80"', "port = true", "port = 80.0", "wait = false", "host = 1", "comet = []", "app = 1"]
)
def test_a_value_of_the_wrong_toml_type_is_refused(tmp_path: Path, line: str) -> None:
    file = toml(tmp_path / "cometary.toml", line)
    with pytest.raises(ConfigError, match=rf"cometary\.toml: {line.split(maxsplit=1)[0]}: must be"):
        load(file, {})


@pytest.mark.parametrize("line", ['origins = "https://www.example.org"', "origins = [1]", "control = 8081"])
def test_lists_and_addresses_have_their_form_in_toml_too(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="must be"):
        load(toml(tmp_path / "cometary.toml", line), {})


def test_a_wrong_value_is_refused_even_where_a_stronger_source_overrules_it(tmp_path: Path) -> None:
    file = toml(tmp_path / "cometary.toml", "port = 99999")
    with pytest.raises(ConfigError, match="99999"):
        load({**file, "port": "1"}, {})


@pytest.mark.parametrize(
    ("key", "hint"),
    [("prot", "; did you mean port?"), ("queue_bytes", "; did you mean queue-bytes?"), ("zzz", "")],
)
def test_an_unknown_key_of_the_file_is_refused(tmp_path: Path, key: str, hint: str) -> None:
    file = toml(tmp_path / "cometary.toml", f"{key} = 1")
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert str(caught.value) == f"{file['config']}: {key}: there is no such option{hint}"


def test_a_file_that_is_missing_or_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: No such file"):
        load({"config": str(tmp_path / "missing.toml")}, {})
    with pytest.raises(ConfigError, match=r"is not TOML: .*line 1"):
        load(toml(tmp_path / "cometary.toml", "port 1"), {})
    (tmp_path / "latin.toml").write_bytes(b'host = "\xe9"')
    with pytest.raises(ConfigError, match="is not TOML"):
        load({"config": str(tmp_path / "latin.toml")}, {})


@pytest.mark.parametrize("address", ["0.0.0.0:8081", "[::]:8081", "192.0.2.1:8081", "control.example:8081"])
def test_a_control_listener_off_loopback_needs_a_secret(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^COMETARY_CONTROL: other machines can reach .*COMETARY_SECRET"):
        load({}, {"COMETARY_CONTROL": address})
    assert load({}, {"COMETARY_CONTROL": address, "COMETARY_SECRET": "x"}).secret == "x"
    assert load({}, {"COMETARY_CONTROL": address, "COMETARY_SECRETS": "x read"}).secret is None


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.8.8.8:1", "[::1]:1", "localhost:1"])
def test_a_control_listener_on_loopback_needs_none(address: str) -> None:
    assert str(load({"control": address}, {}).control) == address


@pytest.mark.parametrize("address", ["0.0.0.0:8081", "192.0.2.1:8081"])
def test_actors_are_crashed_on_request_on_loopback_only(address: str) -> None:
    given = {"COMETARY_CRASH_CALLS": "on", "COMETARY_SECRET": "x"}
    with pytest.raises(ConfigError, match=r"^COMETARY_CRASH_CALLS: other machines can reach .*must be off"):
        load({"control": address}, given)
    assert load({}, given).crash_calls == "on"


def test_addresses_are_written_as_urls_write_them() -> None:
    assert Address("127.0.0.1", 80).url == "http://127.0.0.1:80"
    assert Address("::1", 80).url == "http://[::1]:80"


def test_the_secret_is_never_shown(tmp_path: Path) -> None:
    assert "hidden" not in repr(Settings(secret="hidden", secrets=("hidden all",)))
    for arguments, environment in [
        ({}, {"COMETARY_SECRET": "hidden away"}),
        (toml(tmp_path / "cometary.toml", 'secret = ["hidden"]'), {}),
        ({}, {"COMETARY_SECRETS": "hidden"}),
        ({}, {"COMETARY_SECRETS": "hidden publish"}),
        ({}, {"COMETARY_SECRETS": "hidden update=a**"}),
        ({}, {"COMETARY_SECRETS": "hidden kick=a"}),
    ]:
        with pytest.raises(ConfigError, match="must be") as caught:
            load(arguments, environment)
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "hidden", "whsec_AAAA", "whsec_!", "whsec_é" + 32 * "A", 32 * "A"])
def test_a_secret_for_webhooks_has_a_key_in_it(secret: str) -> None:
    with pytest.raises(ConfigError, match=r"^COMETARY_WEBHOOK_SECRET: must be whsec_") as caught:
        load({}, {"COMETARY_WEBHOOK_SECRET": secret})
    assert "not" not in str(caught.value)
    good = "whsec_" + 32 * "A"
    assert good not in repr(Settings(webhook_secret=good))


def test_webhooks_are_not_sent_unsigned() -> None:
    with pytest.raises(ConfigError, match=r"^--webhook-url: webhooks are signed, .*COMETARY_WEBHOOK_SECRET"):
        load({"webhook-url": "https://www.example.org/"}, {})


@pytest.mark.parametrize(
    "secret", ["", "hidden", 31 * "x", 32 * "x" + ",hidden", 32 * "é", "hidden " + 32 * "x"]
)
def test_a_secret_for_tokens_is_long_and_never_shown(secret: str) -> None:
    with pytest.raises(ConfigError, match=r"^COMETARY_TOKEN_SECRET: must be one or more secrets") as caught:
        load({}, {"COMETARY_TOKEN_SECRET": secret})
    assert "not" not in str(caught.value).removeprefix(
        "COMETARY_TOKEN_SECRET: must be one or more secrets of"
    )
    good = 32 * "x"
    assert good not in repr(Settings(token_secret=(good,)))
    assert Settings(token_secret=cast("tuple[str]", good)).token_secret == (good,)


def test_questions_about_tokens_are_not_asked_unsigned() -> None:
    with pytest.raises(ConfigError, match=r"^--auth-url: the questions are signed, .*COMETARY_AUTH_SECRET"):
        load({"auth-url": "https://www.example.org/"}, {})


def test_pages_of_any_origin_may_not_send_cookies() -> None:
    with pytest.raises(ConfigError, match=r"^--bind: .* origins has to name them"):
        load({"bind": "cookie:id", "origins": "*"}, {})
    assert load({"bind": "token", "origins": "*"}, {}).bind == "token"


def test_a_program_gets_the_same_checks() -> None:
    with pytest.raises(ConfigError, match=r"^port: must be a whole number from 0 to 65535, not 70000"):
        Settings(port=70000)
    with pytest.raises(ConfigError, match=r"^control: other machines"):
        Settings(control=Address("0.0.0.0", 1))
    with pytest.raises(FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


@given(st.sampled_from(OPTIONS), st.text(max_size=20))
def test_any_text_is_either_taken_or_refused_with_its_source(option: Option, text: str) -> None:
    try:
        load({}, {"COMETARY_SECRET": "x", option.variable: text})
    except ConfigError as error:
        assert error.where == option.variable  # noqa: PT017 (both outcomes are right)


def test_the_reference_page_has_the_table_that_the_program_has() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    rows = [re.split(r" *\| *", line.strip("| ")) for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        [f"`{option.name}`", shown_default(option.default), option.text, option.kind.allowed]
        for option in OPTIONS
    ]


def shown_default(default: object) -> str:
    shown = ",".join(cast("tuple[str, ...]", default)) if type(default) is tuple else default
    return "none" if shown in {None, ""} else f"`{shown}`"
