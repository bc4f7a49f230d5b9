/** The chat: who is here, what was said, and saying something. */

import { byId, clockTime, element } from "./dom.js";

/** @typedef {{ by: string, name: string, text: string, time: number }} Line */

const LINES = 200; // kept in the page

/**
 * @param {import("./client/comet.js").Comet} comet
 * @param {import("./people.js").People} people
 */
export function showChat(comet, people) {
  const said = byId("said");

  comet.on("chat/welcome", ({ said: lines }) => {
    said.replaceChildren();
    lines.forEach(add);
    rename();
  });
  comet.on("chat/said", add);
  people.addEventListener("change", () => showPresent(people));

  byId("say").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    rename();
    const text = byId("text");
    if (text.value.trim() !== "") comet.send("chat/say", text.value);
    text.value = "";
  });
  byId("name").addEventListener("change", rename);
  byId("name").value = sessionStorage.getItem("name") ?? "";

  /** @param {Line} line */
  function add({ by, name, text, time }) {
    const line = element("li", { className: by === people.you ? "mine" : "" });
    line.append(clockTime(time), " ", element("b", {}, name), " ", element("span", {}, text));
    const atTheEnd = said.scrollHeight - said.scrollTop - said.clientHeight < 40;
    said.append(line);
    if (said.childElementCount > LINES) said.firstChild.remove();
    if (atTheEnd || by === people.you) said.scrollTop = said.scrollHeight;
  }

  /** Tell the server what this visitor is called, unless it knows already. */
  function rename() {
    const name = byId("name").value.trim();
    if (name === "" || name === people.name(people.you)) return;
    sessionStorage.setItem("name", name);
    comet.send("chat/name", name);
  }
}

/** @param {import("./people.js").People} people */
function showPresent(people) {
  const items = people.present.map(({ id, name }) =>
    element("li", id === people.you ? { className: "own", title: "you" } : {}, name));
  const more = people.count - items.length;
  if (more > 0) items.push(element("li", {}, `and ${more} more`));
  byId("present").replaceChildren(...items);
  byId("name").placeholder = people.name(people.you);
}
