/** The page's own back-end, which decides who may have the updates of which paths. */

import { Alarm } from "./alarm.js";
import { backoff } from "./backoff.js";

/** @typedef {"connect" | "disconnect"} Verb */

/** Seconds that the back-end has to answer: one that never does must not keep all later wishes waiting. */
const PATIENCE = 30;

export class Backend {
  #options;

  /** @param {ReturnType<typeof import("./options.js").withDefaults>} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {Verb} verb Whether the page has said where to ask. */
  can(verb) {
    return this.#options[`${verb}Url`] !== undefined;
  }

  /**
   * @param {string} sid
   * @param {readonly string[]} paths
   * @param {Verb} verb
   */
  async ask(sid, paths, verb) {
    const { backendHeaders, environment } = this.#options;
    const headers = new Headers(typeof backendHeaders === "function" ? backendHeaders() : backendHeaders);
    headers.set("Content-Type", "application/json");
    const question = new AbortController();
    const { signal } = question;
    const watchdog = new Alarm(environment);
    watchdog.set(PATIENCE * 1000, () => question.abort());
    try {
      const body = JSON.stringify({ sid, paths });
      return await environment.fetch(checkUrl(this.#options, verb), {
        method: "POST",
        headers,
        body,
        signal,
      });
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
    const { backoff: bounds, environment } = this.#options;
    const delay = backoff(attempt, bounds, environment.random);
    return new Promise((resolve) => void environment.setTimeout(() => resolve(), delay));
  }
}

/**
 * Where to ask.
 * @param {Pick<import("./options.js").Options, "connectUrl" | "disconnectUrl">} options
 * @param {Verb} verb
 * @throws {TypeError} the page's fault: the option is not set
 */
export function checkUrl(options, verb) {
  const url = options[`${verb}Url`];
  if (url === undefined) throw new TypeError(`The option ${verb}Url says where to ask; it is not set.`);
  return url;
}
