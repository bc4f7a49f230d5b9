/**
 * A client in Node whose session outlives the server's process that has it: says the numbers up to the one that is given,
 * and prints, as JSON, what came of it. Arguments: the endpoint's URL, the last number, the wires that may take the place
 * of requests, with commas between them, and how many ticks come: it waits for one of the wires before it says anything,
 * names it in a line on its standard error, and waits for the ticks before it ends. For a WebSocket Node.js 20 needs
 * `--experimental-websocket`.
 */

import { setTimeout } from "node:timers/promises";

import { Comet } from "../../clients/javascript/src/comet.js";

const [url, last, wires = "", ticking = "0"] = process.argv.slice(2);
const comet = new Comet(url, {
  resume: true,
  backoff: { base: 50, cap: 200 },
  wires: wires.split(",").filter(Boolean),
});
const answers = [];
const failed = [];
const ticks = [];
const reopened = [];
const used = new Set();
comet.on("said", (message) => answers.push(message));
comet.on("failed", (message) => failed.push(message));
comet.on("tick", (message) => ticks.push(message));
comet.addEventListener("reopened", ({ detail }) => reopened.push(detail.reason));

await comet.open();
while (wires && comet.wire === "requests") await setTimeout(5);
if (wires) console.error(comet.wire);
for (let number = 1; number <= Number(last); number += 1) {
  comet.send("say", number);
  used.add(comet.wire);
  await setTimeout(5);
}
while (answers.length + failed.length < Number(last) || ticks.length < Number(ticking)) await setTimeout(5);
console.log(JSON.stringify({ answers, failed, ticks, reopened, used: [...used], wire: comet.wire }));
await comet.close();
