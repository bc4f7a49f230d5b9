/**
 * How far a page has got on paths with a history, and what it waits for after its session was lost.
 *
 * 1. A packet with a position (`at`) moves the page's own on. One that is not behind it has been here before, and is dropped.
 * 2. In a new session each path that has a position is awaited: its packets are dropped until the server has said from
 *    where on it replays (`::at`, with that very position), since the replay has all of them in their order. Another
 *    `::at` is that of somebody who has connected the session without it.
 * 3. A gap ends the waiting as well, and moves the position to where nothing is missing any more.
 * 4. Of `MOST` paths the positions are known, of those with the latest packets.
 *
 * Pure.
 */

/** @typedef {import("./protocol.js").Packet & { at?: string }} Placed */

const MOST = 1000;

export class Positions {
  /** @type {Map<string, string>} */
  #at = new Map();
  /** @type {Set<string>} */
  #awaited = new Set();
  /** @type {Set<string>} Those of the awaited for which somebody has asked. */
  #asked = new Set();

  /** The paths that are awaited, and behind what. @returns {[path: string, at: string][]} */
  get awaited() {
    return [...this.#awaited].map((path) => [path, /** @type {string} */ (this.#at.get(path))]);
  }

  /** Those for which nobody has asked. */
  get open() {
    return this.awaited.filter(([path]) => !this.#asked.has(path));
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
    const fresh = !this.#awaited.has(path) && isBehind(at, this.#at.get(path));
    if (fresh) this.#keep(path, at);
    return fresh;
  }

  /**
   * What was missed there does not come any more (rule 3).
   * @param {string} path @param {string} [at]
   */
  miss(path, at) {
    this.#awaited.delete(path);
    if (at === undefined) this.#at.delete(path);
    else this.#keep(path, at);
  }

  /** @param {string} path @param {string} at */
  #place(path, at) {
    if (this.#awaited.has(path) && at !== this.#at.get(path)) return;
    this.#awaited.delete(path);
    if (isBehind(at, this.#at.get(path))) this.#keep(path, at);
  }

  /** @param {string} path @param {string} at */
  #keep(path, at) {
    this.#at.delete(path);
    this.#at.set(path, at);
    if (this.#at.size <= MOST) return;
    const [oldest = ""] = this.#at.keys();
    this.#at.delete(oldest);
    this.#awaited.delete(oldest);
  }
}

/** @param {string} at @param {string | undefined} known Whether it comes behind what is known; always in another epoch. */
function isBehind(at, known) {
  const [epoch, number] = split(at);
  const [ours, last] = split(known ?? "");
  return epoch !== ours || number > last;
}

/** @param {string} at @returns {[epoch: string, number: number]} */
function split(at) {
  const hyphen = at.lastIndexOf("-");
  return [at.slice(0, hyphen + 1), Number(at.slice(hyphen + 1))];
}
