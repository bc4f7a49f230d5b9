"""The connectors in other languages, in these languages, against the real server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.examples.sessions import ClientSession
from tests.servers import ROOT, RunningServer, running_server

SECRET = "known-to-both"
PROGRAMS = {
    "node": [
        "node",
        "--input-type=module",
        "--eval",
        """
const { Connector } = await import(process.argv[1] + ".mjs");
const [url, sid] = process.argv.slice(2);
const push = new Connector(url, { secret: "known-to-both" });
console.log(await push.connect(sid, ["news"]));
console.log(await push.update(["news", { title: "é" }], ["news", null]), await push.send(sid, ["hello", [1]]));
await push.send("nobody", ["hello", 1]).catch((error) => console.log(error.message));
await new Connector("http://127.0.0.1:9").update(["a", 1]).catch(() => console.log("away"));
""",
    ],
    "php": [
        "php",
        "-r",
        """
require $argv[1] . '.php';
$push = new Connector($argv[2], 'known-to-both');
print_r($push->connect($argv[3], ['news']));
echo $push->update(['news', ['title' => 'é']], ['news', null]), ' ', $push->send($argv[3], ['hello', [1]]), "\\n";
try { $push->send('nobody', ['hello', 1]); } catch (DomainException $error) { echo $error->getMessage(), "\\n"; }
try { (new Connector('http://127.0.0.1:9'))->update(['a', 1]); } catch (RuntimeException) { echo "away\\n"; }
""",
    ],
    "ruby": [
        "ruby",
        "-e",
        """
require ARGV[0]
push = Connector.new(ARGV[1], secret: "known-to-both")
p push.connect(ARGV[2], ["news"])
puts "#{push.update(["news", { title: "é" }], ["news", nil])} #{push.send_to(ARGV[2], ["hello", [1]])}"
begin push.send_to("nobody", ["hello", 1]); rescue Connector::Refused => error; puts error.message; end
begin Connector.new("http://127.0.0.1:9").update(["a", 1]); rescue Connector::Away; puts "away"; end
""",
    ],
}


PACKAGE = """
const { Connector, UnknownSessionError } = await import(process.argv[1] + "/connector.js");
const { cbor } = await import(process.argv[1] + "/cbor.js");
const [url, sid] = process.argv.slice(2);
const push = new Connector(url, { secret: "known-to-both" });
await push.connect(sid, ["news"]);
await push.update("news", { title: "é" }, { idempotencyKey: "k", receipt: "r" });
await push.update("news", { title: "é" }, { idempotencyKey: "k", receipt: "r" });
const results = await push.batch([["news", 1], { path: "", message: 2 }]);
await new Connector(url, { secret: "known-to-both", codec: cbor() }).send(sid, [["hello", new Uint8Array([1])]]);
const said = {
  results: results.map(({ error }) => error ?? "taken"),
  asked: await push.ask(sid, "sure", 1, { timeout: 0.01 }).catch(({ fault, condition }) => [fault, condition]),
  gone: await push.kick("nobody").catch((error) => error instanceof UnknownSessionError),
  refused: await new Connector(url).sessions().catch(({ condition }) => condition),
  history: (await push.history("news")).complete,
  presence: await push.presence("news", 5),
  paths: await push.disconnect(sid, ["news"]),
  sessions: (await push.sessions()).length > 0,
  receipts: (await push.receipts()).receipts.map(({ outcome }) => outcome),
  counts: Object.values(await push.statistics()).every(Number.isInteger),
  tree: (await push.tree()).id,
  well: await push.healthz(),
};
console.log(JSON.stringify(said));
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("", COMETARY_SECRET=SECRET) as server:
        yield server


@pytest.mark.parametrize("language", PROGRAMS)
def test_a_connector_of_forty_lines_calls_the_server(server: RunningServer, language: str) -> None:
    connector = ROOT / "examples/connectors/connector"
    assert all(len(file.read_text().splitlines()) <= 40 for file in connector.parent.iterdir())
    with ClientSession(server.comet) as session:
        command = [*PROGRAMS[language], str(connector), server.control, session.sid]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        first, *_, counts, refused, away = done.stdout.splitlines()
        assert "news" in done.stdout.partition(counts)[0], first
        assert counts == "2 1"
        assert refused.startswith("/send: unknown-session: ")
        assert away == "away"
        assert session.hear() == [("news", {"title": "é"}), ("news", None), ("hello", [1])]


def test_the_connector_of_the_package_for_javascript_makes_every_call(server: RunningServer) -> None:
    with ClientSession(server.comet) as session:
        source = str(ROOT / "clients/javascript/src")
        command = ["node", "--input-type=module", "--eval", PACKAGE, source, server.control, session.sid]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        heard = session.hear()
    assert json.loads(done.stdout) == {
        "results": ["taken", "bad-request"],
        "asked": ["nobody", "timeout"],
        "gone": True,
        "refused": "unauthorized",
        "history": False,
        "presence": {"count": 0, "members": []},
        "paths": [],
        "sessions": True,
        "receipts": ["routed"],
        "counts": True,
        "tree": "cometary",
        "well": "ok",
    }
    assert heard == [("news", {"title": "é"}), ("news", 1), ("hello", "AQ=="), ("sure", 1)]
