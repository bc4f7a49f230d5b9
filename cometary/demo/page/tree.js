/** The supervision tree with its restarts, and the crash reports. */

import { byId, clockTime, element } from "./dom.js";

/** @typedef {{ id: string, kind: string, state: string, restarts: number, count: number, children: Node[] }} Node */
/**
 * @typedef {object} Report
 * @property {string} supervisor
 * @property {string} child
 * @property {string} error
 * @property {string | null} handling
 * @property {keyof typeof OUTCOMES} action
 * @property {number} time
 */

const REPORTS = 5;
const OUTCOMES = { restart: "restarted", give_up: "given up", nothing: "not restarted" };

/**
 * @param {import("./client/comet.js").Comet} comet
 * @param {import("./people.js").People} people
 */
export function showTree(comet, people) {
  /** @type {Node | undefined} */
  let seen;
  /** @type {Map<string, number>} */
  let restarts = new Map();
  /** @type {Report[]} The latest first. */
  let reports = [];

  const show = () => {
    if (seen === undefined) return;
    const before = restarts;
    restarts = new Map();
    byId("tree").replaceChildren(branch(seen, "", before));
  };
  comet.on("watch/tree", (tree) => {
    seen = tree;
    show();
  });
  comet.on("watch/crash", (report) => {
    reports = [report, ...reports].slice(0, REPORTS);
    showReports(reports, people);
  });
  comet.addEventListener("reopened", () => { reports = []; }); // a new session is told them again
  people.addEventListener("change", () => {
    show();
    if (reports.length > 0) showReports(reports, people);
  });

  /**
   * @param {Node} node
   * @param {string} above where it is
   * @param {Map<string, number>} before how often each had been restarted
   */
  function branch(node, above, before) {
    const path = `${above}/${node.id}`;
    restarts.set(path, node.restarts);
    const label = element("span", { className: "node" }, element("i", { className: node.state, title: node.state }));
    label.append(element("b", { className: node.id === people.you ? "own" : "" }, people.named(node.id)));
    label.append(element("small", {}, node.kind === "supervisor" ? `supervisor of ${node.count}` : node.kind));
    if (node.restarts > 0) {
      const fresh = node.restarts > (before.get(path) ?? node.restarts);
      const times = node.restarts === 1 ? "restarted once" : `restarted ${node.restarts} times`;
      label.append(element("em", { className: fresh ? "fresh" : "", title: times }, `↻ ${node.restarts}`));
    }
    const item = element("li", {}, label);
    const more = node.count - node.children.length;
    if (node.count > 0) item.append(element("ul", {}, ...node.children.map((child) => branch(child, path, before))));
    if (more > 0) item.lastElementChild?.append(element("li", {}, element("small", {}, `and ${more} more`)));
    return item;
  }
}

/**
 * @param {Report[]} reports
 * @param {import("./people.js").People} people
 */
function showReports(reports, people) {
  const items = reports.map(({ supervisor, child, error, handling, action, time }) => {
    const where = element("b", {}, people.named(child === "" ? supervisor : `${supervisor}/${child}`));
    const item = element("li", handling === null ? {} : { title: `while handling ${handling}` });
    item.append(clockTime(time), " ", where, " ", element("em", {}, OUTCOMES[action]), element("br"));
    item.append(element("code", {}, people.named(error)));
    return item;
  });
  byId("reports").replaceChildren(...items);
}
