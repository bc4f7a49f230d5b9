/** A page where visitors talk: one socket of the server's, by the path that the page names. */

import { Comet } from "./client/paths.js";
import { showLoad } from "./load.js";
import { byId, element } from "./dom.js";

/**
 * @typedef {{ announcement?: string, buffer?: { message: [string, string] }[], message?: [string, string],
 *             cpu?: number, memory?: import("./load.js").Memory }} Said
 */

const LINES = 200; // kept in the page

const path = document.body.dataset.path ?? "";
const said = byId("said");
const comet = new Comet("/comet");
const load = showLoad();

comet.on(path, (/** @type {Said} */ told) => {
  for (const { message } of told.buffer ?? []) add(...message);
  if (told.message !== undefined) add(...told.message);
  if (told.announcement !== undefined) add("", told.announcement);
  if (told.cpu !== undefined && told.memory !== undefined) load(told.cpu, told.memory);
});

byId("say").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  byId("text").value = "";
  if (text === "") return;
  comet.send(path, text);
  add("you", text);
});

/** Say what somebody says, or, without a name, what happens; as text, whatever it is.
 *
 * @param {string} name
 * @param {string} text
 */
function add(name, text) {
  said.append(element("li", { className: name === "" ? "empty" : "" }, element("b", {}, name), " ", text));
  if (said.childElementCount > LINES) said.firstChild?.remove();
  said.scrollTop = said.scrollHeight;
}

await comet.open();
await comet.connect([path]);
document.body.dataset.state = "open";
