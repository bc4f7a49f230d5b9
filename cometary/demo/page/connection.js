/** The lamp at the top: how the connection is, as the client says and as the heartbeat shows. */

import { byId } from "./dom.js";

/** Milliseconds without a heartbeat after which a connection that seems open is not trusted. */
const OVERDUE = 3500;

/** @param {import("./client/comet.js").Comet} comet */
export function showConnection(comet) {
  const lamp = byId("connection");
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
