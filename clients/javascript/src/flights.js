/**
 * Requests on the wire, each under a watchdog: one that is unanswered for longer than the server would hold it
 * was lost without a sign, as happens when a phone changes networks.
 */

import { exchange } from "./exchange.js";

/** @typedef {ReturnType<typeof setTimeout>} Timer */

/**
 * @typedef {object} FlightMeans
 * @property {string} url the endpoint
 * @property {typeof globalThis.fetch} fetch
 * @property {RequestCredentials} credentials
 * @property {(callback: () => void, milliseconds: number) => Timer} setTimeout
 * @property {(timer: Timer) => void} clearTimeout
 */

export class Flights {
  #all = new AbortController();
  #means;

  /** @param {FlightMeans} means */
  constructor(means) {
    this.#means = means;
  }

  /**
   * Send a body and wait for what comes of it.
   * @param {string} body
   * @param {number} patience seconds after which it is given up
   */
  async send(body, patience) {
    const { url, fetch, credentials, setTimeout, clearTimeout } = this.#means;
    const flight = new AbortController();
    const giveUp = () => flight.abort();
    const watchdog = setTimeout(giveUp, patience * 1000);
    const { signal } = this.#all;
    signal.addEventListener("abort", giveUp);
    try {
      return await exchange(fetch, url, body, { signal: flight.signal, credentials });
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Give all of them up: each comes back as lost. */
  giveUp() {
    this.#all.abort();
    this.#all = new AbortController();
  }
}
