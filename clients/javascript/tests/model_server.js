/**
 * A model of the server's half of a session, as near to the protocol's words as code can be: what the
 * client must get along with, without the server's machinery. The client is tested against the real
 * server too; this one can be stopped, doubled and starved between any two steps.
 */

/** @typedef {{ path: string, message: any }} Packet */
/** @typedef {{ sid: string, rid: number, ack: number, packets: Packet[], close?: boolean }} Body */
/** @typedef {{ status: number, body: Record<string, any> }} Response */
/** @typedef {(response: Response) => void} Respond */

export class ModelSession {
  /** @type {any[]} What the application was handed. */
  received = [];
  closed = false;
  #reason = "closed";
  /** @type {any[]} Not acknowledged yet. */
  #outbox = [];
  #acknowledged = 0;
  #sent = 0;
  /** @type {Respond | undefined} */
  #held;
  /** @type {((body: Record<string, any>) => void) | undefined} Writes to the stream that is attached. */
  #stream;
  /** @type {Map<number, { body: Body, respond: Respond, hold: boolean }>} */
  #early = new Map();
  #expected;

  /** @param {number} firstRid @param {number} requests */
  constructor(firstRid = 1, requests = 2) {
    this.#expected = firstRid + 1;
    this.requests = requests;
  }

  get holds() {
    return this.#held !== undefined || this.#stream !== undefined;
  }

  /** @param {number} ack @param {(body: Record<string, any>) => void} write A stream takes the place of what is held. */
  attach(ack, write) {
    this.#acknowledge(ack);
    if (this.#held) this.#release()({ status: 200, body: { packets: [] } });
    this.#stream?.({ released: true });
    this.#stream = write;
    write({ seq: this.#acknowledged + 1, packets: [] });
    if (this.#outbox.length > 0) write({ packets: [...this.#outbox] });
    this.#sent = this.#acknowledged + this.#outbox.length;
  }

  /** @param {(body: Record<string, any>) => void} write The stream broke, if it is the one that is attached. */
  drop(write) {
    if (this.#stream === write) this.#stream = undefined;
  }

  /** @param {any} body @param {(body: Record<string, any>) => void} write A frame of a stream came. */
  hear(body, write) {
    if (body.rid === undefined) return this.#acknowledge(body.ack);
    const answered = (/** @type {Response} */ { status, body: answer }) =>
      write(status === 200 ? { rid: body.rid } : { ...answer, rid: body.rid });
    this.receive(body, answered, false);
  }

  /** @param {any} message A packet for the client. */
  push(message) {
    this.#outbox.push({ path: "news", message });
    if (this.#held) this.#answer(this.#release());
    else if (this.#stream) {
      this.#stream({ packets: [this.#outbox.at(-1)] });
      this.#sent += 1;
    }
  }

  /** @param {Body} body @param {Respond} respond @param {boolean} [hold] */
  receive(body, respond, hold = true) {
    const { rid, ack, packets, close } = body;
    if (this.closed) return respond(refusal(410, "session-ended", { reason: this.#reason }));
    if (rid >= this.#expected + this.requests) return respond(refusal(409, "rid-out-of-window"));
    if (rid > this.#expected) {
      this.#early.get(rid)?.respond(refusal(409, "rid-out-of-window"));
      return void this.#early.set(rid, { body, respond, hold });
    }
    if (ack > this.#sent) return respond(refusal(400, "bad-ack"));
    this.#acknowledge(ack);
    const isNew = rid === this.#expected;
    if (isNew) this.received.push(...packets.map(({ message }) => message));
    if (isNew) this.#expected += 1;
    if (close) return this.#close(respond);
    if (hold) this.#hold(respond);
    else respond({ status: 200, body: { packets: [] } });
    const next = this.#early.get(this.#expected);
    if (isNew && next) {
      this.#early.delete(this.#expected);
      this.receive(next.body, next.respond, next.hold);
    }
  }

  /** @param {Respond} respond */
  #hold(respond) {
    this.#stream?.({ released: true }); // what is held takes its place
    this.#stream = undefined;
    if (this.#held) this.#release()({ status: 200, body: { packets: [] } });
    if (this.#outbox.length > 0) this.#answer(respond);
    else this.#held = respond;
  }

  /** The server was started again. */
  lose() {
    this.closed = true;
    this.#reason = "timeout";
    if (this.#held) this.#release()(refusal(404, "unknown-session"));
  }

  kick() {
    this.closed = true;
    this.#reason = "kicked";
    if (this.#held) this.#release()(refusal(410, "session-ended", { reason: "kicked" }));
  }

  waitRunsOut() {
    if (this.#held) this.#release()({ status: 200, body: { packets: [] } });
  }

  earlyRunsOut() {
    for (const { respond } of this.#early.values()) respond(refusal(409, "rid-out-of-window"));
    this.#early.clear();
  }

  #release() {
    const held = /** @type {Respond} */ (this.#held);
    this.#held = undefined;
    return held;
  }

  /** @param {number} ack */
  #acknowledge(ack) {
    if (ack <= this.#acknowledged) return;
    this.#outbox.splice(0, ack - this.#acknowledged);
    this.#acknowledged = ack;
  }

  /** @param {Respond} respond All that waits, up to three packets: small, so that answers are split. */
  #answer(respond) {
    const packets = this.#outbox.slice(0, 3);
    this.#sent = Math.max(this.#sent, this.#acknowledged + packets.length);
    respond({
      status: 200,
      body: packets.length > 0 ? { seq: this.#acknowledged + 1, packets } : { packets },
    });
  }

  /** @param {Respond} respond */
  #close(respond) {
    this.closed = true;
    this.#answer(respond);
    if (this.#held) this.#release()(refusal(410, "session-ended", { reason: "closed" }));
  }
}

/**
 * @param {number} status
 * @param {string} condition
 * @param {object} members
 * @returns {Response}
 */
export function refusal(status, condition, members = {}) {
  return { status, body: { error: condition, detail: `a sentence about ${condition}`, ...members } };
}
