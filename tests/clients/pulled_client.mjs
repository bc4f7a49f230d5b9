/**
 * A client in Node that sends numbers over a WebSocket, says in which state it is, and prints at the end, as JSON, what
 * came back. Argument: the endpoint's URL.
 */

import { setTimeout } from "node:timers/promises";

import { Comet } from "../../clients/javascript/src/comet.js";

const LAST = 100;

const comet = new Comet(process.argv[2], { margin: 1, backoff: { base: 20, cap: 200 } });
const echoed = [];
const reopened = [];
comet.on("echo", (message) => echoed.push(message));
comet.addEventListener("reopened", ({ detail }) => reopened.push(detail.reason));

const sid = await comet.open();
while (comet.wire !== "websocket") await setTimeout(5);
comet.addEventListener("state", ({ detail }) => console.log(detail.state));
console.log("on a WebSocket");
for (let number = 1; number <= LAST; number += 1) {
  comet.send("echo", number);
  await setTimeout(20);
}
while (echoed.length < LAST) await setTimeout(5);
console.log(JSON.stringify({ echoed, reopened, same: sid === comet.sid }));
process.exit();
