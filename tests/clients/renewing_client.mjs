/**
 * A client in Node whose tokens expire: keeps its session until it has got several of them, and prints what came, as
 * JSON. Argument: the endpoint's URL.
 */

import { setTimeout } from "node:timers/promises";

import { Comet } from "../../clients/javascript/src/comet.js";

const WANTED = 3;
let tokens = 0;
const heard = [];
const events = [];
const comet = new Comet(process.argv[2], { token: () => `token ${(tokens += 1)}` });
comet.on("**", (message, path) => heard.push([path, message]));
for (const type of ["reopened", "error", "close"]) comet.addEventListener(type, () => events.push(type));

await comet.open();
while (tokens < WANTED) await setTimeout(5);
comet.send("who");
while (heard.length === 0) await setTimeout(5);
console.log(JSON.stringify({ heard, events }));
await comet.close();
