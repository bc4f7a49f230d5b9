/** The page's own back-end, which decides who may have the updates of which paths. */

import { Alarm } from "./alarm.js";
import { backoff } from "./backoff.js";

/** @typedef {"connect" | "disconnect"} Verb */

/**
 * @typedef {object} MoreBackendMeans
 * @property {import("./options.js").Environment} environment
 * @property {{ base: number, cap: number }} backoff milliseconds
 */

/** @typedef {Pick<import("./options.js").Options, "connectUrl" | "disconnectUrl" | "backendHeaders">} BackendOptions */
/** @typedef {BackendOptions & MoreBackendMeans} BackendMeans */

/** Seconds that the back-end has to answer: one that never does must not keep all later wishes waiting. */
const PATIENCE = 30;

/** Statuses below 500 that say nothing against the same request later: time-out, too early, too many. */
const PASSING = new Set([408, 425, 429]);

/** The back-end refused paths, or could not be reached. */
export class ConnectError extends Error {
  /** @override */
  name = "ConnectError";

  /**
   * @param {string} message
   * @param {readonly string[]} paths
   * @param {boolean} final whether asking again would be refused again
   */
  constructor(message, paths, final) {
    super(message);
    this.paths = paths;
    this.final = final;
  }
}

export class Backend {
  #means;

  /** @param {BackendMeans} means */
  constructor(means) {
    this.#means = means;
  }

  /** @param {Verb} verb Whether it is known where to ask. */
  can(verb) {
    return this.#means[`${verb}Url`] !== undefined;
  }

  /**
   * @param {Verb} verb
   * @throws {TypeError} the page's fault: the option that says where to ask is not set
   */
  check(verb) {
    if (!this.can(verb)) throw new TypeError(`The option ${verb}Url says where to ask; it is not set.`);
  }

  /**
   * @param {string} sid
   * @param {readonly string[]} paths
   * @param {Verb} verb
   * @returns {Promise<void>}
   * @throws {ConnectError}
   */
  async ask(sid, paths, verb) {
    const { ok, status } = await this.#post(verb, JSON.stringify({ sid, paths })).catch((cause) => {
      throw new ConnectError(`The back-end could not be reached: ${cause}`, paths, false);
    });
    if (ok) return;
    const final = status >= 400 && status < 500 && !PASSING.has(status);
    throw new ConnectError(`The back-end answered ${status}.`, paths, final);
  }

  /** @param {Verb} verb @param {string} body */
  async #post(verb, body) {
    const { backendHeaders, environment } = this.#means;
    const headers = new Headers(typeof backendHeaders === "function" ? backendHeaders() : backendHeaders);
    headers.set("Content-Type", "application/json");
    const question = new AbortController();
    const { signal } = question;
    const watchdog = new Alarm(environment);
    watchdog.set(PATIENCE * 1000, () => question.abort());
    try {
      const url = /** @type {string} */ (this.#means[`${verb}Url`]);
      return await environment.fetch(url, { method: "POST", headers, body, signal });
    } finally {
      watchdog.clear();
    }
  }

  /**
   * Wait before another attempt.
   * @param {number} attempt how many have failed so far
   * @returns {Promise<void>}
   */
  pause(attempt) {
    const { backoff: bounds, environment } = this.#means;
    const delay = backoff(attempt, bounds, environment.random);
    return new Promise((resolve) => void environment.setTimeout(() => resolve(), delay));
  }
}
