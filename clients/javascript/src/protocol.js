/**
 * The client's half of a session: which request goes out when, and what its answer means.
 *
 * 1. At least one request is unanswered, for the server to hold, and at most `requests`.
 * 2. A new request takes the next id. It is made when there is something to send and room for it, or
 *    when none is unanswered. So the request that carries packets becomes the one that is held when
 *    the server releases the other, and no further one is made.
 * 3. A request that was lost, with or without its answer, is sent again with the same id and the same
 *    packets: the server processes an id once. The lowest id goes first.
 * 4. The server processes ids in order. So an answer to one says that all before it were processed,
 *    and such a request, once lost, is forgotten instead of sent again: what its answer carried
 *    comes with the next one, because it was never acknowledged.
 * 5. `ack` is always the highest packet number received, in repeated requests too. Packets numbered at or
 *    below it are dropped. So each comes once and in order, whatever is lost, repeated or late.
 * 6. An error changes nothing on the server, which goes on expecting the id of the refused request. So
 *    that id is used again; if the request's packets were at fault, without them, and the caller is told.
 * 7. While a request is being repeated, a new one carries nothing: it makes the server answer the other, and
 *    until it does packets stay in the queue. So if the server has gone, and this session with it, they are
 *    still there for the next one; only what was on the wire when it went may or may not have arrived.
 * 8. A request that the server holds for long is relieved by another, which carries nothing: so a request that was lost
 *    without a sign is found out before the server gives the session up.
 * 9. Another token goes with one request. If it is refused, the same request is sent without it. Where the
 *    server binds sessions to their token, every request carries the latest one.
 * 10. While a better wire is attached, that is what the server writes to, so no request is made for that alone. Over a
 *    WebSocket requests go as well, and are answered by the highest id that was processed; when it breaks, those that
 *    were not are lost. Beside a stream they go by themselves, and are not held. A request that left before the wire was
 *    attached may come to the server after that, which then holds it and releases the wire. Whether this is why it broke
 *    nobody knows here, nor whether that request has arrived at all: so it is relieved at once, as by rule 8.
 * 11. Another client may go on with the session, from its record as it was before the latest request went out:
 *    every request in it may have been sent, and is sent again.
 *
 * 12. A session that can go on at another process of the server has a generation, which grows with each. Every request
 *    says which is the highest that this client has seen, how far it has come (`at`, as the server has told it, which
 *    leaves it out where it is as before), and up to which id requests were answered. Packets of an older generation are
 *    dropped: the process of the newer one numbers them anew, from what this client has said that it has. A better wire is
 *    of the generation that its hello has said. If that is a newer one, it brings nothing before this client has said where
 *    it is (`place`); and one of an older one is of no use any more (`isStale`).
 *
 * Pure: no connection, no clock. The caller sends what `next` returns and reports how each ended.
 * Source: XEP-0124, sections 11 and 14, and the acknowledgements of CSP.
 */

import { isAboutPackets, isTemporary, needsAnotherSession } from "./conditions.js";
import { Request } from "./request.js";
import { sizeOf } from "./size.js";

export { Request };

/** @typedef {import("./queue.js").OutgoingPacket} OutgoingPacket */
/** @typedef {{ path: string, message: any, ask?: string }} Packet */
/** @typedef {{ seq?: number, packets: Packet[], gen?: number | undefined, at?: string | undefined }} Answer */
/** @typedef {import("./conditions.js").Refusal} Refusal */
/** @typedef {import("./request.js").Verdict} Verdict */
/** @typedef {import("./request.js").SessionRecord} SessionRecord */

/** How many packets one request may have where the server does not say. */
const USUAL_PACKETS = 256;

