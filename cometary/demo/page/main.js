/** Puts the page together: one client, and the parts of the page that listen to it. */

import { Cable } from "./cable.js";
import { showChat } from "./chat.js";
import { Comet } from "./client/comet.js";
import { showConnection } from "./connection.js";
import { showDelivery } from "./delivery.js";
import { showJobs } from "./jobs.js";
import { showMachine } from "./machine.js";
import { People } from "./people.js";
import { showTree } from "./tree.js";

const cable = new Cable();
// Short waits, because this page is there to be disturbed.
const comet = new Comet("/comet", {
  wait: 20,
  margin: 5,
  backoff: { base: 250, cap: 3000 },
  environment: { fetch: cable.fetch, WebSocket: cable.WebSocket },
});
const people = new People(comet);

showConnection(comet);
showChat(comet, people);
showDelivery(comet, people, cable);
showJobs(comet, people);
showMachine(comet, people);
showTree(comet, people);

await comet.open();
