/**
 * The packets that the server is not yet known to have: in order, encoded once, and bounded.
 *
 * A packet counts against the limits until its request has been answered (`release`), so what is on
 * the wire cannot grow without bound either. When the queue is full the newest packet is refused:
 * to drop an older one would break the order that the protocol promises.
 */

import { sizeOf } from "./size.js";

/**
 * A packet as it goes onto the wire; `size` is in bytes of UTF-8.
 * Where tabs share a session, `tab` has sent it as its packet number `n`.
 * @typedef {{ path: string, message: unknown, json: string, size: number, tab?: string, n?: number }} OutgoingPacket
 */

const LONGEST_RECEIPT = 256;

/** The send queue is full: too much is waiting for the network. Nothing has been queued. */
export class QueueFullError extends Error {
  /** @override */
  name = "QueueFullError";
}

export class SendQueue {
  /** @type {OutgoingPacket[]} */
  #waiting = [];
  #packets = 0;
  #bytes = 0;
  #limits;

  /** @param {import("./options.js").Limits} limits */
  constructor(limits) {
    this.#limits = limits;
  }

  /** How many packets wait for a request to take them. */
  get waiting() {
    return this.#waiting.length;
  }

  /** @returns {readonly OutgoingPacket[]} Those that wait. */
  get contents() {
    return this.#waiting;
  }

  /** How many packets the server is not yet known to have, those on the wire included. */
  get unanswered() {
    return this.#packets;
  }

  /**
   * Encode a packet and put it last. The message is taken as it is now: later changes to it are not sent.
   *
   * @param {string} path
   * @param {unknown} message anything JSON can say
   * @param {string} [receipt] the page's own name for it, for the packet that says that it failed
   * @throws {TypeError} if it is no receipt, or JSON or the server cannot take the message
   * @throws {QueueFullError} if it does not fit
   * @throws {RangeError} if it could never fit into one request
   */
  append(path, message, receipt) {
    if (receipt !== undefined) checkReceipt(receipt);
    const json = encode(path, message, receipt);
    const size = sizeOf(json);
    if (size > this.#limits.batchBytes) {
      throw new RangeError(`A packet has at most ${this.#limits.batchBytes} bytes; this one has ${size}.`);
    }
    if (this.#packets >= this.#limits.packets || this.#bytes + size > this.#limits.bytes) {
      throw new QueueFullError(`${this.#packets} packets (${this.#bytes} bytes) are waiting to be sent.`);
    }
    this.put([{ path, message, json, size }]);
  }

  /**
   * Put packets last that have been through `append` elsewhere, whatever the limits are.
   * @param {readonly OutgoingPacket[]} packets
   */
  put(packets) {
    this.#waiting.push(...packets);
    this.adopt(packets);
  }

  /**
   * Count packets that are on the wire already.
   * @param {readonly OutgoingPacket[]} packets
   */
  adopt(packets) {
    this.#packets += packets.length;
    for (const { size } of packets) this.#bytes += size;
  }

  /**
   * Take out as many packets as one request may carry.
   * @param {number} [packets] how many that may be
   * @param {number} [most] bytes, if it may carry less than usual
   */
  takeBatch(packets = Infinity, most = this.#limits.batchBytes) {
    let bytes = 0;
    let count = 0;
    for (const { size } of this.#waiting) {
      if (count >= packets) break;
      bytes += size + 1; // and the comma
      if (bytes > most && (count > 0 || most < this.#limits.batchBytes)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /**
   * Put packets back to the front: they are known not to have been processed.
   * @param {readonly OutgoingPacket[]} packets
   */
  putBack(packets) {
    this.#waiting.unshift(...packets);
  }

  /**
   * Count packets that were taken out as done with, whatever became of them.
   * @param {readonly OutgoingPacket[]} packets
   */
  release(packets) {
    this.#packets -= packets.length;
    for (const { size } of packets) this.#bytes -= size;
  }

  /** Take out everything that waits, and count it as done with. */
  drain() {
    const packets = this.#waiting.splice(0);
    this.release(packets);
    return packets;
  }
}

/** Levels of arrays and objects that a message may have: the server takes 64, three of which are the request's. */
const DEEPEST = 61;
const SURROGATE = /\p{Surrogate}/u;

/**
 * Write a packet as JSON, if the server is going to take it: it refuses a request as a whole, so one message that it
 * does not take would take along all that travel with it.
 *
 * @param {string} path
 * @param {unknown} message
 * @param {string | undefined} receipt
 * @throws {TypeError} the calling code's fault
 */
function encode(path, message, receipt) {
  if (typeof message === "function" || typeof message === "symbol") {
    throw new TypeError(`JSON has no ${typeof message}s.`);
  }
  const json = JSON.stringify({ path, message, receipt }, refuseHalves);
  if (depth(json) > DEEPEST + 1) throw new TypeError(`A message is nested ${DEEPEST} levels deep at most.`);
  return json;
}

/**
 * @param {string} key
 * @param {unknown} value
 */
function refuseHalves(key, value) {
  if (SURROGATE.test(key) || (typeof value === "string" && SURROGATE.test(value))) {
    throw new TypeError("Text has no halves of characters (surrogates): the server could not read it.");
  }
  return value;
}

/** @param {string} json How many levels of arrays and objects it has. */
function depth(json) {
  let level = 0;
  let deepest = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, (level += 1));
    else if (token === "]" || token === "}") level -= 1;
  }
  return deepest;
}

/**
 * Accept the receipt of a packet by returning, or refuse it by throwing. It is measured in characters, as the
 * server does, and not in units of UTF-16.
 *
 * @param {string} receipt
 * @throws {TypeError} the calling code's fault: the server would refuse it
 */
function checkReceipt(receipt) {
  if (typeof receipt !== "string" || receipt === "" || [...receipt].length > LONGEST_RECEIPT) {
    throw new TypeError(`A receipt is a string of 1 to ${LONGEST_RECEIPT} characters.`);
  }
}
