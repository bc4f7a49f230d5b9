/**
 * Keeps one session going over connections that come and go: opens it, puts the requests that
 * `protocol.js` decides on onto the wire, waits before another attempt, and opens another session when
 * the server has lost this one.
 *
 * 1. While a pause lasts nothing is sent. It begins when a request is lost or put off, and ends when its time
 *    is over, when nothing lost is left to repeat, or when the browser says that the network is back.
 *    Pauses grow with failures that follow one another; a request that was held for long before it failed, such as
 *    by a proxy's time-out, begins anew, and so does an answer.
 * 2. An outcome belongs to the session that it was asked in: what comes after that one was given up is ignored.
 *    So does another token that the server has asked for.
 * 3. A request that is lost without a sign has to be found out before the server misses it, `die` seconds after
 *    it held the last one. So `margin` is a third of `die` at most, and a request that could be held for
 *    longer than `die` less two margins is relieved by another one before.
 * 4. Another client may go on with the session if this one dies (`tabs.js`). So before requests go out, `journal` is
 *    told, for it to keep the record of what they are. Nothing goes out while that other client may have taken over
 *    (`allowed`).
 * 5. A session begins with requests that are held. When a better wire is to be had (`wires.js`), it is attached; from
 *    when it is asked for until it says that it is there, or breaks, nothing else goes out. When it breaks a request is made
 *    at once, to be held.
 * 6. A session that can go on at another process of the server may have done so before a better wire knows it: when an
 *    answer says so, that wire is left, and another one attached.
 */

import { Alarm } from "./alarm.js";
import { backoff } from "./backoff.js";
import { isTemporary } from "./conditions.js";
import { causeOf } from "./exchange.js";
import { Flights, USUAL_DIE, patienceFor } from "./flights.js";
import { Session } from "./protocol.js";
import { Renewal, TOKEN_PATH } from "./renewal.js";
import { LAST_WORDS } from "./request.js";
import { Wires } from "./wires.js";

/** @typedef {import("./means.js").State} State */
/** @typedef {import("./means.js").Replaced} Replaced */
/** @typedef {import("./means.js").ConnectionRecord} ConnectionRecord */

const FIRST_RID = 1;

/** A request that was on its way for this long has been held: what breaks it is no sign of trouble (seconds). */
const HELD_LONG = 10;

export class Connection {
  /** @type {State} */
  state = "closed";
  /** @type {Session | undefined} */
  #session;
  /** @type {Replaced | undefined} What the next session replaces. */
  #replaced;
  #times = { wait: 0, die: USUAL_DIE };
  #failedOpenings = 0;
  /** How many requests in a row have failed, since the last one that did not (rule 1). */
  #failures = 0;
  #patience = patienceFor(0, USUAL_DIE, 0);
  #relief;
  #pause;
  #wires;
  /** @type {string | undefined} What the last session was asked for with. */
  #token;
  #flights;
  #renewal;
  #means;
  #queue;
  #listener;

  /**
   * @param {import("./means.js").Means} means
   * @param {import("./queue.js").SendQueue} queue
   * @param {import("./means.js").Listener} listener
   */
  constructor(means, queue, listener) {
    this.#means = means;
    this.#flights = new Flights(means);
    this.#renewal = new Renewal(means);
    this.#relief = new Alarm(means);
    this.#pause = new Alarm(means);
    this.#wires = new Wires(means, this);
    this.#queue = queue;
    this.#listener = listener;
  }

  /** The session's id, once there is one; whoever has it is that session. */
  get sid() {
    return this.#session?.sid;
  }

  /** What carries the session. */
  get wire() {
    return this.#session?.wire ?? "requests";
  }

