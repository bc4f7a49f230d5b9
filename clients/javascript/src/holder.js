/**
 * Holds a session, for one page or for all tabs of a browser: its queue, its connection, and the paths that it is
 * connected to.
 *
 * What happens is told in the words of the client's events, and as "packets"; packets of the page's own are told of as
 * they are in the queue.
 */

import { ConnectedPaths } from "./connected_paths.js";
import { Connection } from "./connection.js";
import { SendQueue } from "./queue.js";

/** @typedef {ReturnType<typeof import("./options.js").withDefaults>} Chosen the options, with every default */
/** @typedef {(type: string, detail: any) => void} Tell */
/** @typedef {import("./connection.js").Replaced} Replaced */

/**
 * All that another tab needs to go on where this one was.
 * @typedef {object} HolderRecord
 * @property {import("./connection.js").ConnectionRecord | undefined} connection
 * @property {readonly import("./queue.js").OutgoingPacket[]} waiting
 * @property {Replaced | undefined} reopening what was lost, until everybody has been told
 * @property {import("./connected_paths.js").Wanted} paths
 */

export class Holder {
  /** @type {Connection | undefined} */
  #connection;
  /** @type {Replaced | undefined} */
  #reopening;
  #url;
  #options;
  #tell;
  #means;
  #flushing = false;

  /**
   * @param {string} url the endpoint
   * @param {Chosen} options
   * @param {Tell} tell
   * @param {{ journal: () => void, allowed: () => boolean } | {}} [means] where the session is shared
   */
  constructor(url, options, tell, means = {}) {
    this.#url = url;
    this.#options = options;
    this.#tell = tell;
    this.#means = means;
    this.queue = new SendQueue(options.limits, options.codec);
    this.paths = new ConnectedPaths(options.backend, () => this.sid);
  }

  get sid() {
    return this.#connection?.sid;
  }

  get state() {
    return this.#connection?.state ?? "closed";
  }

  get wire() {
    return this.#connection?.wire ?? "requests";
  }

  get unanswered() {
    return this.queue.unanswered;
  }

  /** @returns {HolderRecord} */
  get record() {
    return {
      connection: this.#connection?.record,
      waiting: this.queue.contents,
      reopening: this.#reopening,
      paths: this.paths.record,
    };
  }

  /**
   * Open a session, and keep trying until there is one.
   * @param {HolderRecord} [record] go on with this one, or its opening
   */
  open(record) {
    const tell = this.#tell;
    const { environment } = this.#options;
    const means = { ...this.#options, ...environment, ...this.#means, url: this.#url };
    const connection = new Connection(means, this.queue, {
      state: (state) => tell("state", { state }),
      opened: (sid, replaced) => void this.#opened(sid, replaced),
      retrying: (attempt, delay, cause) => tell("retrying", { attempt, delay, cause }),
      packets: (packets, last) => tell("packets", { packets, last }),
      refused: (refusal, packets) => tell("error", { ...refusal, packets }),
      ended: (reason, undelivered) => {
        // It may be another already, opened by who heard of the state "closed".
        if (this.#connection === connection) this.#connection = undefined;
        tell("close", { reason, undelivered });
      },
    });
    this.#connection = connection;
    if (record === undefined) return connection.open();
    this.queue.put(record.waiting);
    this.paths.resume(record.paths);
    connection.open(record.connection);
    const lost = record.reopening ?? record.connection?.replaced;
    if (lost !== undefined && this.sid !== undefined) void this.#opened(this.sid, lost);
  }

  /** @param {string} path @param {unknown} message @param {import("./queue.js").Wishes} wishes */
  send(path, message, wishes) {
    this.queue.append(path, message, wishes);
    this.flush();
  }

  /** Send in a moment, so that what one task sends goes out together. */
  flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#connection?.pump();
    });
  }

  /** @param {readonly string[]} paths @param {Promise<unknown>} opened */
  connect(paths, opened) {
    return this.paths.add(paths, opened);
  }

  /** @param {readonly string[]} paths */
  disconnect(paths) {
    return this.paths.remove(paths);
  }

  retry() {
    this.#connection?.retry();
  }

  relieve() {
    this.#connection?.relieve();
  }

  networkIsBack() {
    this.#connection?.networkIsBack();
  }

  close() {
    this.#connection?.close();
  }

  /** @param {string} reason */
  end(reason) {
    this.#connection?.end(reason);
  }

  /** Stop, and say nothing: another tab goes on. */
  leave() {
    this.#connection?.leave();
    this.#connection = undefined;
  }

  /** The page goes, and its requests with it; beacons outlive it. */
  farewell() {
    const { codec, environment } = this.#options;
    this.#connection?.farewell((body) => environment.sendBeacon(this.#url, codec.beacon(body)));
    this.#connection?.end("closed");
  }

  /** @param {string} type an event of the page's @param {boolean} kept whether the page comes back, or is back */
  onPage(type, kept) {
    if (type === "pagehide" && !kept && this.#options.closeOnPageHide) this.farewell();
    if (type === "online" || (type === "pageshow" && kept)) this.networkIsBack();
  }

  /**
   * @param {string} sid
   * @param {Replaced | undefined} replaced
   */
  async #opened(sid, replaced) {
    if (replaced === undefined) return this.#tell("open", { sid });
    this.#reopening = replaced;
    const errors = await this.paths.restore();
    if (this.sid !== sid) return; // lost as well: the next one restores the paths, and says so
    this.#reopening = undefined;
    for (const error of errors)
      this.#tell("error", { condition: "connect-failed", detail: String(error), packets: [] });
    const missing = errors.flatMap(({ paths }) => paths);
    this.#tell("reopened", { ...replaced, missing });
  }
}
