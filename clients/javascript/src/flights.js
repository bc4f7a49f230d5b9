/**
 * Requests on the wire, under two watchdogs, since some are lost without a sign, as happens when a phone changes
 * networks:
 *
 * 1. One that is unanswered for longer than the server would hold it was lost.
 * 2. The server holds one request at most. So when several are on the wire and none was answered within
 *    `margin` of the last, one of them was lost. Nobody knows which, so all are: to send one again that
 *    did arrive does no harm.
 */

import { Alarm } from "./alarm.js";
import { exchange } from "./exchange.js";
import { secondsFor } from "./size.js";

/** @typedef {ReturnType<typeof setTimeout>} Timer */

/**
 * @typedef {object} MoreFlightMeans
 * @property {(callback: () => void, milliseconds: number) => Timer} setTimeout
 * @property {(timer: Timer) => void} clearTimeout
 * @property {() => number} now milliseconds of any clock that only goes forward
 */

/** @typedef {import("./exchange.js").ExchangeMeans & MoreFlightMeans} FlightMeans */

/** What the server's `die` is if it does not say (seconds). */
export const USUAL_DIE = 45;

export class Flights {
  /** @type {Set<() => void>} What gives up each of those on the wire. */
  #all = new Set();
  /** The watchdog of rule 2. */
  #crowded;
  #means;

  /** @param {FlightMeans} means */
  constructor(means) {
    this.#means = means;
    this.#crowded = new Alarm(means);
  }

  /**
   * Send a body and wait for what comes of it.
   * @param {import("./json.js").Written} body
   * @param {{ hold: number, margin: number }} patience seconds that the server may hold it, and on top of that
   * @returns {Promise<import("./exchange.js").Outcome & { seconds: number }>} and how long it took
   */
  async send(body, { hold, margin }) {
    const { url, now } = this.#means;
    const flight = new AbortController();
    const giveUp = () => flight.abort(new Error(`${url} did not answer in time.`));
    const answerable = margin + secondsFor(body);
    const watchdog = new Alarm(this.#means);
    watchdog.set((hold + answerable) * 1000, giveUp);
    this.#all.add(giveUp);
    this.#crowded.clear();
    if (this.#all.size > 1) this.#crowded.set(answerable * 1000, () => this.giveUp());
    const departed = now();
    const outcome = await exchange(this.#means, body, flight.signal); // which never fails
    watchdog.clear();
    this.#all.delete(giveUp);
    if (this.#all.size < 2) this.#crowded.clear();
    return { ...outcome, seconds: (now() - departed) / 1000 };
  }

  /** Give all of them up: each comes back as lost. */
  giveUp() {
    for (const giveUp of this.#all) giveUp();
  }
}

/**
 * How long to wait for answers so that a request which is lost without a sign is found out before the server misses it.
 *
 * @param {number} hold seconds that the server holds a request at most
 * @param {number} die seconds that it keeps a session for which it holds none
 * @param {number} most seconds within which what it does not hold has to be answered, if `die` is long enough
 * @returns {{ hold: number, margin: number, reliefAfter: number | undefined }} `reliefAfter`: seconds after which a held
 *   request is relieved by another one, if it has to be
 */
export function patienceFor(hold, die, most) {
  const margin = Math.min(most, die / 3);
  const longest = die - 2 * margin;
  return { hold, margin, reliefAfter: hold > longest ? longest : undefined };
}