  /** @returns {ConnectionRecord} Rule 4. */
  get record() {
    return { session: this.#session?.record, replaced: this.#replaced, ...this.#times };
  }

  /** @param {ConnectionRecord} [record] Go on where another client was (rule 4). */
  open({ session, replaced, wait, die } = { session: undefined, replaced: undefined, ...this.#times }) {
    if (session === undefined) {
      this.#replaced = replaced;
      this.#enter(replaced === undefined ? "connecting" : "reconnecting");
      return void this.#openSession();
    }
    this.#session = Session.resume(session, this.#queue);
    this.#agreeOnTimes(wait, die);
    this.#enter("open");
    if (session.renewalDue) this.#renew(this.#session);
    this.#begin(this.#session);
  }

  /** @param {Session} session Rule 5. */
  #begin(session) {
    this.pump();
    if (session === this.#session) this.#wires.start(session, this.#patience.margin);
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
    const { journal, allowed } = this.#means;
    if (session === undefined || this.#pause.isSet || this.#wires.attaching || allowed?.() === false) return;
    const requests = [];
    for (let request = session.next(); request !== undefined; request = session.next()) {
      requests.push(request);
    }
    if (requests.length > 0) journal?.();
    if (session !== this.#session) return;
    for (const request of requests) void this.#transmit(session, request);
  }

  /**
   * The network is back, perhaps another one: do not wait any longer to try again, and do not trust
   * connections that may have died without a sign.
   */
  networkIsBack() {
    if (this.#pause.isSet) this.#resume();
    else this.#flights.giveUp();
    this.#wires.networkIsBack();
  }

  /** Have the server answer what it holds, so that it is known what it has. */
  relieve() {
    this.#session?.relieve();
    this.pump();
  }

  /** Try again now, if a pause lasts. */
  retry() {
    if (this.#pause.isSet) this.#resume();
  }

  /**
   * The page is about to vanish: send what can be sent.
   * @param {(body: import("./json.js").Written) => boolean} send whether the browser has taken it
   */
  farewell(send) {
    const session = this.#session;
    if (session === undefined) return;
    this.#wires.stop();
    const bodies = session.farewell(LAST_WORDS);
    const taken = bodies.map(send);
    if (!taken.at(-1)) send(session.shortFarewell());
  }

  /** @param {string} reason End at once, whatever is still queued or unanswered. */
  end(reason) {
    if (this.state === "closed") return;
    this.#means.journal?.(); // what has arrived is not undelivered
    const undelivered = [...(this.#session?.abandon() ?? []), ...this.#queue.drain()];
    this.leave();
    this.#listener.state(this.state);
    this.#listener.ended(reason, undelivered);
  }

  /** Stop, and leave the session to whoever goes on with it (rule 4). */
  leave() {
    this.#session = undefined;
    this.#pause.clear();
    this.#dropSession();
    this.state = "closed";
  }

  /** Whatever goes on for the session that was. */
  #dropSession() {
    this.#wires.stop();
    this.#relief.clear();
    this.#renewal.stop();
    this.#flights.giveUp();
  }

  /** A better wire is there: nothing is held any more (rule 5). */
  attached() {
    this.#relief.clear();
    this.pump();
  }

  // --- opening a session

  async #openSession() {
    const outcome = await this.#askForSession();
    if (this.state === "closed") return;
    if (outcome.kind === "answer") return this.#opened(outcome.body);
    if (outcome.kind === "refusal" && !isTemporary(outcome.refusal)) {
      this.#listener.refused(outcome.refusal, []);
      return this.end(outcome.refusal.condition);
    }
    this.#failedOpenings += 1;
    this.#pauseFor(this.#failedOpenings, outcome.retryAfter, causeOf(outcome));
  }

  /** @returns {Promise<import("./exchange.js").Outcome>} */
  async #askForSession() {
    const { token, wait, margin, codec, resume } = this.#means;
    try {
      this.#token = await token();
      const opening = { rid: FIRST_RID, version: 1, wait, token: this.#token, resume };
      return await this.#flights.send(codec.body(opening), { hold: 0, margin });
    } catch (cause) {
      return { kind: "lost", cause, retryAfter: 0 }; // the page's own `token` failed
    }
  }

  /** @param {Record<string, unknown>} body */
  #opened(body) {
    const { sid, requests, packets, gen } =
      /** @type {{ sid: string, requests: number, packets?: number, gen?: number }} */ (body);
    const boundTo = body["bind"] === "token" ? this.#token : undefined;
    const session = new Session({ sid, requests, packets, boundTo, gen }, FIRST_RID, this.#queue);
    this.#session = session;
    this.#agreeOnTimes(Number(body["wait"]), Number(body["die"] ?? USUAL_DIE));
    this.#enter("open");
    this.#listener.opened(sid, this.#replaced);
    this.#replaced = undefined; // and not before: it is in the records until others know
    this.#begin(session);
  }

  /**
   * Rule 3.
   * @param {number} wait seconds that the server holds a request at most
   * @param {number} die seconds that it keeps a session for which it holds none
   */
  #agreeOnTimes(wait, die) {
    this.#times = { wait, die };
    this.#patience = patienceFor(wait, die, this.#means.margin);
  }

  /**
   * @param {string} reason why the server has no session any more
   * @param {number} [retryAfter] milliseconds after which it wants to be asked for another
   */
  #replaceSession(reason, retryAfter = 0) {
    const uncertain = this.#session?.abandon() ?? [];
    this.#session = undefined;
    this.#replaced = { reason, uncertain };
    this.#dropSession();
    this.#failedOpenings += 1; // until the next session's first answer: who loses them all is not flooded
    this.#enter("reconnecting");
    const cause = new Error(`The server has lost the session: ${reason}.`);
    this.#pauseFor(this.#failedOpenings, retryAfter, cause);
  }

  // --- exchanging

  /**
   * @param {Session} session
   * @param {import("./protocol.js").Request} request
   */
  async #transmit(session, request) {
    const body = session.body(request);
    if (this.#wires.takes(body)) return;
    const held = session.wire === undefined;
    if (held) this.#startRelief();
    const outcome = await this.#flights.send(body, { ...this.#patience, ...(held ? {} : { hold: 0 }) });
    if (session !== this.#session) return; // rule 2
    if (outcome.kind === "answer") return this.#answered(session, request, outcome.body);
    if (outcome.seconds >= HELD_LONG) this.#failures = 0;
    if (outcome.kind === "refusal") return this.refused(request, outcome);
    session.lost(request);
    this.#putOff(session, outcome);
  }

  /** Rule 3: each request that goes out begins the time anew. */
  #startRelief() {
    this.#relief.clear();
    const { reliefAfter } = this.#patience;
    if (reliefAfter !== undefined) this.#relief.set(reliefAfter * 1000, () => this.relieve());
  }

  /**
   * @param {Session} session
   * @param {import("./protocol.js").Request} request
   * @param {Record<string, unknown>} body
   */
  #answered(session, request, body) {
    const fresh = session.answered(request, /** @type {import("./protocol.js").Answer} */ (body));
    this.received(fresh, request.close);
  }

  /**
   * @param {import("./protocol.js").Packet[]} fresh
   * @param {boolean} closed whether the request that closes the session has been answered
   */
  received(fresh, closed) {
    const session = /** @type {Session} */ (this.#session);
    this.#failedOpenings = 0;
    this.#failures = 0;
    if (session.hasGap) return this.#replaceSession("gap");
    if (session.isStale) this.#wires.networkIsBack();
    if (!session.anyLost) this.#pause.clear();
    if (fresh.some(({ path }) => path === TOKEN_PATH)) this.#renew(session);
    if (fresh.length > 0) this.#listener.packets(fresh, session.ack); // before any record that has acknowledged them
    if (session === this.#session) this.#enter("open");
    if (session !== this.#session) return; // a handler ended the connection
    this.#means.journal?.();
    if (session !== this.#session) return;
    if (closed) return this.end("closed");
    this.pump();
  }

  /** @param {Session} session */
  #renew(session) {
    session.renewalDue = true;
    this.#renewal.start((token) => {
      session.renew(token);
      this.pump();
    });
  }

  /**
   * @param {import("./protocol.js").Request} request
   * @param {import("./exchange.js").Refused} outcome
   */
  refused(request, outcome) {
    const session = /** @type {Session} */ (this.#session);
    const { refusal } = outcome;
    const verdict = session.refused(request, refusal);
    switch (verdict.next) {
      case "retry":
        return this.#putOff(session, outcome);
      case "continue":
        this.#listener.refused(refusal, verdict.packets);
        return this.pump();
      case "reopen":
        return session.closing
          ? this.end(verdict.reason)
          : this.#replaceSession(verdict.reason, outcome.retryAfter);
      case "end":
        if (refusal.condition !== "session-ended") this.#listener.refused(refusal, []);
        return this.end(verdict.reason);
    }
  }

  /**
   * Send a lost request again after a while; one that need not be sent again costs no pause.
   *
   * @param {Session} session
   * @param {import("./exchange.js").Failed} outcome
   */
  #putOff(session, outcome) {
    if (!session.anyLost || session.wire === "websocket") return this.pump();
    this.#enter("reconnecting");
    if (this.#pause.isSet) return;
    this.#failures += 1;
    this.#pauseFor(this.#failures, outcome.retryAfter, causeOf(outcome));
  }

  // --- pauses

  /**
   * @param {number} attempt
   * @param {number} retryAfter milliseconds that the server asked for
   * @param {unknown} cause
   */
  #pauseFor(attempt, retryAfter, cause) {
    if (this.#pause.isSet) return;
    const delay = retryAfter + backoff(attempt, this.#means.backoff, this.#means.random);
    this.#pause.set(delay, () => this.#resume());
    this.#listener.retrying(attempt, delay, cause);
  }

  #resume() {
    this.#pause.clear();
    if (this.#session === undefined) void this.#openSession();
    else this.pump();
  }

  /** @param {State} state */
  #enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.#listener.state(state);
  }
}
