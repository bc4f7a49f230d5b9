"""What a run may be asked to do, and what it refuses before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.chaos.habits import MODES
from cometary.chaos.plan import OPTIONS, Plan
from cometary.chaos.shared import find
from cometary.cli import main
from cometary.cli.arguments import parse
from cometary.cli.chaos import make_plan
from cometary.errors import ConfigError, TargetError
from tests.servers import ROOT


def plan(*arguments: str) -> Plan:
    command, given = parse(["chaos", *arguments])
    assert command == "chaos"
    return make_plan(given)


def test_nothing_given_is_all_defaults() -> None:
    assert plan() == Plan()


def test_everything_can_be_given() -> None:
    given = plan(
        *("crash", "http://127.0.0.1:1/comet", "--control", "http://localhost:2", "--sessions", "3"),
        *("--seconds", "90", "--every", "0.5", "--size", "7", "--kill-every", "2", "--crash-every", "1"),
        *("--workers", "3", "--kill-worker-every", "2"),
        *("--nodes", "4", "--lease", "3", "--fault-every", "7", "--fault-lasts", "8"),
        *("--engine-delay", "0.5", "--engine-keeps", "always"),
        *("--drain", "5", "--seed", "4", "--watch-memory", "--pid", "9", "--beyond-loopback", "--json"),
    )
    assert given == Plan(
        mode="crash",
        url="http://127.0.0.1:1/comet",
        control="http://localhost:2",
        sessions=3,
        seconds=90,
        every=0.5,
        size=7,
        kill_every=2,
        crash_every=1,
        workers=3,
        kill_worker_every=2,
        nodes=4,
        lease=3,
        fault_every=7,
        fault_lasts=8,
        engine_delay=0.5,
        engine_keeps="always",
        drain=5,
        seed=4,
        watch_memory=True,
        pid=9,
        beyond_loopback=True,
        json=True,
    )
    assert all(getattr(given, option.field) != option.default for option in OPTIONS)


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1/comet", "http://chaos.example:8080/comet", "http://0.0.0.0/", "http://[2001:db8::1]/"],
)
def test_only_this_machine_is_attacked_unless_another_is_allowed(url: str) -> None:
    with pytest.raises(ConfigError, match="--beyond-loopback"):
        plan("jitter", url)
    with pytest.raises(ConfigError, match="--beyond-loopback"):
        plan("jitter", "http://127.0.0.1/comet", "--control", url)
    assert plan("jitter", url, "--beyond-loopback").url == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/comet", "http://localhost/comet", "http://[::1]:1"])
def test_this_machine_needs_no_permission(url: str) -> None:
    assert plan("slow", url).url == url


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["shake"], "MODE"),
        (["jitter", "127.0.0.1:80"], "URL"),
        (["jitter", "https://127.0.0.1"], "URL"),
        (["jitter", "http://127.0.0.1:x/"], "URL"),
        (["jitter", "http://[::1/x"], "URL"),
        (["--sessions", "0"], "--sessions"),
        (["--sessions", "20001"], "--sessions"),
        (["--seconds", "soon"], "--seconds"),
        (["--every", "0"], "--every"),
        (["crash", "http://127.0.0.1/"], "--control"),
        (["mixed", "http://127.0.0.1/"], "--control"),
        (["jitter", "http://127.0.0.1/", "--watch-memory", "--seconds", "90"], "--watch-memory"),
        (["kill-worker", "http://127.0.0.1/"], "http://127.0.0.1/"),
        (["--watch-memory", "--seconds", "60"], "--watch-memory"),
        (["kill-node", "http://127.0.0.1/"], "http://127.0.0.1/"),
        (["kill-recorded-worker", "http://127.0.0.1/"], "http://127.0.0.1/"),
        (["kill-recorded-worker", "--workers", "1"], "--workers"),
        (["kill-node", "--nodes", "1"], "--nodes"),
        (["partition", "--watch-memory", "--seconds", "90"], "--watch-memory"),
        (["pause-node", "--lease", "6", "--fault-lasts", "6"], "--fault-lasts"),
        (["engine-restart", "--engine-keeps", "some"], "--engine-keeps"),
    ],
)
def test_a_wrong_option_is_one_line_and_status_2(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chaos", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"cometary: {named}: ")
    assert (shown.err.count("\n"), shown.out) == (1, "")


def test_pages_have_the_habits_of_their_mode_by_turns() -> None:
    for mode, habits in MODES.items():
        assert {plan(mode).habits(page) for page in range(5)} == set(habits)


async def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(TargetError, match=r"nobody answers at http://127\.0\.0\.1:1/comet"):
        await find("http://127.0.0.1:1/comet", anywhere=False)


async def test_a_name_that_leads_elsewhere_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    import trio  # noqa: PLC0415

    async def resolve(*_args: object, **_kwargs: object) -> list[Any]:
        return [(2, 1, 6, "", ("192.0.2.1", 80))]

    monkeypatch.setattr(trio.socket, "getaddrinfo", resolve)
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1, which is not this machine"):
        await find("http://localhost/comet", anywhere=False)


def test_the_reference_page_has_every_option() -> None:
    text = (ROOT / "docs/reference/chaos.md").read_text()
    for option in OPTIONS:
        name = option.name.upper() if option.name in {"mode", "url"} else f"--{option.name}"
        shown = option.default if option.default not in (None, False) else ""
        assert f"| `{name}` | {f'`{shown}`' if shown != '' else ''} | {option.text} |" in text, option
