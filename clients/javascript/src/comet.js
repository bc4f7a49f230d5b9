/**
 * Cometary's client: sessions over requests, a stream or a WebSocket, for browsers and for anything else with `fetch`.
 *
 * @example
 * const comet = new Comet("/comet", { connectUrl: "/connect" });
 * comet.on("jobs/*", (message, path) => show(path, message));
 * await comet.open();
 * await comet.connect(["jobs/7"]);
 * comet.send("chat/lobby", { text: "hello" });
 */

import { Alarm } from "./alarm.js";
import { ConnectError } from "./backend.js";
import { Handlers } from "./handlers.js";
import { Holder } from "./holder.js";
import { withDefaults } from "./options.js";
import { checkPath } from "./patterns.js";
import { QueueFullError } from "./queue.js";
import { TOKEN_PATH } from "./renewal.js";

export { ConnectError, QueueFullError };

/** @typedef {import("./connection.js").State} State */
/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("./protocol.js").Packet} Packet */
/** @typedef {import("./handlers.js").Handler} Handler */

/** The control paths that are the server's: others are there for clients. */
const CONTROL = /^::(?!(dis)?connect$|replay$|presence$|answer$|peer$)/;

const Target = /** @type {new () => import("./messages.js").CometTarget} */ (
  /** @type {unknown} */ (EventTarget)
);

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
 *
 * @template {Record<string, any>} [M=Record<string, any>] the messages, by patterns of their paths
 */
export class Comet extends Target {
  #options;
  #handlers;
  /** @type {import("./options.js").Line} What keeps the session: this page, or all tabs together. */
  #line;

  /**
   * @param {string} url the endpoint
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#options = withDefaults(options);
    const { share, environment } = this.#options;
    this.#handlers = new Handlers(environment.reportError);
    const tell = (/** @type {string} */ type, /** @type {any} */ detail) => this.#hear(type, detail);
    this.#line = share?.(url, this.#options, tell) ?? new Holder(url, this.#options, tell);
  }

  /** The session's id, while there is a session. It is a secret: whoever has it is this session. */
  get sid() {
    return this.#line.sid;
  }

  /** @returns {State} */
  get state() {
    return this.#line.state;
  }

  /** What carries the session now: a WebSocket, a stream, or requests that the server holds. */
  get wire() {
    return this.#line.wire;
  }

  /** How many packets the server is not yet known to have. */
  get unanswered() {
    return this.#line.unanswered;
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
   * @template {keyof M & string} P
   * @param {P} pattern
   * @param {(message: M[P], path: import("./messages.js").PathOf<P>, ask?: string) => void} handler `ask` is by what the
   *   server, if it waits for an answer, knows the question (`asking.js`)
   * @returns {() => void} stops it
   * @throws {TypeError} if it is no pattern
   */
  on(pattern, handler) {
    return this.#handlers.add(pattern, /** @type {Handler} */ (handler));
  }

  /**
   * Send a packet, once and in order, as soon as a connection is free; before `open`, once there is a session.
   *
   * @template {import("./messages.js").PathOf<keyof M & string>} P
   * @param {P} path
   * @param {import("./messages.js").MessageAt<M, P>} [message] anything JSON can say, as it is now
   * @param {import("./queue.js").Wishes} [wishes] with a `receipt`, 1 to 256 characters of the page's own choice, a packet
   *   `{receipt, path}` comes at the path `::failed` if the application fails on this one; with `ask` it is a question
   *   (`asking.js`)
   * @throws {TypeError} if it is no path that a client may send to, or no receipt, or the message cannot travel
   * @throws {RangeError} if the packet is too large for one request
   * @throws {QueueFullError} if too much waits already; nothing has been sent
   */
  send(path, message, { receipt, ask } = {}) {
    checkPath(path);
    if (CONTROL.test(path)) throw new TypeError("A client may not send to control paths (::).");
    this.#line.send(path, message, { receipt, ask });
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
    this.#options.backend.check("connect");
    await this.#line.connect(checked, this.open());
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
    this.#options.backend.check("disconnect");
    await this.#line.disconnect(checked);
  }

  /** Try again now, if the client waits before another attempt. */
  retry() {
    this.#line.retry();
  }

  /**
   * Send what is queued and end the session; resolves when it is over. Where tabs share a session, this tab leaves it, and
   * the last one ends it.
   */
  async close() {
    if (this.state === "closed") return;
    const { environment, closeTimeout } = this.#options;
    const patience = new Alarm(environment);
    patience.set(closeTimeout * 1000, () => this.#line.end("closed"));
    const closed = this.#next("close");
    this.#line.close();
    await closed;
    patience.clear();
  }

  #start() {
    this.#listen("addEventListener");
    this.#line.open();
  }

  /** @param {"addEventListener" | "removeEventListener"} verb */
  #listen(verb) {
    const { page, document } = this.#options.environment;
    for (const type of ["online", "pagehide", "pageshow"]) page?.[verb](type, this.#onPage);
    for (const type of ["freeze", "resume"]) document?.[verb](type, this.#onPage);
  }

  #onPage = (/** @type {Event} */ event) => {
    this.#line.onPage(event.type, /** @type {PageTransitionEvent} */ (event).persisted);
  };

  // --- events

  /**
   * @param {string} type
   * @param {any} detail
   */
  #hear(type, detail) {
    if (type === "packets") return detail.packets.forEach(this.#deliver);
    if (type === "close" && this.state === "closed") this.#listen("removeEventListener");
    const told = { ...detail };
    for (const key of ["packets", "uncertain", "undelivered"])
      if (key in told) told[key] = told[key].map(asPacket);
    this.#emit(type, told);
  }

  #deliver = (/** @type {Packet} */ packet) => {
    if (packet.path !== TOKEN_PATH) this.#handlers.deliver(packet); // that one is the client's own
  };

  /**
   * @param {string} type
   * @param {object} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /**
   * @template {keyof import("./messages.js").CometEvents} K
   * @param {K} type
   * @returns {Promise<import("./messages.js").CometEvents[K]>} the detail of the next such event
   */
  #next(type) {
    return new Promise((resolve) => {
      this.addEventListener(type, (event) => resolve(event.detail), {
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
