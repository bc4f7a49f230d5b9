// The script, in Node: the URL, whether sessions are recovered, and then for each line of the output a choice of transports.

import { io } from "socket.io-client";
import "./script.js";

const [url, recovers, ...choices] = process.argv.slice(2);
for (const choice of choices) {
  console.log(JSON.stringify(await globalThis.script(io, url, choice.split(","), recovers === "true")));
}
process.exit(0);
