/** The lists: what each asks the server for, its columns, and what a line leads to. */

import { element } from "./dom.js";
import { REASONS, badge, duration, rate, since } from "./words.js";

/** @typedef {import("./rows.js").Column} Column */
/** @typedef {{ what: string, id: string | null, time?: number, node?: string }} Target */
/**
 * @typedef {object} List
 * @property {string} title
 * @property {Column[]} columns
 * @property {{ title: string, member: string, options: Record<string, string> }} [choice] what else the server is told
 * @property {string} empty what is shown if there is nothing
 * @property {(line: any) => Target} target
 */

/** Which supervisors are open, or closed, against what they would be. */
export const folds = { opened: new Set(), closed: new Set(), changed: () => {} };

/** @param {any} line */
function fold(line) {
  if (line.open === undefined) return element("i", { className: "leaf" });
  const label = `${line.open ? "Close" : "Open"} ${line.id}`;
  const button = element("button", { className: "fold", type: "button" }, line.open ? "▾" : "▸");
  button.setAttribute("aria-label", label);
  button.onclick = () => {
    const [to, from] = line.open ? [folds.closed, folds.opened] : [folds.opened, folds.closed];
    if (!from.delete(line.urn)) to.add(line.urn);
    folds.changed();
  };
  return button;
}

/** @param {any} line */
function place(line) {
  const name = element("b", {}, line.id);
  const below = line.count ? element("small", {}, ` ${line.count.toLocaleString()}`) : "";
  const made = element("span", { className: "place" }, fold(line), name, below);
  made.style.paddingLeft = `${Math.min(line.depth, 12) * 14}px`;
  return made;
}

/** @param {number} count */
const unless0 = (count) => (count ? count.toLocaleString() : "");

/** @param {{ paths: string[], path_count?: number }} line */
const paths = (line) =>
  line.paths.join(" ") +
  ((line.path_count ?? 0) > line.paths.length ? ` … ${line.path_count?.toLocaleString()}` : "");

/** @type {Record<string, List>} */
export const LISTS = {
  tree: {
    title: "Tree",
    empty: "Nothing in the tree matches.",
    columns: [
      { title: "name", cell: place },
      { title: "class", cell: (line) => line.actor, wide: true },
      { title: "state", cell: (line) => badge(line.suspended ? "suspended" : line.state) },
      { title: "restarts", cell: (line) => unless0(line.restarts) },
      { title: "mailbox", cell: (line) => unless0(line.mailbox) },
      { title: "messages", cell: (line) => rate(line.rate) },
    ],
    target: (line) => ({ what: "actor", id: line.urn }),
  },
  sessions: {
    title: "Sessions",
    empty: "There is no session, or none matches.",
    choice: {
      title: "Sort by",
      member: "sort",
      options: { opened: "age", queued: "queue", unhandled: "not handled", rate: "packets a second" },
    },
    columns: [
      { title: "name", cell: (line) => element("b", {}, line.name) },
      { title: "user", cell: (line) => String(line.user ?? ""), under: true },
      { title: "wire", cell: (line) => line.wire, wide: true },
      { title: "state", cell: (line) => badge(line.state, line.state.replaceAll("_", " ")) },
      { title: "node", cell: (line) => line.node, under: true, several: true },
      { title: "age", cell: (line) => since(line.opened) },
      { title: "queue", cell: (line) => unless0(line.queued) },
      { title: "packets", cell: (line) => rate(line.rate), under: true },
      { title: "paths", cell: paths, wide: true },
    ],
    target: (line) => ({ what: "session", id: line.name, node: line.node }),
  },
  ended: {
    title: "Ended",
    empty: "No session has ended, or none matches.",
    choice: {
      title: "Why",
      member: "reason",
      options: {
        "": "any reason",
        ...Object.fromEntries(Object.keys(REASONS).map((reason) => [reason, reason])),
      },
    },
    columns: [
      { title: "name", cell: (line) => element("b", {}, line.name) },
      { title: "user", cell: (line) => String(line.user ?? ""), under: true },
      { title: "why", cell: (line) => badge(line.reason) },
      { title: "node", cell: (line) => line.node, under: true, several: true },
      { title: "age", cell: (line) => duration(line.age), wide: true },
      { title: "ago", cell: (line) => since(line.ended) },
      { title: "undelivered", cell: (line) => unless0(line.undelivered), under: true },
      { title: "crashes", cell: (line) => unless0(line.restarts), wide: true },
    ],
    target: (line) => ({ what: "session", id: line.name, node: line.node }),
  },
  crashes: {
    title: "Crashes",
    empty: "Nothing has crashed, or nothing matches.",
    columns: [
      { title: "who", cell: (line) => element("b", {}, line.child || line.actor) },
      { title: "error", cell: (line) => line.error ?? line.reason },
      { title: "node", cell: (line) => line.node, several: true },
      { title: "ago", cell: (line) => since(line.time) },
      { title: "then", cell: (line) => line.action.replace("_", " "), wide: true },
      { title: "under", cell: (line) => line.supervisor, wide: true },
    ],
    target: (line) => ({ what: "crash", id: line.urn, time: line.time, node: line.node }),
  },
  busiest: {
    title: "Busiest",
    empty: "The event loop was not seen busy in the last ten seconds.",
    columns: [
      { title: "who", cell: (line) => element("b", {}, line.who) },
      { title: "share", cell: (line) => `${(line.share * 100).toFixed(1)} %` },
      { title: "message", cell: (line) => line.message ?? "" },
    ],
    target: (line) => ({ what: "actor", id: line.urn }),
  },
};
