/** The page's own session: what it looks at goes out, what there is to see comes in. */

import { Comet } from "./client/comet.js";

const KEPT = "cometary-inspector-secret"; // in this tab alone, until it is closed

/** @typedef {Record<string, any>} Frame */

export const secret = {
  get: () => sessionStorage.getItem(KEPT) ?? undefined,
  /** @param {string | undefined} value */
  set: (value) =>
    value === undefined ? sessionStorage.removeItem(KEPT) : sessionStorage.setItem(KEPT, value),
};

export class Link extends EventTarget {
  #comet = new Comet(`comet${location.search}`, { token: secret.get, wires: [] });
  /** @type {Map<string, unknown>} what the page looks at, by path: said again in a new session */
  #looks = new Map();

  constructor() {
    super();
    this.#comet.on("seen/*", (message, path) => this.#tell(path.slice("seen/".length), message));
    this.#comet.addEventListener("state", () => this.#tell("state", this.#comet.state));
    this.#comet.addEventListener("reopened", () => this.#lookAgain());
    this.#comet.addEventListener("error", ({ detail }) => this.#refused(detail.condition));
    this.#comet.addEventListener("close", ({ detail }) => this.#tell("closed", detail.reason));
  }

  open() {
    this.#comet.open().catch(() => undefined); // "error" and "closed" say what is to be said
  }

  /**
   * @param {"list" | "detail"} where
   * @param {object | null} what
   */
  look(where, what) {
    this.#looks.set(`look/${where}`, what);
    this.#comet.send(`look/${where}`, what);
  }

  #lookAgain() {
    for (const [path, what] of this.#looks) this.#comet.send(path, what);
  }

  /** @param {string} condition */
  #refused(condition) {
    if (condition === "unauthorized") this.#tell("unauthorized", secret.get() !== undefined);
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
