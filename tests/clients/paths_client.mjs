/** A client in Node that loses its session twice, and prints what it has heard, as JSON. Argument: the endpoint's URL. */

import { Comet } from "../../clients/javascript/src/paths.js";

const comet = new Comet(process.argv[2], { backoff: { base: 1, cap: 5 } });
const heard = { chat: [], news: [], sky: [], gaps: [], peers: [] };
comet.on("chat/*", (message) => void heard.chat.push(message));
comet.on("news", (message) => void heard.news.push(message));
comet.on("sky/*", (message) => void heard.sky.push(message));
comet.on("::peer", (mail) => void heard.peers.push([mail.path, mail.message]));
comet.addEventListener("gap", ({ detail }) => void heard.gaps.push(detail.path));

/** @param {() => boolean} so Wait until it is so. */
async function until(so) {
  while (!so()) await comet.ask("name");
}

/** @param {unknown[]} messages Lose the session, and miss these. */
async function lose(messages) {
  const reopened = new Promise((resolve) => comet.addEventListener("reopened", resolve, { once: true }));
  comet.send("lose", messages);
  await reopened;
}

await comet.open();
await comet.connect(["chat/a", "sky/*"]);
const refused = await comet
  .connect(["chat/a", "chat/secret"])
  .catch((error) => [error.name, error.final, error.paths]);
await comet.ask("publish", [1, 2]);
await until(() => heard.news.length === 2 && heard.chat.length === 2 && heard.sky.length === 2);
await lose([3, 4]);
await comet.ask("publish", [5]);
await until(() => heard.news.at(-1) === 5 && heard.chat.at(-1) === 5 && heard.sky.at(-1) === 5);
const { count, members } = await comet.presence("chat/a");
await comet.sendTo(await comet.ask("name"), "whisper", "psst");
const forbidden = await comet.sendTo("nobody", "shout").catch((error) => error.condition);
await until(() => heard.peers.length === 1);
await lose([6, 7, 8, 9, 10, 11]); // more than are kept
await until(() => heard.gaps.length === 3);
await comet.ask("publish", [12]);
await until(() => heard.news.at(-1) === 12 && heard.chat.at(-1) === 12 && heard.sky.at(-1) === 12);
await comet.disconnect(["chat/a"]);
const alone = await comet.presence("chat/a").catch((error) => error.condition);
await comet.close();
console.log(JSON.stringify({ ...heard, refused, count, members: members.length, forbidden, alone }));