export class Session {
  /** @type {Request[]} Unanswered, in the order of their ids. */
  #unanswered = [];
  #highestAnswered;
  #nextRid;
  #ack = 0;
  #closing = false;
  /** @type {import("./wires.js").Wire | undefined} What is attached in place of held requests (rule 10). */
  wire;
  /** The number of the next packet on that wire, where the server does not say. */
  #nextPushed = 1;
  /** @type {number | undefined} Rule 12: the generation of that wire. */
  #pushedGen;
  /** Rule 8: whether the next request is made although there is nothing to say. */
  #relief = false;
  /** @type {string | undefined} Another token, until a request takes it. */
  #another;
  /** @type {string | undefined} What every request carries. */
  #boundTo;
  /** Whether the server has asked for another token, and has not had one. */
  renewalDue = false;
  /** Whether the server takes packets for acknowledged that have not come: this and it do not mean the same any more. */
  hasGap = false;
  /** Rule 11: that somebody has closed the session was not this client's wish. */
  #inherited = false;
  #mostPackets;
  #queue;
  /** @type {string | undefined} Rule 12. */
  #at;

  /**
   * @param {{ sid: string, requests: number, packets?: number | undefined, boundTo?: string | undefined,
   *   gen?: number | undefined }} opened the server's answer to the opening request, and the token that the session is
   *   bound to, if it is
   * @param {number} firstRid the id of that request
   * @param {import("./queue.js").SendQueue} queue
   */
  constructor(opened, firstRid, queue) {
    this.sid = opened.sid;
    this.requests = opened.requests;
    /** Rule 12; undefined if it has none. */
    this.gen = opened.gen;
    this.#mostPackets = opened.packets ?? USUAL_PACKETS;
    this.#boundTo = opened.boundTo;
    this.#nextRid = firstRid + 1;
    this.#highestAnswered = firstRid;
    this.#queue = queue;
  }

  /**
   * Rule 11.
   * @param {SessionRecord} record
   * @param {import("./queue.js").SendQueue} queue counts the packets of its requests from now on
   */
  static resume(record, queue) {
    const session = new Session(record, record.nextRid - 1, queue);
    session.renewalDue = record.renewalDue;
    session.#inherited = true;
    session.#highestAnswered = record.highestAnswered;
    session.#ack = record.ack;
    session.#at = record.at;
    for (const { rid, packets, close } of record.unanswered) {
      queue.adopt(packets);
      session.#unanswered.push(Object.assign(new Request(rid, packets, close), { attempts: 1 }));
    }
    return session;
  }

  /** @returns {SessionRecord} Rule 11. */
  get record() {
    return {
      sid: this.sid,
      requests: this.requests,
      packets: this.#mostPackets,
      boundTo: this.#boundTo,
      renewalDue: this.renewalDue,
      nextRid: this.#nextRid,
      highestAnswered: this.#highestAnswered,
      ...this.place,
      unanswered: this.#unanswered.map(({ rid, packets, close }) => ({ rid, packets, close })),
    };
  }

  /** The highest packet number received. */
  get ack() {
    return this.#ack;
  }

  /** How many requests are unanswered, on the wire or lost. */
  get unanswered() {
    return this.#unanswered.length;
  }

  /** Whether a request waits to be sent again. */
  get anyLost() {
    return this.#unanswered.some((request) => !request.onTheWire);
  }

  /** Whether a request on a WebSocket is not confirmed. */
  get anyOnSocket() {
    return this.#unanswered.some(({ onTheWire, onSocket }) => onTheWire && onSocket);
  }

  /** @param {number} rid */
  unansweredRequest(rid) {
    return this.#unanswered.find((request) => request.rid === rid);
  }

  /** Whether `close` was called. */
  get closing() {
    return this.#closing;
  }

  /** End the session with the request that takes the last of the queue. */
  close() {
    this.#closing = true;
  }

  /** Rule 8: have the held request answered. */
  relieve() {
    this.#relief = true;
  }

  /** @param {string} token Rule 9. */
  renew(token) {
    this.#another = token;
    if (this.#boundTo !== undefined) this.#boundTo = token;
  }

  /**
   * The request to send now, if there is one; it counts as sent. Call again until there is none.
   * @returns {Request | undefined}
   */
  next() {
    const request = this.#unanswered.find((one) => !one.onTheWire) ?? this.#makeRequest();
    if (request === undefined) return undefined;
    request.onTheWire = true;
    request.onSocket = this.wire === "websocket";
    request.attempts += 1;
    request.wasFirst = request === this.#unanswered[0];
    return request;
  }

  /** Rule 7: whether the server is there is not known. */
  get #inDoubt() {
    return this.#unanswered.some(({ attempts }) => attempts > 1);
  }

