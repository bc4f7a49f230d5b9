// What two clients with stanza, the real one, see, in Node: the URL, and the names of two accounts.

import * as stanza from "stanza";

const [url, ...names] = process.argv.slice(2);
const count = 20;

function connect(name) {
  const client = stanza.createClient({
    jid: `${name}@localhost`,
    password: "secret",
    transports: { bosh: url, websocket: false },
    autoReconnect: false,
  });
  return new Promise((resolve, reject) => {
    client.on("session:started", () => resolve(client));
    client.on("disconnected", reject);
    client.connect();
  });
}

const [speaker, listener] = await Promise.all(names.map(connect));
listener.sendPresence();
const heard = [];
const all = new Promise((resolve) => {
  listener.on("message", (message) => heard.push(message.body) === count && resolve());
});
for (let number = 0; number < count; number += 1) {
  speaker.sendMessage({ to: listener.jid, body: `<${number}> & so on`, type: "chat" });
}
await all;
await speaker.ping("localhost");
for (const client of [speaker, listener]) {
  const gone = new Promise((resolve) => client.on("disconnected", resolve));
  client.disconnect();
  await gone;
}
console.log(JSON.stringify({ inOrder: heard.every((text, number) => text === `<${number}> & so on`) }));
process.exit(0);
