/**
 * A client in Node: sends numbers in bursts, asks for a count, and prints what came back, as JSON.
 * Arguments: the endpoint's URL, how many numbers, and the client's module if it is not the one in the sources.
 */

import { setTimeout } from "node:timers/promises";

const [url, last, client] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const { Comet } = await import(client ?? "../../clients/javascript/src/comet.js");
const comet = new Comet(url, { backoff: { base: 20, cap: 200 } });
const echoed = [];
const counted = [];
const reopened = [];
comet.on("echo", (message) => echoed.push(message));
comet.on("counted", (message) => counted.push(message));
comet.addEventListener("reopened", ({ detail }) => reopened.push(detail.reason));

await comet.open();
comet.send("count", last);
for (let number = 1; number <= last; number += 1) {
  comet.send("echo", number);
  if (number % 7 === 0) await setTimeout(3);
  while (echoed.length < number - 14) await setTimeout(3); // else a busy machine would get it all in a few requests
}
while (echoed.length < last || counted.length < last) await setTimeout(5);
await comet.close();
console.log(JSON.stringify({ echoed, counted, reopened }));
