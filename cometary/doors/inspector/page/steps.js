/** The steps of a session's machine as they come: the page keeps more of them than the server does. */

import { element } from "./dom.js";

const KEPT = 1000;

/** @typedef {{ kind: string } & Record<string, any>} Part an event or an action */
/** @typedef {{ n: number, time: number, before: string, event: Part, after: string, actions: Part[] }} Step */

/** Events and actions that are about packets. */
const ABOUT_PACKETS = new Set(["Packet", "Arrival", "Answer", "Write", "HandOver"]);

export class Steps {
  #list = element("ol", { className: "steps" });
  /** @type {HTMLInputElement} */
  #packetsOnly = checkbox();
  /** @type {HTMLInputElement} */
  #paused = checkbox();
  #latest = 0;
  root = element("div", { className: "traced" });

  constructor() {
    this.#packetsOnly.onchange = () => this.#list.classList.toggle("packets-only", this.#packetsOnly.checked);
    this.#list.tabIndex = 0;
    this.root.hidden = true;
    this.root.append(
      element("h3", {}, "What happened to it"),
      labelled(this.#packetsOnly, " packets only"),
      labelled(this.#paused, " pause"),
      this.#list,
    );
  }

  /** @param {Step[]} steps the latest; the first ones may be known already */
  show(steps) {
    this.root.hidden = steps.length === 0 && this.#latest === 0;
    const first = steps[0];
    if (this.#paused.checked || first === undefined) return;
    if (this.#latest > 0 && first.n > this.#latest + 1) this.#tellOfGap(first.n - this.#latest - 1);
    for (const step of steps) if (step.n > this.#latest) this.#list.prepend(drawn(step));
    this.#latest = Math.max(this.#latest, steps.at(-1)?.n ?? 0);
    while (this.#list.children.length > KEPT) this.#list.lastElementChild?.remove();
  }

  /** @param {number} count */
  #tellOfGap(count) {
    this.#list.prepend(element("li", { className: "gap" }, `… ${count} more, too fast to follow`));
  }
}

function checkbox() {
  const box = document.createElement("input");
  box.type = "checkbox";
  return box;
}

/**
 * @param {HTMLInputElement} box
 * @param {string} text
 */
function labelled(box, text) {
  const label = document.createElement("label");
  label.append(box, text);
  return label;
}

/** @param {Step} step */
function drawn({ time, before, event, after, actions }) {
  const parts = [event, ...actions];
  const about = parts.some((part) => ABOUT_PACKETS.has(part.kind) || part.packets?.length);
  const moment = new Date(time * 1000);
  const clock = `${moment.toLocaleTimeString([], { hour12: false })}.${String(moment.getMilliseconds()).padStart(3, "0")}`;
  const states = before === after ? before : `${before} → ${after}`;
  return element(
    "li",
    { className: about ? "about-packets" : "" },
    element("time", {}, clock),
    element("span", { className: "states" }, states.replaceAll("_", " ")),
    element("span", {}, brief(event), ...actions.map((action) => element("small", {}, ` ${brief(action)}`))),
  );
}

/** @param {Part} part */
function brief({ kind, ...members }) {
  const told = Object.entries(members)
    .filter(([, value]) => !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(",") : value}`);
  return [kind, ...told].join(" ");
}
