/**
 * Keeps one session going over connections that come and go: opens it, puts the requests that
 * `protocol.js` decides on onto the wire, watches over them, waits before another attempt, and opens
 * another session when the server has lost this one.
 *
 * 1. While a pause lasts nothing is sent. It begins when a request is lost or put off, and ends when its time
 *    is over, when nothing lost is left to repeat, or when the browser says that the network is back.
 * 2. An outcome belongs to the session that it was asked in: what comes after that one was given up is ignored.
 * 3. A request that is unanswered for longer than the server would hold it was lost without a sign,
 *    as happens when a phone changes networks; its watchdog gives it up.
 */

import { backoff } from "./backoff.js";
import { exchange } from "./exchange.js";
import { isTemporary, Session } from "./protocol.js";

/** @typedef {import("./protocol.js").Packet} Packet */
/** @typedef {import("./protocol.js").Refusal} Refusal */
/** @typedef {import("./queue.js").OutgoingPacket} OutgoingPacket */
/** @typedef {import("./queue.js").SendQueue} SendQueue */
/** @typedef {"connecting" | "open" | "reconnecting" | "closed"} State */
/** @typedef {ReturnType<typeof setTimeout>} Timer */

/**
 * What the connection does its work with.
 * @typedef {object} Means
 * @property {string} url the endpoint
 * @property {typeof globalThis.fetch} fetch
 * @property {(callback: () => void, milliseconds: number) => Timer} setTimeout
 * @property {(timer: Timer) => void} clearTimeout
 * @property {() => number} random
 * @property {RequestCredentials} credentials
 * @property {() => Promise<string | undefined> | string | undefined} token for the server's authenticator
 * @property {number | undefined} wait seconds that a request may be held, if less than the server's
 * @property {number} margin seconds on top of `wait` after which a request is given up
 * @property {{ base: number, cap: number }} backoff milliseconds
 */

/**
 * Whom the connection tells.
 * @typedef {object} Listener
 * @property {(state: State) => void} state
 * @property {(sid: string, lost: { reason: string, uncertain: OutgoingPacket[] } | undefined) => void} opened
 * @property {(packets: Packet[]) => void} packets
 * @property {(refusal: Refusal, packets: OutgoingPacket[]) => void} refused
 * @property {(reason: string, undelivered: OutgoingPacket[]) => void} ended
 */

const FIRST_RID = 1;

export class Connection {
  /** @type {State} */
  state = "closed";
  /** @type {Session | undefined} */
  #session;
  /** @type {{ reason: string, uncertain: OutgoingPacket[] } | undefined} The session that the next one replaces. */
  #replaced;
  #failedOpenings = 0;
  #wait = 0;
  /** @type {Timer | undefined} */
  #pause;
  /** Gives up all requests that are on the wire. */
  #flights = new AbortController();
  #means;
  #queue;
  #listener;

  /**
   * @param {Means} means
   * @param {SendQueue} queue
   * @param {Listener} listener
   */
  constructor(means, queue, listener) {
    this.#means = means;
    this.#queue = queue;
    this.#listener = listener;
  }

  /** The session's id, once there is one; whoever has it is that session. */
  get sid() {
    return this.#session?.sid;
  }

  open() {
    this.#enter("connecting");
    void this.#openSession();
  }

  /** Send what is queued, then end the session. */
  close() {
    if (this.#session === undefined) return this.end("closed");
    this.#session.close();
    this.#resume();
  }

  /** Send what `next` has, unless a pause lasts. */
  pump() {
    const session = this.#session;
    if (session === undefined || this.#pause !== undefined) return;
    for (let request = session.next(); request !== undefined; request = session.next()) {
      void this.#transmit(session, request);
    }
  }

  /**
   * The network is back, perhaps another one: do not wait any longer to try again, and do not trust
   * connections that may have died without a sign.
   */
  networkIsBack() {
    if (this.#pause === undefined) this.#giveUpFlights();
    else this.#resume();
  }

  /** The bodies to send when the page is about to vanish. */
  farewell() {
    return this.#session?.farewell() ?? [];
  }

  /** @param {string} reason End at once, whatever is still queued or unanswered. */
  end(reason) {
    if (this.state === "closed") return;
    const undelivered = [...(this.#session?.abandon() ?? []), ...this.#queue.drain()];
    this.#session = undefined;
    this.#stopPause();
    this.#giveUpFlights();
    this.#enter("closed");
    this.#listener.ended(reason, undelivered);
  }

  // --- opening a session

  async #openSession() {
    const outcome = await this.#askForSession();
    if (this.state === "closed") return;
    if (outcome.kind === "answer") return this.#opened(outcome.body);
    if (outcome.kind === "refusal" && !isTemporary(outcome.refusal)) return this.#openingRefused(outcome.refusal);
    this.#failedOpenings += 1;
    this.#pauseFor(this.#failedOpenings, outcome.retryAfter);
  }

  /** @returns {Promise<import("./exchange.js").Outcome>} */
  async #askForSession() {
    const { token, wait } = this.#means;
    try {
      return await this.#exchange(JSON.stringify({ rid: FIRST_RID, version: 1, wait, token: await token() }));
    } catch (cause) {
      return { kind: "lost", cause, retryAfter: 0 }; // the page's own `token` failed
    }
  }

  /** @param {Record<string, unknown>} body */
  #opened(body) {
    const { sid, requests, wait } = /** @type {{ sid: string, requests: number, wait: number }} */ (body);
    this.#session = new Session({ sid, requests }, FIRST_RID, this.#queue);
    this.#wait = wait;
    const replaced = this.#replaced;
    this.#replaced = undefined;
    this.#enter("open");
    this.#listener.opened(sid, replaced);
    this.pump();
  }

  /** @param {Refusal} refusal */
  #openingRefused(refusal) {
    this.#listener.refused(refusal, []);
    this.end(refusal.condition);
  }

  /** @param {string} reason why the server has no session any more */
  #replaceSession(reason) {
    const uncertain = this.#session?.abandon() ?? [];
    this.#session = undefined;
    this.#replaced = { reason, uncertain };
    this.#giveUpFlights();
    this.#failedOpenings += 1; // reset by the new session's first answer: a server that loses them all is not flooded
    this.#enter("reconnecting");
    this.#pauseFor(this.#failedOpenings, 0);
  }

