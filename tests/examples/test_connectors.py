"""The connectors in other languages, in these languages, against the real server."""

from __future__ import annotations

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
