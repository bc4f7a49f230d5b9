/**
 * The packets that the server is not yet known to have: in order, encoded once, and bounded.
 *
 * A packet counts against the limits until its request has been answered (`release`), so what is on
 * the wire cannot grow without bound either. When the queue is full the newest packet is refused:
 * to drop an older one would break the order that the protocol promises.
 */

import { JSON_CODEC } from "./json.js";
import { sizeOf } from "./size.js";

/**
 * A packet, and as it goes onto the wire; `size` is in bytes.
 * Where tabs share a session, `tab` has sent it as its packet number `n`.
 * @typedef {{ path: string, message: unknown, written: import("./json.js").Written, size: number, tab?: string, n?: number }} OutgoingPacket
 */

/**
 * What is to come back: the packet that says that it failed, by the page's own name for it; or an answer.
 * @typedef {{ receipt?: string | undefined, ask?: string | undefined }} Wishes
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

  /** @param {import("./options.js").Limits} limits @param {import("./json.js").Codec} [codec] */
  constructor(limits, codec = JSON_CODEC) {
    this.#limits = limits;
    this.codec = codec;
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
   * @param {unknown} message anything that the codec can say
   * @param {Wishes} [wishes]
   * @throws {TypeError} if it is no receipt, or the codec or the server cannot take the message
   * @throws {QueueFullError} if it does not fit
   * @throws {RangeError} if it could never fit into one request
   */
  append(path, message, wishes = {}) {
    if (typeof message === "function" || typeof message === "symbol") {
      throw new TypeError(`A message is no ${typeof message}.`);
    }
    if (wishes.receipt !== undefined) checkReceipt(wishes.receipt);
    const written = this.codec.packet({ path, message, ...wishes });
    const size = sizeOf(written);
    if (size > this.#limits.batchBytes) {
      throw new RangeError(`A packet has at most ${this.#limits.batchBytes} bytes; this one has ${size}.`);
    }
    if (this.#packets >= this.#limits.packets || this.#bytes + size > this.#limits.bytes) {
      throw new QueueFullError(`${this.#packets} packets (${this.#bytes} bytes) are waiting to be sent.`);
    }
    this.put([{ path, message, written, size }]);
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
