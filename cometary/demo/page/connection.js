/**
 * How the connection is, as the client says and as the heartbeat shows: the lamp at the top; and while it is not there, since
 * when each part of the page that the server moves has stood still.
 */

import { byId, element } from "./dom.js";

/** Milliseconds without a heartbeat after which a connection that seems open is not trusted. */
const OVERDUE = 3500;

/** States in which the page shows what is, or nothing yet. */
const LIVE = new Set(["connecting", "open"]);

/** @param {import("./client/comet.js").Comet} comet */
export function showConnection(comet) {
  const lamp = byId("connection");
  const moved = [...document.querySelectorAll("section.moved")];
  for (const part of moved) part.querySelector("h2")?.append(element("small", { className: "as-of" }));
  let lastSign = performance.now();

  const show = () => {
    const silence = performance.now() - lastSign;
    const overdue = comet.state === "open" && silence > OVERDUE;
    const state = overdue ? "silent" : comet.state;
    if (lamp.dataset.state !== state) {
      lamp.dataset.state = state;
      lamp.querySelector(".state").textContent = state;
    }
    lamp.querySelector(".detail").textContent = detail(state, silence, comet.unanswered);
    const asOf = LIVE.has(state) ? "" : `as of ${new Date(Date.now() - silence).toLocaleTimeString([], { hour12: false })}`;
    for (const part of moved) {
      part.classList.toggle("stale", asOf !== "");
      const text = part.querySelector(".as-of");
      if (text !== null && text.textContent !== asOf) text.textContent = asOf;
    }
  };

  comet.on("**", () => { lastSign = performance.now(); });
  for (const type of /** @type {const} */ (["state", "open", "reopened", "close"])) comet.addEventListener(type, show);
  setInterval(show, 500);
  show();
}

/**
 * @param {string} state
 * @param {number} silence milliseconds
 * @param {number} unsent packets
 */
function detail(state, silence, unsent) {
  if (state === "open" || state === "connecting") return "";
  const waiting = unsent > 0 ? `, ${unsent} to send` : "";
  return `nothing heard for ${Math.round(silence / 1000)} s${waiting}`;
}
