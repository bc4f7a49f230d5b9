/**
 * Another token, when the server asks for one because the session's is about to expire. What the page's `token`
 * fails to get is tried again, with growing pauses, until there is a token or the session is over.
 */

import { Alarm } from "./alarm.js";
import { backoff } from "./backoff.js";

/** The control path of the packet by which the server asks; no page gets to see it. */
export const TOKEN_PATH = "::token";

/** @typedef {import("./flights.js").Timer} Timer */

/**
 * @typedef {object} RenewalMeans
 * @property {() => Promise<string | undefined> | string | undefined} token
 * @property {(callback: () => void, milliseconds: number) => Timer} setTimeout
 * @property {(timer: Timer) => void} clearTimeout
 * @property {() => number} random
 * @property {{ base: number, cap: number }} backoff milliseconds
 */

export class Renewal {
  #pause;
  /** What is being asked for is another thing each time: an answer to an older question is ignored. */
  #question = 0;
  #means;

  /** @param {RenewalMeans} means */
  constructor(means) {
    this.#means = means;
    this.#pause = new Alarm(means);
  }

  /** @param {(token: string) => void} take gets the token */
  start(take) {
    this.stop();
    void this.#ask(take, this.#question, 1);
  }

  /** The session is over, or another question came. */
  stop() {
    this.#question += 1;
    this.#pause.clear();
  }

  /**
   * @param {(token: string) => void} take
   * @param {number} question
   * @param {number} attempt
   */
  async #ask(take, question, attempt) {
    const { token, backoff: bounds, random } = this.#means;
    try {
      const another = await token();
      if (question === this.#question && another !== undefined) take(another);
    } catch {
      if (question !== this.#question) return;
      this.#pause.set(backoff(attempt, bounds, random), () => void this.#ask(take, question, attempt + 1));
    }
  }
}
