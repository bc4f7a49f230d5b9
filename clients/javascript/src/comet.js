/**
 * Cometary's client: sessions over long-polling, for browsers and for anything else with `fetch`.
 *
 * @example
 * const comet = new Comet("/comet", { connectUrl: "/connect" });
 * comet.on("jobs/*", (message, path) => show(path, message));
 * await comet.open();
 * await comet.connect(["jobs/7"]);
 * comet.send("chat/lobby", { text: "hello" });
 */

import { Backend } from "./backend.js";
import { ConnectedPaths, ConnectError } from "./connected_paths.js";
import { Connection } from "./connection.js";
import { Handlers } from "./handlers.js";
import { withDefaults } from "./options.js";
import { checkPath } from "./patterns.js";
import { QueueFullError, SendQueue } from "./queue.js";

export { ConnectError, QueueFullError };

/** @typedef {import("./connection.js").State} State */
/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./protocol.js").Packet} Packet */
/** @typedef {import("./handlers.js").Handler} Handler */

/**
 * A session with the push server, kept up until `close`.
 *
 * Events, all of them `CustomEvent`s:
 * - `state`: `detail.state` is "connecting", "open", "reconnecting" or "closed"
 * - `open`: the first session is open
 * - `retrying`: something failed (`detail.cause`) and is tried again in `detail.delay` milliseconds; it is the
 *   attempt `detail.attempt` in a row, from 1. `retry()` tries at once. It comes for a wrong URL, too.
 * - `reopened`: the server had lost the session (`detail.reason`) and there is a new one, with its paths connected
 *   again, other than those in `detail.missing`. Updates in between were missed: load afresh what they would
 *   have changed. `detail.uncertain` are the packets that this page sent of which it is not known whether
 *   they arrived.
 * - `error`: the server refused something: `detail.condition`, `detail.detail`, and `detail.packets` if these
 *   were at fault. "connect-failed" is the page's own back-end.
 * - `close`: there will be no other session: `detail.reason`; `detail.undelivered` are the packets of which
 *   it is not known whether they arrived
 */
export class Comet extends EventTarget {
  /** @type {Connection | undefined} */
  #connection;
  #url;
  #options;
  #handlers;
  #queue;
  #backend;
  #paths;
  #flushing = false;

  /**
   * @param {string} url the endpoint
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#options = withDefaults(options);
    this.#queue = new SendQueue(this.#options.limits);
    this.#handlers = new Handlers(this.#options.environment.reportError);
    this.#backend = new Backend(this.#options);
    this.#paths = new ConnectedPaths(this.#backend);
  }

  /** The session's id, while there is a session. It is a secret: whoever has it is this session. */
  get sid() {
    return this.#connection?.sid;
  }

  /** @returns {State} */
  get state() {
    return this.#connection?.state ?? "closed";
  }

  /** How many packets the server is not yet known to have. */
  get unanswered() {
    return this.#queue.unanswered;
  }

  /**
   * Open a session, and keep trying until there is one.
   *
   * @returns {Promise<string>} the session's id
   * @throws {Error} if the server refuses, or `close` is called first
   */
  open() {
    if (this.state === "closed") this.#start();
    const opened = this.#opened();
    opened.catch(() => undefined); // who does not wait for it hears of it by `close`
    return opened;
  }

  /**
   * Call a handler for every packet whose path a pattern covers: exact, `*` for one segment, `**` for the rest.
   *
   * @param {string} pattern
   * @param {Handler} handler
   * @returns {() => void} stops it
   * @throws {TypeError} if it is no pattern
   */
  on(pattern, handler) {
    return this.#handlers.add(pattern, handler);
  }

  /**
   * Send a packet, once and in order, as soon as a connection is free; before `open`, once there is a session.
   *
   * @param {string} path
   * @param {unknown} [message] anything JSON can say, as it is now
   * @param {{ receipt?: string }} [options] with a `receipt`, 1 to 256 characters of the page's own choice, a packet
   *   `{receipt, path}` comes at the path `::failed` if the application fails on this one
   * @throws {TypeError} if it is no path that a client may send to, or no receipt, or the message cannot travel
   * @throws {RangeError} if the packet is too large for one request
   * @throws {QueueFullError} if too much waits already; nothing has been sent
   */
  send(path, message, { receipt } = {}) {
    checkPath(path);
    if (path.startsWith("::")) throw new TypeError("A client may not send to control paths (::).");
    this.#queue.append(path, message, receipt);
    this.#flush();
  }

  /**
   * Ask the page's back-end for the updates of paths, and ask again in every later session.
   *
   * @param {readonly string[] | string} paths one, or several
   * @throws {ConnectError} if the back-end refuses, or cannot be reached
   * @throws {TypeError} if one of them is not a path, or the option that says where to ask is not set
   */
  async connect(paths) {
    const checked = checkPaths(paths);
    this.#backend.url("connect");
    await this.#paths.add(() => this.sid, checked, this.open());
  }

