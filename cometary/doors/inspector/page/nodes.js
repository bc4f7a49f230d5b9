/** Several servers that are one: which node the page looks at, and what all of them say of themselves. */

import { byId, element } from "./dom.js";

/** @typedef {{ node: string, state: string } & Record<string, any>} Node one of them */

/** Lists that can only be of one node: without another choice they are of the one that the page comes from. */
const OF_ONE = new Set(["tree", "busiest"]);

/** What of all nodes is one number: the sum. */
const SUMMED = ["sessions", "rate", "queued", "actors", "ended", "crashes"];

export class Nodes {
  #nav = byId("nodes");
  /** @type {Node[]} */
  #all = [];
  #own = "";

  /** Whether there are several. */
  get several() {
    return this.#all.length > 1;
  }

  /**
   * Take what the server says; returns whether there are several now and were not before, or the reverse.
   *
   * @param {Record<string, any>} overview
   */
  take(overview) {
    const before = this.several;
    this.#all = overview["nodes"] ?? [];
    this.#own = overview["node"] ?? "";
    return before !== this.several;
  }

  /**
   * Draw what there is to choose from.
   *
   * @param {string} at the list
   * @param {string} chosen the node that the page looks at; empty for all
   * @param {(node: string) => string} address of the page that looks at a node
   */
  draw(at, chosen, address) {
    if (!this.several) return this.#nav.replaceChildren();
    const current = this.#wanted(at, chosen);
    const links = this.#all.map(({ node, state }) =>
      link(node, address(node), node === current, state === "away"),
    );
    if (!OF_ONE.has(at)) links.unshift(link("all nodes", address(""), current === "", false));
    this.#nav.replaceChildren(...links);
  }

  /**
   * Return what is to be shown at any time: what a node says, or all of them together.
   *
   * @param {Record<string, any>} overview
   * @param {string} at the list
   * @param {string} chosen as above
   * @returns {Record<string, any>}
   */
  counted(overview, at, chosen) {
    if (!this.several) return overview;
    const wanted = this.#wanted(at, chosen);
    if (wanted) return this.#all.find(({ node }) => node === wanted) ?? {};
    const sums = SUMMED.map((name) => [name, this.#all.reduce((sum, node) => sum + (node[name] ?? 0), 0)]);
    const longest = Math.max(...this.#all.map((node) => node["longest_handler"] ?? 0));
    const away = this.#all.filter(({ state }) => state === "away").length;
    return { ...Object.fromEntries(sums), longest_handler: longest, away };
  }

  /**
   * Whether a list is of what the page looks at: one that was on its way when another node was chosen is not. A server
   * that says why there is no list need not say of which node; and before it has said which one it is, it is believed.
   *
   * @param {Record<string, any>} frame
   * @param {string} at as above
   * @param {string} chosen as above
   */
  isOf(frame, at, chosen) {
    const of = frame["node"] ?? "";
    const wanted = this.#wanted(at, chosen);
    if (of === "" && frame["at"] === "gone") return true;
    return of === wanted || (wanted === "" && OF_ONE.has(at));
  }

  /**
   * The node that is looked at; empty for all.
   *
   * @param {string} at the list
   * @param {string} chosen as above
   */
  #wanted(at, chosen) {
    return chosen || (OF_ONE.has(at) ? this.#own : "");
  }
}

/**
 * @param {string} text
 * @param {string} href
 * @param {boolean} current
 * @param {boolean} away
 */
function link(text, href, current, away) {
  const made = element("a", { href, className: away ? "away" : "" }, away ? `${text} is away` : text);
  if (current) made.setAttribute("aria-current", "page");
  return made;
}
