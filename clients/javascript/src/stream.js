/**
 * A response that has no end, in which packets come. What is sent goes by requests, which are not held.
 *
 * 1. It is attached when no request went out for a moment.
 * 2. Its hello comes at once, unless something between collects responses. So it is not waited for as long as other
 *    answers are.
 */

import { Alarm } from "./alarm.js";
import { Carrier } from "./carrier.js";
import { post } from "./exchange.js";

/** @typedef {import("./flights.js").FlightMeans} StreamMeans */

/** Milliseconds. */
const MOMENT = 500;
/** Seconds. */
const HELLO = 3;

export class Stream extends Carrier {
  #abort = new AbortController();
  #quiet;
  #means;

  /**
   * @param {StreamMeans} means
   * @param {number} margin
   * @param {import("./carrier.js").CarrierUser} user
   */
  constructor(means, margin, user) {
    super(means, margin, user);
    this.#means = means;
    this.#quiet = new Alarm(means);
    this.#await();
  }

  /** Rule 1. */
  #await() {
    if (this.user.mayAttach()) void this.#run();
    else this.#quiet.set(MOMENT, () => this.#await());
  }

  async #run() {
    const { codec } = this.#means;
    this.expect(HELLO);
    try {
      const headers = { Accept: codec.streams };
      const response = await post(this.#means, this.user.attachment(), this.#abort.signal, headers);
      const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
      const read = codec.reader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        for (const said of read(piece.value)) if (!this.over) this.take(said);
      }
    } catch {
      // it has broken
    }
    this.end();
  }

  /** @override */
  close() {
    super.close();
    this.#quiet.clear();
    this.#abort.abort();
  }
}
