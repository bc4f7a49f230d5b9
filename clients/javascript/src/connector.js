/**
 * The connector for back-ends in Node.js, and whatever else has `fetch`: calls of the server's control interface. Not for pages.
 *
 * @example
 * import { Connector } from "cometary/connector";
 *
 * const push = new Connector("http://127.0.0.1:8081", { secret });
 * await push.update("news", { title: "Comet sighted" });
 * await push.connect(sid, ["news", "jobs/7"]);
 *
 * 1. Whatever becomes of a call, it ends within `timeout`.
 * 2. No call is repeated but updates with idempotency keys: of any other nobody knows whether it took effect.
 * 3. What the server refuses is the program's mistake (`ControlError`); that it is away, or fails, is not (`ConnectorError`).
 */

import { AskError } from "./asking.js";
import { backoff } from "./backoff.js";
import { JSON_CODEC } from "./json.js";

export { AskError };

/** The server is away, has failed or has taken too long: the environment's fault. */
export class ConnectorError extends Error {
  /** @override */
  name = "ConnectorError";

  /** @param {string} message @param {{ cause?: unknown, unsent?: boolean }} [options] */
  constructor(message, { cause, unsent = false } = {}) {
    super(message, { cause });
    /** Whether nothing has left, so that the call may be made again. */
    this.unsent = unsent;
  }
}

/** The server has refused: the program's fault. Nothing has changed. */
export class ControlError extends Error {
  /** @override */
  name = "ControlError";

  /** @param {string} condition for programs @param {number} status of HTTP @param {string} detail for people */
  constructor(condition, status, detail) {
    super(`${condition} (${status}): ${detail}`);
    this.condition = condition;
    this.status = status;
  }
}

/** The session has ended, or never was: the user has left, which is nobody's fault. */
export class UnknownSessionError extends ControlError {
  /** @override */
  name = "UnknownSessionError";
}

/** @typedef {readonly [path: string, message: unknown]} Pair */

/**
 * What a sender may wish for a packet: the id for receipts, seconds that it waits unsent at most, and what it is conflated by.
 * @typedef {{ receipt?: string, ttl?: number, key?: string }} Wishes
 */

/**
 * For an update besides: the session that does not get it, and a text of the sender's own under which it is sent once.
 * @typedef {Wishes & { exclude?: string, idempotencyKey?: string }} UpdateWishes
 */

/** @typedef {{ path: string, message?: unknown } & UpdateWishes} Update */
/** @typedef {{ packets: { path: string, message: any, at?: string }[], at: string | null, complete: boolean }} HistoryPage */
/** @typedef {{ count: number, members: import("./paths.js").Member[] }} PresencePage */
/** @typedef {{ receipts: Record<string, any>[], cursor: string, missed: number }} ReceiptPage */

/** Errors of a network before there was a connection. */
const UNSENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);

const PAUSES = { base: 50, cap: 1000 };

export class Connector {
  #url;
  #headers;
  #timeout;
  #codec;

