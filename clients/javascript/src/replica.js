/**
 * What each tab knows of the session that one of them holds: enough to go on with it.
 *
 * 1. A packet is known by the tab that sent it and its number there, from 1. All tabs have it as soon as it is sent.
 * 2. The record of the tab that leads says, by these numbers, which packets wait in its queue and which are on the wire
 *    with which request; and up to which number it has taken any tab's packets at all.
 * 3. So a packet is alive if it is beyond that number, or named in the record. Any other is done with.
 * 4. The newest record counts: the one of the latest term, and the latest of that term.
 * 5. What was said to another line of leaders, and is not known to this one, is not for it.
 */

/** @typedef {import("./queue.js").OutgoingPacket} OutgoingPacket */
/** @typedef {import("./holder.js").HolderRecord} HolderRecord */
/** @typedef {{ n: number, written: import("./json.js").Written, size: number, line: number }} Content `line`: to which it was said */
/** @typedef {[tab: string, contents: Content[]][]} Contents */
/** @typedef {[tab: string, first: number, last: number][]} Runs packets in order; those of one tab that follow on, together */

/**
 * @typedef {object} TabsRecord
 * @property {number} term
 * @property {number} at which of its term
 * @property {number} line the first term of those that have succeeded each other
 * @property {import("./connection.js").State} state
 * @property {import("./wires.js").Wire | "requests"} wire
 * @property {any} held a `HolderRecord` that has runs in place of packets
 * @property {[tab: string, n: number][]} received rule 2
 * @property {Runs} lost packets that no tab had when another came to lead; only who sent them can be told
 */

export class Replica {
  /** @type {TabsRecord | undefined} */
  record;
  /** @type {Map<string, number>} */
  #received = new Map();
  /** @type {Runs} */
  #runs = [];
  /** @type {Map<string, Map<number, Content>>} */
  #contents = new Map();

  get term() {
    return this.record?.term ?? 0;
  }

  /** All that is known here. */
  get copy() {
    return { record: this.record, contents: this.contents };
  }

  /** @returns {Contents} */
  get contents() {
    return [...this.#contents].map(([tab, contents]) => [tab, [...contents.values()]]);
  }

  /** @param {string} tab @param {readonly Content[]} contents */
  add(tab, contents) {
    const known = this.#contents.get(tab) ?? new Map();
    this.#contents.set(tab, known);
    for (const content of contents) if (this.#isWanted(tab, content)) known.set(content.n, content);
  }

  /** @param {TabsRecord} record False if it is an older one (rule 4). */
  take(record) {
    if (record.term < this.term || (record.term === this.term && record.at <= (this.record?.at ?? 0)))
      return false;
    this.record = record;
    this.#received = new Map(record.received);
    this.#runs = [];
    translate(record.held, (runs) => this.#runs.push(...runs));
    for (const [tab, contents] of this.#contents) {
      for (const content of contents.values()) if (!this.#isWanted(tab, content)) contents.delete(content.n);
      if (contents.size === 0) this.#contents.delete(tab);
    }
    return true;
  }

  /** @param {string} tab @param {Content} content Rules 3 and 5. */
  #isWanted(tab, { n, line }) {
    if (this.record === undefined) return true;
    return n > this.received(tab) ? line === this.record.line : this.isAlive(tab, n);
  }

  /** @param {string} tab How many of its packets the tab that leads has taken. */
  received(tab) {
    return this.#received.get(tab) ?? 0;
  }

  /** @param {string} tab @param {number} n Rule 3. */
  isAlive(tab, n) {
    return n > this.received(tab) || covers(this.#runs, tab, n);
  }

  /** @returns {Runs} What was lost before, and what is not known here. */
  get lost() {
    const missing = this.#runs.flatMap(([tab, first, last]) => {
      const there = this.#contents.get(tab);
      const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
      return runsOf(
        numbers
          .filter((n) => !there?.has(n))
          .map((n) => ({ path: "", message: 0, written: "", size: 0, tab, n })),
      );
    });
    return [...(this.record?.lost ?? []), ...missing];
  }

  /** @returns {HolderRecord | undefined} What to go on with, if there is anything. */
  get held() {
    const held = this.record?.held;
    return held?.connection && translate(held, (runs) => this.#packets(runs));
  }

  /** @param {Runs} runs @returns {OutgoingPacket[]} */
  #packets(runs) {
    return runs.flatMap(([tab, first, last]) =>
      [...(this.#contents.get(tab)?.values() ?? [])]
        .filter(({ n }) => n >= first && n <= last)
        .map((content) => ({ path: "", message: undefined, tab, ...content })),
    );
  }
}

/**
 * A record with something else in place of the packets.
 * @param {any} held
 * @param {(packets: any) => any} change
 * @returns {any}
 */
export function translate(held, change) {
  const lost = (/** @type {any} */ one) => one && { ...one, uncertain: change(one.uncertain) };
  const { connection } = held;
  const session = connection?.session;
  const requests = session?.unanswered.map((/** @type {any} */ request) => ({
    ...request,
    packets: change(request.packets),
  }));
  return {
    ...held,
    waiting: change(held.waiting),
    reopening: lost(held.reopening),
    connection: connection && {
      ...connection,
      replaced: lost(connection.replaced),
      session: session && { ...session, unanswered: requests },
    },
  };
}

/** @param {readonly OutgoingPacket[]} packets @returns {Runs} */
export function runsOf(packets) {
  /** @type {Runs} */
  const runs = [];
  for (const { tab = "", n = 0 } of packets) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] === tab && last[2] === n - 1) last[2] = n;
    else runs.push([tab, n, n]);
  }
  return runs;
}

/** @param {Runs} runs @param {string} tab @param {number} n */
export function covers(runs, tab, n) {
  return runs.some(([whose, first, last]) => whose === tab && first <= n && n <= last);
}
