/** The paths that a tab has asked for, by way of the tab that leads, without an answer yet. */

import { ConnectError } from "./backend.js";

/** @typedef {{ id: number, verb: import("./backend.js").Verb, paths: readonly string[] }} Ask */

export class AskedPaths {
  /** @type {Map<number, { ask: Ask, answer: (error?: any) => void }>} */
  #open = new Map();
  #last = 0;

  /** @returns {Ask[]} Those without an answer. */
  get open() {
    return [...this.#open.values()].map(({ ask }) => ask);
  }

  /**
   * @param {import("./backend.js").Verb} verb
   * @param {readonly string[]} paths
   * @returns {{ ask: Ask, answered: Promise<void> }}
   */
  add(verb, paths) {
    this.#last += 1;
    const ask = { id: this.#last, verb, paths };
    const answered = new Promise((resolve, reject) => {
      const answer = (/** @type {any} */ error) => (error === undefined ? resolve(undefined) : reject(error));
      this.#open.set(ask.id, { ask, answer });
    });
    return { ask, answered: answered.then(() => undefined) };
  }

  /** @param {any} answer an `error` is there if the back-end refused, or could not be reached */
  answer({ id, error }) {
    const asked = this.#open.get(id);
    this.#open.delete(id);
    asked?.answer(error && new ConnectError(error.message, error.paths, error.final));
  }

  /** The client is closed: nothing is answered any more. */
  end() {
    for (const { id, paths } of this.open) {
      this.answer({ id, error: { message: "The client was closed.", paths, final: false } });
    }
  }
}
