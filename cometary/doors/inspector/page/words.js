/** How numbers and times are written, and what the reasons for an end mean. */

import { element } from "./dom.js";

export const REASONS = {
  closed: "The client ended it.",
  timeout: "The client was not heard from for too long: its page, or its network, was gone.",
  kicked: "The application, a back-end or an operator ended it.",
  "token expired": "Its token expired, and the client brought no other.",
  overflow: "The client read too slowly, and the queue was full.",
  failed: "Its handlers crashed too often.",
  shutdown: "The server was stopped or drained.",
};

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/**
 * How long ago something was; it is kept up to date without the server (`tick`).
 *
 * @param {number} moment seconds since 1970
 */
export function since(moment) {
  const made = element("time", { className: "since", title: new Date(moment * 1000).toLocaleString() });
  made.dataset.since = String(moment);
  return tick(made);
}

/** @param {HTMLElement} time */
function tick(time) {
  time.textContent = duration(Date.now() / 1000 - Number(time.dataset.since));
  return time;
}

setInterval(() => {
  for (const time of document.querySelectorAll("time.since")) tick(/** @type {HTMLElement} */ (time));
}, 1000);

/** @param {number | null | undefined} value messages or packets in a second */
export function rate(value) {
  if (value === null || value === undefined) return "";
  return value === 0 ? "0" : `${value >= 10 ? Math.round(value) : value}/s`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/**
 * @param {string} state
 * @param {string} [text]
 */
export function badge(state, text = state) {
  return element("em", { className: `badge ${state.replaceAll(/[^\w-]/g, "")}` }, text);
}
