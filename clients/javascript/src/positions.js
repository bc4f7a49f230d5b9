/**
 * How far a page has got on paths with a history, and what it waits for after its session was lost.
 *
 * 1. A packet with a position (`at`) moves the page's own on. One that is not behind it has been here before, and is dropped.
 * 2. In a new session each path that has a position is awaited: its packets are dropped until the server has said from
 *    where on it replays (`::at`, with that very position), since the replay has all of them in their order. Another
 *    `::at` is that of somebody who has connected the session without it.
 * 3. A gap ends the waiting as well, and moves the position to where nothing is missing any more.
 * 4. A pattern with stars has a position as well, where the server tells one: it moves on with each packet that the
 *    pattern covers. While the pattern is awaited, so are all paths that it covers, and its replay has their packets;
 *    but for those that are asked for by themselves.
 * 5. Of `MOST` paths and patterns the positions are known, of those with the latest packets.
 *
 * Pure.
 */

import { compilePattern } from "./patterns.js";

/** @typedef {import("./protocol.js").Packet & { at?: string }} Placed */

const MOST = 1000;

export class Positions {
  /** @type {Map<string, string>} */
  #at = new Map();
  /** @type {Map<string, (path: string) => boolean>} Those of them with stars. */
  #patterns = new Map();
  /** @type {Set<string>} */
  #awaited = new Set();
  /** @type {Set<string>} Those of the awaited for which somebody has asked. */
  #asked = new Set();

  /** The paths and patterns that are awaited, and behind what. @returns {[path: string, at: string][]} */
  get awaited() {
    return [...this.#awaited].map((path) => [path, /** @type {string} */ (this.#at.get(path))]);
  }

  /** Those for which nobody has asked, and that no pattern's replay brings (rule 4). */
  get open() {
    return this.awaited.filter(([path]) => !this.#asked.has(path) && !this.#isPatternAwaited(path));
  }

  /** @param {readonly string[]} paths Those of the positions that are awaited, for which is asked now. */
  ask(paths) {
    const due = this.awaited.filter(([path]) => paths.includes(path));
    for (const [path] of due) this.#asked.add(path);
    return due;
  }

  /** @param {readonly string[]} paths Nobody has asked for them, after all. */
  leave(paths) {
    for (const path of paths) this.#asked.delete(path);
  }

  /** The session is a new one (rule 2). */
  renew() {
    this.#asked.clear();
    for (const path of this.#at.keys()) this.#awaited.add(path);
  }

  /** @param {Placed} packet @returns {boolean} whether the page is to have it */
  take({ path, message, at }) {
    if (path === "::at") this.#place(message.path, message.at);
    if (path === "::gap") this.miss(message.path, message.at);
    if (path === "::at" || path === "::gap") return false;
    if (at === undefined) return true;
    for (const [pattern, covers] of [...this.#patterns]) {
      const known = this.#at.get(pattern) ?? "";
      if (!this.#awaited.has(pattern) && covers(path) && isLater(at, known)) this.#keep(pattern, at);
    }
    const waits = this.#awaited.has(path) || (!this.#asked.has(path) && this.#isPatternAwaited(path));
    const fresh = !waits && isBehind(at, this.#at.get(path));
    if (fresh) this.#keep(path, at);
    return fresh;
  }

  /** @param {string} path */
  #isPatternAwaited(path) {
    return [...this.#patterns].some(
      ([pattern, covers]) => pattern !== path && this.#awaited.has(pattern) && covers(path),
    );
  }

  /**
   * What was missed there does not come any more (rule 3).
   * @param {string} path @param {string} [at]
   */
  miss(path, at) {
    this.#endWaiting(path);
    if (at === undefined) this.#forget(path);
    else this.#keep(path, at);
  }

  /** @param {string} path @param {string} at */
  #place(path, at) {
    if (this.#awaited.has(path) && at !== this.#at.get(path)) return;
    this.#endWaiting(path);
    if (isBehind(at, this.#at.get(path))) this.#keep(path, at);
  }

  /** @param {string} path */
  #endWaiting(path) {
    this.#awaited.delete(path);
    const covers = this.#patterns.get(path) ?? (() => false);
    for (const each of this.#awaited) if (!this.#asked.has(each) && covers(each)) this.#awaited.delete(each);
  }

  /** @param {string} path @param {string} at */
  #keep(path, at) {
    this.#at.delete(path);
    this.#at.set(path, at);
    if (path.includes("*") && !this.#patterns.has(path)) this.#patterns.set(path, compilePattern(path));
    if (this.#at.size <= MOST) return;
    const [oldest = ""] = this.#at.keys();
    this.#forget(oldest);
  }

  /** @param {string} path */
  #forget(path) {
    this.#at.delete(path);
    this.#awaited.delete(path);
    this.#patterns.delete(path);
  }
}

/** @param {string} at @param {string | undefined} known Whether it comes behind what is known; always in another epoch. */
function isBehind(at, known) {
  const [epoch, number] = split(at);
  const [ours, last] = split(known ?? "");
  return epoch !== ours || number > last;
}

/** @param {string} at @param {string} known Whether it comes behind another one of the same epoch. */
function isLater(at, known) {
  return split(at)[0] === split(known)[0] && isBehind(at, known);
}

/** @param {string} at @returns {[epoch: string, number: number]} */
function split(at) {
  const hyphen = at.lastIndexOf("-");
  return [at.slice(0, hyphen + 1), Number(at.slice(hyphen + 1))];
}