  // --- exchanging

  /**
   * @param {Session} session
   * @param {import("./protocol.js").Request} request
   */
  async #transmit(session, request) {
    const outcome = await this.#exchange(session.body(request));
    if (session !== this.#session) return; // rule 2
    if (outcome.kind === "answer") return this.#answered(session, request, outcome.body);
    if (outcome.kind === "refusal") return this.#refused(session, request, outcome);
    session.lost(request);
    this.#putOff(session, request, outcome.retryAfter);
  }

  /**
   * @param {Session} session
   * @param {import("./protocol.js").Request} request
   * @param {Record<string, unknown>} body
   */
  #answered(session, request, body) {
    const fresh = session.answered(request, /** @type {import("./protocol.js").Answer} */ (body));
    this.#failedOpenings = 0;
    this.#enter("open");
    if (!session.anyLost) this.#stopPause();
    if (fresh.length > 0) this.#listener.packets(fresh);
    if (session !== this.#session) return; // a handler ended the connection
    if (request.close) return this.end("closed");
    this.pump();
  }

  /**
   * @param {Session} session
   * @param {import("./protocol.js").Request} request
   * @param {{ refusal: Refusal, retryAfter: number }} outcome
   */
  #refused(session, request, { refusal, retryAfter }) {
    const verdict = session.refused(request, refusal);
    switch (verdict.next) {
      case "retry":
        return this.#putOff(session, request, retryAfter);
      case "continue":
        this.#listener.refused(refusal, verdict.packets);
        return this.pump();
      case "reopen":
        return session.closing ? this.end(verdict.reason) : this.#replaceSession(verdict.reason);
      case "end":
        if (refusal.condition !== "session-ended") this.#listener.refused(refusal, []);
        return this.end(verdict.reason);
    }
  }

  /**
   * Send a lost request again after a while; one that need not be sent again costs no pause.
   *
   * @param {Session} session
   * @param {import("./protocol.js").Request} request
   * @param {number} retryAfter milliseconds
   */
  #putOff(session, request, retryAfter) {
    if (!session.anyLost) return this.pump();
    this.#enter("reconnecting");
    this.#pauseFor(request.attempts, retryAfter);
  }

  /**
   * One request under its watchdog (rule 3).
   * @param {string} body
   */
  async #exchange(body) {
    const { url, fetch, credentials, setTimeout, clearTimeout, margin } = this.#means;
    const flight = new AbortController();
    const giveUp = () => flight.abort();
    const watchdog = setTimeout(giveUp, (this.#wait + margin) * 1000);
    const { signal } = this.#flights;
    signal.addEventListener("abort", giveUp);
    try {
      return await exchange(fetch, url, body, { signal: flight.signal, credentials });
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener("abort", giveUp);
    }
  }

  #giveUpFlights() {
    this.#flights.abort();
    this.#flights = new AbortController();
  }

  // --- pauses

  /**
   * @param {number} attempt
   * @param {number} retryAfter milliseconds that the server asked for
   */
  #pauseFor(attempt, retryAfter) {
    if (this.#pause !== undefined) return;
    const delay = retryAfter + backoff(attempt, this.#means.backoff, this.#means.random);
    this.#pause = this.#means.setTimeout(() => this.#resume(), delay);
  }

  #resume() {
    this.#stopPause();
    if (this.#session === undefined) void this.#openSession();
    else this.pump();
  }

  #stopPause() {
    if (this.#pause !== undefined) this.#means.clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  /** @param {State} state */
  #enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.#listener.state(state);
  }
}