  /**
   * Tell the page's back-end that it wants no more updates of paths.
   *
   * @param {readonly string[] | string} paths one, or several
   * @throws {ConnectError} if the back-end refuses, or cannot be reached
   * @throws {TypeError} if one of them is not a path, or the option that says where to ask is not set
   */
  async disconnect(paths) {
    const checked = checkPaths(paths);
    this.#backend.url("disconnect");
    await this.#paths.remove(() => this.sid, checked);
  }

  /** Try again now, if the client waits before another attempt. */
  retry() {
    this.#connection?.retry();
  }

  /** Send what is queued and end the session; resolves when it is over. */
  async close() {
    const connection = this.#connection;
    if (connection === undefined) return;
    const {
      environment: { setTimeout, clearTimeout },
      closeTimeout,
    } = this.#options;
    const timer = setTimeout(() => connection.end("closed"), closeTimeout * 1000);
    const closed = this.#next("close");
    connection.close();
    await closed;
    clearTimeout(timer);
  }

  // --- the connection and what it tells

  #start() {
    const { environment } = this.#options;
    const connection = new Connection({ ...this.#options, ...environment, url: this.#url }, this.#queue, {
      state: (state) => this.#emit("state", { state }),
      opened: (sid, replaced) => void this.#sessionOpened(sid, replaced),
      retrying: (attempt, delay, cause) => this.#emit("retrying", { attempt, delay, cause }),
      packets: (packets) => packets.forEach((packet) => this.#handlers.deliver(packet)),
      refused: (refusal, packets) => this.#emit("error", { ...refusal, packets: packets.map(asPacket) }),
      ended: (reason, undelivered) => this.#ended(connection, reason, undelivered.map(asPacket)),
    });
    this.#connection = connection;
    for (const type of PAGE_EVENTS) environment.page?.addEventListener(type, this.#onPage);
    connection.open();
  }

  /**
   * @param {string} sid
   * @param {{ reason: string, uncertain: import("./queue.js").OutgoingPacket[] } | undefined} replaced
   */
  async #sessionOpened(sid, replaced) {
    if (replaced === undefined) return this.#emit("open", { sid });
    const errors = await this.#paths.restore(() => this.sid);
    if (this.sid !== sid) return; // lost as well: the next one restores the paths, and says so
    for (const error of errors)
      this.#emit("error", { condition: "connect-failed", detail: String(error), packets: [] });
    const missing = errors.flatMap(({ paths }) => paths);
    this.#emit("reopened", { ...replaced, missing, uncertain: replaced.uncertain.map(asPacket) });
  }

  /**
   * @param {Connection} connection
   * @param {string} reason
   * @param {Packet[]} undelivered
   */
  #ended(connection, reason, undelivered) {
    // It may be another already, opened by who heard of the state "closed".
    if (this.#connection === connection) {
      for (const type of PAGE_EVENTS) this.#options.environment.page?.removeEventListener(type, this.#onPage);
      this.#connection = undefined;
    }
    this.#emit("close", { reason, undelivered });
  }

  /** Send in a moment, so that what one task sends goes out together. */
  #flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#connection?.pump();
    });
  }

  // --- the page

  #onPage = (/** @type {Event} */ event) => {
    const kept = /** @type {PageTransitionEvent} */ (event).persisted;
    if (event.type === "pagehide") return kept ? undefined : this.#leave();
    if (event.type === "online" || kept) this.#connection?.networkIsBack();
  };

  /** The page goes, and its requests with it; beacons outlive it. */
  #leave() {
    if (!this.#options.closeOnPageHide) return;
    this.#connection?.farewell((body) => this.#options.environment.sendBeacon(this.#url, body));
    this.#connection?.end("closed");
  }

  // --- events

  /**
   * @param {string} type
   * @param {object} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /**
   * @param {string} type
   * @returns {Promise<any>} the detail of the next such event
   */
  #next(type) {
    return new Promise((resolve) => {
      this.addEventListener(type, (event) => resolve(/** @type {CustomEvent} */ (event).detail), {
        once: true,
      });
    });
  }

  /** @returns {Promise<string>} */
  async #opened() {
    if (this.sid !== undefined) return this.sid;
    const ended = this.#next("close").then(({ reason }) => {
      throw new Error(`There is no session: ${reason}.`);
    });
    return Promise.race([
      ended,
      Promise.race([this.#next("open"), this.#next("reopened")]).then(() => this.#opened()),
    ]);
  }
}

const PAGE_EVENTS = ["online", "pagehide", "pageshow"];

/**
 * @param {readonly string[] | string} paths
 * @throws {TypeError} the calling code's fault
 */
function checkPaths(paths) {
  const checked = typeof paths === "string" ? [paths] : paths;
  if (!Array.isArray(checked)) throw new TypeError("Paths are a string, or an array of strings.");
  checked.forEach(checkPath);
  return [...checked];
}

/**
 * @param {import("./queue.js").OutgoingPacket} packet
 * @returns {Packet}
 */
function asPacket({ path, message }) {
  return { path, message };
}
