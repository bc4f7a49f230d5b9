/**
 * Surroundings for the client that a test controls: a clock that moves when told to, a page that hides when told to,
 * and a network whose every call the test answers, refuses or breaks by hand.
 */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";

/** One call of `fetch`, waiting for what the test makes of it. */
export class Call {
  /** @type {(response: Response) => void} */
  #resolve;
  /** @type {(error: unknown) => void} */
  #reject;
  settled = false;

  /**
   * @param {string} url
   * @param {RequestInit} init
   * @param {(response: Response) => void} resolve
   * @param {(error: unknown) => void} reject
   */
  constructor(url, init, resolve, reject) {
    this.url = url;
    this.init = init;
    this.body = JSON.parse(String(init.body));
    this.#resolve = resolve;
    this.#reject = reject;
    init.signal?.addEventListener("abort", () => this.break(init.signal?.reason));
  }

  /** @param {object} body */
  answer(body) {
    this.respond(200, JSON.stringify(body));
  }

  /** @param {number} status @param {string} condition @param {object} members @param {HeadersInit} headers */
  refuse(status, condition, members = {}, headers = {}) {
    this.respond(status, JSON.stringify({ error: condition, detail: "a sentence", ...members }), headers);
  }

  /** @param {number} status @param {string} text @param {HeadersInit} headers */
  respond(status, text, headers = {}) {
    this.settled = true;
    this.#resolve(new Response(text, { status, headers }));
  }

  /** Answer with a stream, which the test writes to. */
  stream() {
    const encoder = new TextEncoder();
    /** @type {ReadableStreamDefaultController<Uint8Array>} */
    let controller;
    const body = new ReadableStream({ start: (one) => void (controller = one) });
    this.settled = true;
    this.#resolve(new Response(body));
    return {
      say: async (/** @type {object[]} */ ...bodies) => {
        for (const text of bodies) controller.enqueue(encoder.encode(`${JSON.stringify(text)}\n`));
        await setImmediate();
      },
      end: async () => {
        controller.close();
        await setImmediate();
      },
    };
  }

  break(error = new TypeError("the connection broke")) {
    this.settled = true;
    this.#reject(error);
  }
}

export class Surroundings {
  now = 0;
  /** From 0 up to 1; half of the bound for every pause, unless a test says otherwise. */
  chance = 0.5;
  /** @type {Call[]} */
  #calls = [];
  /** @type {Set<{ due: number, callback: () => void }>} */
  #timers = new Set();
  /** @type {any[]} */
  beacons = [];
  longestBeacon = Infinity;
  /** @type {unknown[]} */
  reported = [];
  page = new EventTarget();

  /** @type {Partial<import("../src/options.js").Environment>} */
  environment = {
    WebSocket: undefined,
    fetch: (url, init = {}) =>
      new Promise((resolve, reject) => {
        this.#calls.push(new Call(String(url), init, resolve, reject));
      }),
    setTimeout: (callback, milliseconds) => {
      const timer = { due: this.now + milliseconds, callback };
      this.#timers.add(timer);
      return /** @type {any} */ (timer);
    },
    clearTimeout: (timer) => void this.#timers.delete(/** @type {any} */ (timer)),
    now: () => this.now,
    random: () => this.chance,
    page: this.page,
    sendBeacon: (url, blob) => {
      const body = String(blob);
      return body.length <= this.longestBeacon && this.beacons.push({ url, ...JSON.parse(body) }) > 0;
    },
    reportError: (error) => void this.reported.push(error),
  };

  /** The next call that the client makes. */
  async call() {
    await setImmediate();
    const call = this.#calls.shift();
    assert(call, "the client calls nobody");
    return call;
  }

  /** @returns {any[]} The bodies of all calls that the test has not seen. */
  get unseen() {
    return this.#calls.splice(0).map(({ body }) => body);
  }

  /** The client makes no call that the test has not seen. */
  async silence() {
    await setImmediate();
    assert.deepEqual(
      this.#calls.map(({ body }) => body),
      [],
    );
  }

  /** @param {number} milliseconds Let time pass, and everything happen that is due. */
  async pass(milliseconds) {
    const end = this.now + milliseconds;
    await setImmediate();
    for (let timer = this.#dueBy(end); timer !== undefined; timer = this.#dueBy(end)) {
      this.#timers.delete(timer);
      this.now = timer.due;
      timer.callback();
      await setImmediate();
    }
    this.now = end;
  }

  /** How many timers have not run out: none may be left when everything is over. */
  get timers() {
    return this.#timers.size;
  }

  /** @param {string} type @param {object} members */
  pageEvent(type, members = {}) {
    this.page.dispatchEvent(Object.assign(new Event(type), members));
  }

  /** @param {number} end */
  #dueBy(end) {
    const [first] = [...this.#timers].sort((one, other) => one.due - other.due);
    return first !== undefined && first.due <= end ? first : undefined;
  }
}
