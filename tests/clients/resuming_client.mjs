/**
 * A client in Node whose session outlives the server's process that has it: says the numbers up to the one that is given,
 * and prints, as JSON, what came of it. Arguments: the endpoint's URL, and the last number.
 */

import { setTimeout } from "node:timers/promises";

import { Comet } from "../../clients/javascript/src/comet.js";

const [url, last] = process.argv.slice(2);
const comet = new Comet(url, { resume: true, backoff: { base: 50, cap: 200 } });
const answers = [];
const reopened = [];
comet.on("said", (message) => answers.push(message));
comet.addEventListener("reopened", ({ detail }) => reopened.push(detail.reason));

await comet.open();
for (let number = 1; number <= Number(last); number += 1) {
  comet.send("say", number);
  await setTimeout(5);
}
while (answers.length < Number(last)) await setTimeout(5);
console.log(JSON.stringify({ answers, reopened, wire: comet.wire }));
await comet.close();
