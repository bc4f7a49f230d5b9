/** The page's handlers: who is called with which packet. */

import { compilePattern } from "./patterns.js";

/** @typedef {(message: any, path: string, ask?: string) => void} Handler */

export class Handlers {
  /** @type {Set<{ matches: (path: string) => boolean, handler: Handler }>} */
  #entries = new Set();
  #reportError;

  /** @param {(error: unknown) => void} reportError for what a handler throws */
  constructor(reportError) {
    this.#reportError = reportError;
  }

  /**
   * @param {string} pattern
   * @param {Handler} handler
   * @returns {() => void} takes it off again
   * @throws {TypeError} if it is no pattern
   */
  add(pattern, handler) {
    const entry = { matches: compilePattern(pattern), handler };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  }

  /**
   * Call each handler; one that throws keeps no other from its packet.
   * @param {import("./protocol.js").Packet} packet
   */
  deliver({ path, message, ask }) {
    for (const { matches, handler } of [...this.#entries]) {
      if (!matches(path)) continue;
      try {
        handler(message ?? null, path, ask);
      } catch (error) {
        this.#reportError(error);
      }
    }
  }
}
