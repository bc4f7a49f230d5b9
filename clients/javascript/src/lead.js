/**
 * The tab that leads: it holds the session for all of them, and says what another one would need to go on with it.
 *
 * 1. It takes the packets of each tab in the order of their numbers, each once. Of one that it has missed a packet of
 *    it takes none, until that tab sends again all that is not done with.
 * 2. It says which request takes which packets before the request goes out. So whoever takes over, repeats that
 *    request with the same packets, and the server, which knows its id, takes none twice.
 * 3. What comes from the server goes to all tabs before it is acknowledged.
 * 4. What a tab has asked for waits while there is no session.
 * 5. What only a tab wanted that has gone is wanted by nobody.
 * 6. While it is not sure that it leads it keeps its records to itself: one that has just come would take them for
 *    new. Nothing goes out meanwhile either.
 */

import { Holder } from "./holder.js";
import { runsOf, translate } from "./replica.js";

/** @typedef {import("./replica.js").Content} Content */
/** @typedef {{ from: string, id: number, verb: import("./backend.js").Verb, paths: string[] }} Ask */

/**
 * @typedef {object} Means
 * @property {(message: import("./talk.js").Message) => void} post to all tabs
 * @property {(message: any) => void} keep what is for this tab alone
 * @property {() => boolean} allowed whether it is sure that it leads; it is told when it is again (`goOn`)
 * @property {(tab: string) => void} watch say when a tab has gone (`gone`)
 */

/** It bounds what the tabs send that it holds the session for: each has limits of its own. */
const NO_LIMITS = { packets: Infinity, bytes: Infinity };

export class Lead {
  /** @type {Map<string, number>} Up to which number it has taken a tab's packets. */
  #received;
  /** @type {Set<string>} */
  #others = new Set();
  /** @type {Ask[]} Rule 4. */
  #waiting = [];
  #at = 0;
  /** Whether the next record is to say everything. */
  #informing = false;
  #lost;
  #term;
  #line;
  #holder;
  #replica;
  /** @type {(message: import("./talk.js").Message) => void} */
  #post;
  #keep;
  #watch;
  #allowed;
  #closing = false;