  #makeRequest() {
    const last = this.#unanswered.at(-1);
    const roomForMore = this.#unanswered.length < this.requests && !last?.close;
    const somethingToSay = this.#queue.waiting > 0 || this.#closing || this.#another !== undefined;
    const wanted = roomForMore && (somethingToSay || this.#relief);
    if (roomForMore) this.#relief = false;
    if ((last !== undefined || this.wire) && !wanted) return undefined;
    const sure = !this.#inDoubt;
    const packets = sure ? this.#queue.takeBatch(this.#mostPackets) : [];
    const request = new Request(this.#nextRid, packets, sure && this.#closing && this.#queue.waiting === 0);
    if (sure) {
      request.token = this.#another;
      this.#another = undefined;
    }
    this.#nextRid += 1;
    this.#unanswered.push(request);
    return request;
  }

  /**
   * The body of a request as it is now: the acknowledgement moves on between attempts.
   * @param {Request} request
   */
  body(request) {
    const sid = this.wire === "websocket" ? undefined : this.sid; // the socket has been told
    const hold = this.wire === "stream" ? false : undefined;
    const token = this.#boundTo ?? request.token;
    const done = this.gen && this.#highestAnswered;
    return request.body(this.#queue.codec, { sid, ...this.place, token, hold, done });
  }

  /** What attaches a better wire. */
  get attachment() {
    return this.#queue.codec.body({ sid: this.sid, ...this.place, token: this.#boundTo });
  }

  /** What a sign of life says. */
  get place() {
    return { ack: this.#ack, gen: this.gen, at: this.#at };
  }

  /** Rule 12. */
  get isStale() {
    return /** @type {number} */ (this.#pushedGen) < /** @type {number} */ (this.gen);
  }

  /**
   * The requests up to one have been processed (rule 10).
   * @param {number} rid
   */
  confirmed(rid) {
    const done = this.#unanswered.filter((request) => request.rid <= rid);
    for (const request of done) this.answered(request, { packets: [] });
    return done;
  }

  /**
   * Packets came on the better wire.
   * @param {Answer} body
   * @returns {Packet[]} those that are new, in order
   */
  pushed(body) {
    const { seq = this.#nextPushed, gen = this.#pushedGen } = body;
    this.#nextPushed = seq + body.packets.length;
    this.#pushedGen = gen;
    return this.#fresh({ ...body, seq, gen });
  }

  /** The better wire broke, if there was one: what was not confirmed on it is lost, what is held is relieved. */
  detached() {
    if (this.wire === undefined) return;
    this.wire = this.#pushedGen = undefined;
    for (const request of [...this.#unanswered]) if (request.onSocket) this.lost(request);
    this.#relief ||= this.#unanswered.length > 0 && !this.anyLost;
  }

  /**
   * A request was answered.
   * @param {Request} request
   * @param {Answer} answer
   * @returns {Packet[]} the packets that are new, in order
   */
  answered(request, answer) {
    this.#highestAnswered = Math.max(this.#highestAnswered, request.rid);
    if (request.token !== undefined) this.renewalDue = false;
    this.#forget(request);
    for (const other of this.#unanswered.filter((one) => !one.onTheWire)) this.#forgetIfProcessed(other);
    return this.#fresh(answer);
  }

  /** @param {Answer} answer Rules 5 and 12. */
  #fresh(answer) {
    this.hasGap = false;
    const gen = /** @type {number} */ (answer.gen ?? this.gen);
    if (gen < /** @type {number} */ (this.gen)) return [];
    const known = this.#ack + 1 - (answer.seq ?? this.#ack + 1);
    this.hasGap = known < 0;
    const fresh = this.hasGap ? [] : answer.packets.slice(known); // after a gap none is taken
    this.#ack += fresh.length;
    if (!this.hasGap) this.gen = gen;
    if (fresh.length > 0) this.#at = answer.at ?? this.#at;
    return fresh;
  }

  /**
   * A request got no answer; whether the server processed it is not known.
   * @param {Request} request
   */
  lost(request) {
    request.onTheWire = false;
    this.#forgetIfProcessed(request);
  }

  /** @param {Request} request Rule 4. */
  #forgetIfProcessed(request) {
    if (request.rid < this.#highestAnswered) this.#forget(request);
  }

  /** @param {Request} request */
  #forget(request) {
    this.#unanswered = this.#unanswered.filter((one) => one !== request);
    this.#queue.release(request.packets);
  }

  /**
   * A request was answered with an error.
   * @param {Request} request
   * @param {Refusal} refusal
   * @returns {Verdict}
   */
  refused(request, refusal) {
    request.onTheWire = false;
    const { condition, reason = condition } = refusal;
    // Out of the window because one before it is missing: both are sent again. That one may have been
    // answered since, so what counts is how it was when this one was sent. If none was missing then,
    // the server and this client do not mean the same session any more.
    const cameEarly = condition === "rid-out-of-window" && !request.wasFirst;
    if (isTemporary(refusal) || cameEarly) {
      this.#forgetIfProcessed(request);
      return { next: "retry" };
    }
    if (condition === "unauthorized" && request.token !== undefined) {
      request.token = undefined;
      this.renewalDue = false;
      return { next: "continue", packets: [] };
    }
    if (isAboutPackets(refusal) && request.packets.length > 0) return this.#refusePackets(request);
    if (condition === "unknown-session") this.#putBackUntried(request);
    this.#highestAnswered = Math.max(this.#highestAnswered, refusal.processed ?? 0); // as an answer would have said
    if (reason === "closed" && this.#closing) this.#settle(); // by an earlier attempt, whose answer was lost
    const another = needsAnotherSession(refusal) || (reason === "closed" && this.#inherited);
    return { next: another ? "reopen" : "end", reason };
  }

  /**
   * Rule 6. All packets of the request go, because those of a later request may be on the wire already,
   * and to try some of these again would put them behind those.
   *
   * @param {Request} request
   * @returns {Verdict}
   */
  #refusePackets(request) {
    const { packets } = request;
    this.#queue.release(packets);
    request.packets = [];
    return { next: "continue", packets };
  }

  /** @param {Request} request A first attempt that found no session was certainly not processed. */
  #putBackUntried(request) {
    if (request.attempts > 1) return;
    this.#queue.putBack(request.packets);
    request.packets = [];
  }

  /**
   * What to send when the page is about to vanish with its connections: each unanswered request once more, since one
   * that did not arrive would keep the server waiting for it, and one that closes the session with what is queued.
   *
   * A request that is on the wire and does not fit is left out: it may have arrived. What of the queue does not
   * fit stays there.
   *
   * @param {number} room bytes that there is room for
   * @returns {import("./json.js").Written[]} bodies, in order
   */
  farewell(room) {
    const last = new Request(this.#nextRid, [], true);
    let left = room - sizeOf(this.body(last));
    const bodies = [];
    for (const request of this.#unanswered) {
      const body = this.body(request);
      if (sizeOf(body) > left && request.onTheWire) continue;
      bodies.push(body);
      left -= sizeOf(body);
    }
    last.packets = this.#queue.takeBatch(this.#mostPackets, Math.max(left, 0));
    this.#unanswered.push(last);
    return [...bodies, this.body(last)];
  }

  /**
   * The browser did not take the last of these bodies: put its packets back.
   * @returns {import("./json.js").Written} what closes the session without them
   */
  shortFarewell() {
    const last = /** @type {Request} */ (this.#unanswered.at(-1));
    this.#queue.putBack(last.packets);
    last.packets = [];
    return this.body(last);
  }

  /**
   * Give the session up.
   * @returns {OutgoingPacket[]} the packets that the server may or may not have processed
   */
  abandon() {
    const uncertain = this.#unanswered
      .filter(({ rid }) => rid > this.#highestAnswered) // rule 4
      .flatMap(({ packets }) => packets);
    this.#settle();
    return uncertain;
  }

  /** Count everything as done with. */
  #settle() {
    this.#queue.release(this.#unanswered.flatMap(({ packets }) => packets));
    this.#unanswered = [];
  }
}
