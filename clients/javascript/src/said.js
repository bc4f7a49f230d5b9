/**
 * What a page has sent and is not done with: first in a queue, then said to all tabs under numbers of its own.
 */

import { SendQueue } from "./queue.js";
import { covers } from "./replica.js";

/** @typedef {import("./queue.js").OutgoingPacket} OutgoingPacket */
/** @typedef {import("./replica.js").Content} Content */

export class Said {
  /** @type {Map<number, OutgoingPacket>} */
  #said = new Map();
  #last = 0;
  #queue;
  #tab;

  /** @param {string} tab @param {import("./options.js").Limits} limits @param {import("./json.js").Codec} codec */
  constructor(tab, limits, codec) {
    this.#tab = tab;
    this.#queue = new SendQueue(limits, codec);
  }

  get unanswered() {
    return this.#queue.unanswered;
  }

  get isEmpty() {
    return this.#said.size === 0;
  }

  /** The number of the last packet, said or not. */
  get last() {
    return this.#last + this.#queue.waiting;
  }

  /** @returns {OutgoingPacket[]} */
  get packets() {
    return [...this.#said.values()];
  }

  /** @param {string} path @param {unknown} message @param {import("./queue.js").Wishes} wishes */
  append(path, message, wishes) {
    this.#queue.append(path, message, wishes);
  }

  /** Number what is in the queue; returns the first of these numbers. */
  number() {
    const first = this.#last + 1;
    for (const packet of this.#queue.takeBatch(Infinity, Infinity)) {
      this.#last += 1;
      this.#said.set(this.#last, { ...packet, tab: this.#tab, n: this.#last });
    }
    return first;
  }

  /**
   * What there is to say.
   * @param {(n: number) => boolean} which
   * @param {number} line to which it is said
   * @returns {{ done: number, packets: Content[] } | undefined} `done`: all packets up to this number are done with
   */
  say(which, line) {
    const packets = this.packets.filter(({ n = 0 }) => which(n));
    if (packets.length === 0) return undefined;
    const [oldest = 1] = this.#said.keys();
    return {
      done: oldest - 1,
      packets: packets.map(({ n = 0, written, size }) => ({ n, written, size, line })),
    };
  }

  /** @param {import("./replica.js").Runs} runs */
  among(runs) {
    return this.packets.filter(({ n = 0 }) => covers(runs, this.#tab, n));
  }

  /** @param {(n: number) => boolean} which is done with, whatever became of it */
  done(which) {
    const packets = this.packets.filter(({ n = 0 }) => which(n));
    for (const { n = 0 } of packets) this.#said.delete(n);
    this.#queue.release(packets);
    return packets;
  }

  /** Take out what has not been said. */
  drain() {
    return this.#queue.drain();
  }
}