  /**
   * @param {string} url
   * @param {import("./holder.js").Chosen} options
   * @param {import("./replica.js").Replica} replica
   * @param {Means} means
   */
  constructor(url, options, replica, { post, keep, allowed, watch }) {
    const limits = { ...options.limits, ...NO_LIMITS };
    const journal = () => this.#record();
    this.#holder = new Holder(url, { ...options, limits }, (type, detail) => this.#tell(type, detail), {
      journal,
      allowed,
    });
    this.#replica = replica;
    this.#post = (message) => post({ ...message, term: this.#term });
    this.#keep = keep;
    this.#watch = watch;
    this.#allowed = allowed;
    this.#term = Math.max(replica.term + 1, options.environment.date()); // beyond the terms that a tab which slept has heard of
    this.#line = replica.record?.line ?? this.#term;
    this.#received = new Map(replica.record?.received);
    this.#lost = replica.lost;
  }

  /** Whether no other tab is there. */
  get alone() {
    return this.#others.size === 0;
  }

  /** @param {string} me @param {readonly string[]} others the tabs that are there */
  start(me, others) {
    for (const tab of others) this.#meet(tab);
    const { held, contents, record } = this.#replica;
    this.#holder.open(held);
    const owners = new Set((held?.paths ?? []).flatMap(([, tabs]) => tabs));
    for (const tab of owners) if (tab !== me && !this.#others.has(tab)) this.#drop(tab);
    if (record !== undefined)
      for (const [tab, packets] of contents) this.#take(tab, this.#received.get(tab) ?? 0, packets);
    this.#inform(); // one may have come while nobody led
  }

  /** Rule 1: `done` is up to which number the tab's packets are done with. @param {string} tab @param {number} done @param {readonly Content[]} packets */
  #take(tab, done, packets) {
    let received = Math.max(this.#received.get(tab) ?? 0, done);
    for (const { line, ...packet } of packets) {
      if (packet.n !== received + 1 || (line !== 0 && line !== this.#line)) continue;
      received += 1;
      this.#holder.queue.put([{ path: "", message: undefined, tab, ...packet }]);
    }
    this.#received.set(tab, received);
    this.#holder.flush();
  }

  /** @param {string} tab It is there. False if that was known. */
  #meet(tab) {
    if (this.#others.has(tab)) return false;
    this.#others.add(tab);
    this.#watch(tab);
    return true;
  }

  /** Say all that there is to know, to one that has come. */
  #inform() {
    this.#informing = true;
    this.#record();
  }

  /** @param {string} tab Rule 5. */
  gone(tab) {
    if (this.#others.delete(tab)) this.#drop(tab);
  }

  /** @param {string} tab */
  #drop(tab) {
    this.#holder.paths.drop(tab).catch(() => undefined); // updates that nobody has a handler for do no harm
  }

  /** @param {any} message what a tab says @param {boolean} mine whether it is this one */
  hear(message, mine) {
    const { kind, from } = message;
    if (kind === "here" && !mine && this.#meet(from)) this.#inform();
    else if (kind === "send") this.#take(from, message.done, message.packets);
    else if (kind === "ask") void this.#ask(message);
    else if (kind === "retry") this.#holder.retry();
    else if (kind === "settle") this.#holder.relieve();
    else if (kind === "ping") this.#post({ kind: "pong" });
    else if (kind === "bye") this.gone(from);
  }

  /** @param {Ask} ask */
  async #ask(ask) {
    if (this.#holder.sid === undefined) return void this.#waiting.push(ask);
    const { from: tab, id, verb, paths } = ask;
    const { paths: connected } = this.#holder;
    try {
      await (verb === "connect"
        ? connected.add(paths, Promise.resolve(), tab)
        : connected.remove(paths, tab));
      this.#post({ kind: "answer", tab, id });
    } catch (error) {
      const { message, paths: refused, final } = /** @type {import("./backend.js").ConnectError} */ (error);
      this.#post({ kind: "answer", tab, id, error: { message, paths: refused, final } });
    }
    this.#record();
  }

  networkIsBack() {
    this.#holder.networkIsBack();
  }

  /** It is sure again. */
  goOn() {
    this.#record();
    this.#holder.flush();
  }

  close() {
    if (this.#closing) return;
    this.#closing = true;
    this.#holder.close();
  }

  /** @param {string} reason */
  end(reason) {
    this.#holder.end(reason);
  }

  farewell() {
    this.#holder.farewell();
  }

  /** Leave the session to another tab, which may have come just now. */
  leave() {
    this.#inform();
    this.stop();
  }

  /** Another tab has it already. */
  stop() {
    this.#holder.leave();
  }

  // --- what it says

  /** Rules 2 and 6. */
  #record() {
    this.#at += 1;
    const record = {
      term: this.#term,
      at: this.#at,
      line: this.#line,
      state: this.#holder.state,
      wire: this.#holder.wire,
      held: translate(this.#holder.record, runsOf),
      received: [...this.#received],
      lost: this.#lost,
    };
    if (!this.#allowed()) return this.#keep({ record, contents: [] });
    const contents = this.#informing ? this.#replica.contents : [];
    this.#informing = false;
    this.#post({ kind: "record", record, contents });
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #tell(type, detail) {
    if (type === "state" && detail.state === "closed") return; // more is told of that in a moment
    if (type === "packets") return this.#post({ kind: "packets", sid: this.#holder.sid, ...detail });
    const told = { ...detail };
    for (const key of ["packets", "uncertain", "undelivered"]) if (key in told) told[key] = runsOf(told[key]);
    if (type === "retrying") told.cause = new Error(String(detail.cause?.message ?? detail.cause)); // it has to be cloned
    if (type !== "state" && type !== "open") this.#post({ kind: "event", type, detail: told });
    this.#record();
    if (type === "open" || type === "reopened")
      for (const ask of this.#waiting.splice(0)) void this.#ask(ask);
  }
}
