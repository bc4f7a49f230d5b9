/**
 * Questions, in both directions: a `Comet` that asks the application, and answers it.
 *
 * @example
 * import { Comet } from "cometary/asking";
 *
 * const comet = new Comet("/comet");
 * comet.on("sure", (what) => confirm(`Do you want ${what}?`)); // what it returns is the answer
 * const { left } = await comet.ask("order", "tea");
 *
 * 1. A question is a packet with a name that no other tab uses, and its answer comes on a control path under that.
 * 2. It is settled once: by the answer, by the time-out, by whoever has asked, or by the end of the client. Of one that was with
 *    a session which was lost there is no answer: nobody knows what became of it, until it times out.
 * 3. What the first handler returns answers the server's question. In a tab without one nothing does: another may have it.
 */

import { Alarm } from "./alarm.js";
import { Comet as Silent } from "./comet.js";
import { withDefaults } from "./options.js";

export { ConnectError, QueueFullError } from "./comet.js";

/** @typedef {import("./comet.js").Options} Options */

const ANSWER = "::answer";

/** Whose fault it is, if not this page's. @type {Record<string, "application" | "nobody">} */
const FAULTS = { "internal-error": "application", timeout: "nobody", closed: "nobody" };

/** A question has no answer. */
export class AskError extends Error {
  /** @override */
  name = "AskError";

  /** @param {string} condition what is wrong, for programs @param {string} detail the same for people */
  constructor(condition, detail) {
    super(detail);
    this.condition = condition;
    /** Whose it is: the `client`'s, which is this page; the `application`'s; or `nobody` knows. */
    this.fault = FAULTS[condition] ?? "client";
  }
}

/** @typedef {{ ask?: string, value?: any, error?: string, detail?: string }} Answer */

/**
 * @template {Record<string, any>} [M=Record<string, any>] the messages, by patterns of their paths
 * @extends {Silent<M>}
 */
export class Comet extends Silent {
  /** @type {Map<string, (answer: Answer) => void>} */
  #open = new Map();
  #asked = 0;
  #environment;

  /**
   * @param {string} url the endpoint
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    super(url, options);
    this.#environment = withDefaults(options).environment;
    super.on(ANSWER, (answer) => this.#open.get(/** @type {Answer} */ (answer).ask ?? "")?.(answer));
    this.addEventListener("close", () => {
      for (const answered of this.#open.values()) answered({ error: "closed" });
    });
  }

  /**
   * Send a packet that is a question, and wait for what the application's handler returns.
   *
   * @param {string} path one of the control paths that take questions, too
   * @param {unknown} [message] anything that the codec can say
   * @param {{ timeout?: number, signal?: AbortSignal }} [options] `timeout` in seconds, 30 by default; `signal` gives it up
   * @returns {Promise<any>}
   * @throws {AskError} the application refuses, has failed, or has not answered in time; `fault` says whose it is
   * @throws {TypeError | RangeError | Error} as `send` does
   */
  async ask(path, message, { timeout = 30, signal } = {}) {
    signal?.throwIfAborted();
    this.#asked += 1;
    const ask = `${this.#environment.random()} ${this.#asked}`;
    super.send(/** @type {any} */ (path), /** @type {any} */ (message), { ask });
    const patience = new Alarm(this.#environment);
    /** @type {Answer} */
    const {
      value,
      error,
      detail = `There is no answer: ${error}.`,
    } = await new Promise((resolve) => {
      this.#open.set(ask, resolve);
      patience.set(timeout * 1000, () => resolve({ error: "timeout" }));
      signal?.addEventListener("abort", () => resolve({ error: "aborted" }), { once: true });
    });
    patience.clear();
    this.#open.delete(ask);
    signal?.throwIfAborted();
    if (error !== undefined) throw new AskError(error, detail);
    return value;
  }

  /**
   * As in any `Comet`; what the handler returns, or what that is a promise of, is the answer if it is asked.
   *
   * @template {keyof M & string} P
   * @param {P} pattern
   * @param {(message: M[P], path: import("./messages.js").PathOf<P>) => unknown} handler
   * @returns {() => void} stops it
   * @throws {TypeError} if it is no pattern
   * @override
   */
  on(pattern, handler) {
    return super.on(pattern, (message, path, ask) => {
      if (ask === undefined) return void handler(message, path);
      void this.#answer(ask, async () => handler(message, path));
    });
  }

  /** @param {string} ask @param {() => Promise<unknown>} handle */
  async #answer(ask, handle) {
    const say = (/** @type {Answer} */ how) =>
      super.send(/** @type {any} */ (ANSWER), /** @type {any} */ ({ ask, ...how }));
    try {
      say({ value: await handle() });
    } catch (error) {
      this.#environment.reportError(error);
      say({ error: "failed", detail: String(error) });
    }
  }
}