  /**
   * @param {string} url where the control listener is, such as `http://127.0.0.1:8081`
   * @param {{ secret?: string, timeout?: number, codec?: import("./json.js").Codec }} [options] the server's secret, if it has one;
   *   seconds that a call takes at most (5); how bodies are written (`cbor()` for messages with bytes in them)
   * @throws {TypeError} it is no such URL
   */
  constructor(url, { secret, timeout = 5, codec = JSON_CODEC } = {}) {
    const { protocol, origin } = new URL(url);
    if (!/^https?:$/.test(protocol)) throw new TypeError(`${url} is no URL like http://127.0.0.1:8081`);
    this.#url = origin;
    this.#headers = {
      "Content-Type": codec.type,
      ...(secret === undefined ? {} : { Authorization: `Bearer ${secret}` }),
    };
    this.#timeout = timeout * 1000;
    this.#codec = codec;
  }

  /**
   * Send a message to every session that is connected to a path.
   *
   * @param {string} path
   * @param {unknown} [message] anything that the codec can say
   * @param {UpdateWishes} [wishes]
   * @returns {Promise<void>}
   * @throws {ConnectorError | ControlError | TypeError} as every call does
   */
  async update(path, message = null, wishes = {}) {
    await this.#post("/update", asUpdate({ path, message, ...wishes }), {
      again: wishes.idempotencyKey !== undefined,
    });
  }

  /**
   * Send several, in order: all of them or, if one is wrong, none.
   * @param {readonly Pair[]} updates
   * @returns {Promise<number>} how many the server took
   */
  async updates(updates) {
    return (await this.#post("/update", updates.map(asPacket))).updates;
  }

  /**
   * Send several, each by itself.
   * @param {readonly (Pair | Update)[]} updates
   * @returns {Promise<{ error?: string, detail?: string }[]>} for each `{}`, or what is wrong with it
   */
  async batch(updates) {
    const given = updates.map((each) => (isPair(each) ? asPacket(each) : asUpdate(each)));
    const again = given.every((each) => "idempotency_key" in each);
    return (await this.#post("/batch", given, { again })).results;
  }

  /**
   * Connect a session to paths, in addition to those that it has, and send it what is kept of them.
   *
   * @param {string} sid
   * @param {readonly string[]} paths
   * @param {{ last?: number, since?: Record<string, string> }} [replay] so many of the latest; or all behind positions
   * @returns {Promise<string[]>} those that it is connected to now
   */
  async connect(sid, paths, { last, since } = {}) {
    return (await this.#post("/connect", { sid, paths: listed(paths), last, since })).paths;
  }

  /** @param {string} sid @param {readonly string[]} paths @returns {Promise<string[]>} those that it is still connected to */
  async disconnect(sid, paths) {
    return (await this.#post("/disconnect", { sid, paths: listed(paths) })).paths;
  }

  /**
   * Send packets to one session.
   * @param {string} sid @param {readonly Pair[]} packets @param {Wishes} [wishes] for each of them
   * @returns {Promise<number>} how many it took
   */
  async send(sid, packets, wishes = {}) {
    const given = packets.map((packet) => ({ ...asPacket(packet), ...wishes }));
    return (await this.#post("/send", { sid, packets: given })).packets;
  }

  /**
   * Ask the client of a session, and return what its handler returns.
   * @param {string} sid @param {string} path @param {unknown} [message]
   * @param {{ timeout?: number }} [options] seconds (10), in addition to the connector's
   * @returns {Promise<any>}
   * @throws {AskError} there is no answer; `fault` says whose it is
   */
  async ask(sid, path, message = null, { timeout = 10 } = {}) {
    const told = await this.#post("/ask", { sid, path, message, timeout }, { wait: timeout });
    if (told.error === undefined) return told.value;
    throw Object.assign(new AskError(told.error, told.detail), { fault: told.fault });
  }

  /** @param {string} path @param {{ last?: number, since?: string }} [which] @returns {Promise<HistoryPage>} what is kept of it */
  history(path, { last = 100, since } = {}) {
    return this.#post("/history", { path, last, since });
  }

  /** @param {string} path @param {number} [most] members that are listed @returns {Promise<PresencePage>} who is on it */
  presence(path, most = 100) {
    return this.#post("/presence", { path, most });
  }

  /** End a session; its client is told `kicked`. @param {string} sid @returns {Promise<void>} */
  async kick(sid) {
    await this.#post("/kick", { sid });
  }

  /** @returns {Promise<Record<string, any>[]>} what the server tells of its sessions */
  async sessions() {
    return (await this.#get("/sessions")).sessions;
  }

  /**
   * What has become of packets that were sent with a receipt.
   * @param {{ after?: string, wait?: number }} [options] the `cursor` of the page before; seconds to wait if there are none
   * @returns {Promise<ReceiptPage>}
   */
  receipts({ after, wait = 0 } = {}) {
    const query = new URLSearchParams({ ...(after === undefined ? {} : { after }), wait: String(wait) });
    return this.#get(`/receipts?${query}`, wait);
  }

  /** @returns {Promise<Record<string, number>>} */
  statistics() {
    return this.#get("/statistics");
  }

  /** @returns {Promise<Record<string, any>>} the supervision tree */
  tree() {
    return this.#get("/tree");
  }

  /** @returns {Promise<string>} `ok` */
  async healthz() {
    return (await this.#get("/healthz")).status;
  }

  /** @param {string} path @param {number} [wait] @returns {Promise<any>} */
  #get(path, wait = 0) {
    return this.#call(path, { method: "GET" }, this.#timeout + wait * 1000);
  }

  /**
   * @param {string} path @param {any} body
   * @param {{ again?: boolean, wait?: number }} [options] whether it may be repeated (rule 2); seconds that it is held
   * @returns {Promise<any>}
   */
  async #post(path, body, { again = false, wait = 0 } = {}) {
    const request = { method: "POST", body: this.#codec.packet(body) };
    const until = performance.now() + this.#timeout + wait * 1000;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#call(path, request, Math.max(1, until - performance.now()));
      } catch (error) {
        const pause = backoff(attempt, PAUSES, Math.random);
        const spent = performance.now() + pause >= until;
        if (!again || spent || !(error instanceof ConnectorError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /** @param {string} path @param {RequestInit} request @param {number} timeout milliseconds @returns {Promise<any>} */
  async #call(path, request, timeout) {
    let response;
    let answer;
    try {
      const signal = AbortSignal.timeout(Math.ceil(timeout));
      const headers = this.#headers;
      response = await fetch(this.#url + path, { ...request, headers, signal, redirect: "error" });
      answer = await this.#codec.answer(response);
    } catch (cause) {
      throw new ConnectorError(`${path} got no response: ${cause}`, { cause, unsent: isUnsent(cause) });
    }
    if (response.ok && answer !== undefined) return answer;
    const { error, detail } = answer ?? {};
    if (typeof error !== "string" || typeof detail !== "string")
      throw new ConnectorError(
        `${path}: a response (status ${response.status}) that no control listener gives`,
      );
    if (response.status >= 500) throw new ConnectorError(`${error} (${response.status}): ${detail}`);
    const Refusal = error === "unknown-session" ? UnknownSessionError : ControlError;
    throw new Refusal(error, response.status, detail);
  }
}

/** @param {any} error Whether there was no connection. */
function isUnsent(error) {
  return UNSENT.has(error?.cause?.code);
}

/** @param {Pair | Update} update @returns {update is Pair} */
function isPair(update) {
  return Array.isArray(update);
}

/** @param {Pair} pair @throws {TypeError} it is none: one pair is easily given where several are meant */
function asPacket(pair) {
  if (!isPair(pair) || typeof pair[0] !== "string")
    throw new TypeError("Packets are several: write [[path, message]] for a single one.");
  return { path: pair[0], message: pair[1] ?? null };
}

/** @param {Update} update */
function asUpdate({ idempotencyKey, ...update }) {
  return idempotencyKey === undefined ? update : { ...update, idempotency_key: idempotencyKey };
}

/** @param {readonly string[]} paths @throws {TypeError} it is text, which would be letters */
function listed(paths) {
  if (!Array.isArray(paths)) throw new TypeError("Paths are several: write [path] for a single one.");
  return paths;
}
