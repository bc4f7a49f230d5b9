/**
 * When to try a better wire than held requests.
 *
 * 1. At once, when a session is open: it goes by held requests meanwhile.
 * 2. When it cannot be had: after 30 seconds, and after twice as long each time, 5 minutes at most.
 * 3. When it breaks: at once, but if that is the second time in 30 seconds, as when it cannot be had.
 * 4. When the browser says that the network is back, another perhaps: at once.
 *
 * `Choice` is pure: no connection, no clock. `Wires` does what it says, for one session. Times are in milliseconds.
 */

import { Alarm } from "./alarm.js";
import { Socket } from "./socket.js";

const SOON = 30_000;
const LONGEST = 300_000;

export class Choice {
  #pause = SOON;
  /** @type {number | undefined} When it last broke. */
  #broke;

  /** Rule 2: it could not be had; returns after how long to try again. */
  failed() {
    const pause = this.#pause;
    this.#pause = Math.min(2 * pause, LONGEST);
    return pause;
  }

  /** @param {number} now Rule 3; returns after how long to try again. */
  broke(now) {
    const soon = this.#broke !== undefined && now - this.#broke <= SOON;
    this.#broke = now;
    if (soon) return this.failed();
    this.#pause = SOON;
    return 0;
  }

  /** Rule 4. */
  networkIsBack() {
    this.#pause = SOON;
    this.#broke = undefined;
  }
}

/**
 * Whom it tells.
 * @typedef {object} WiresUser
 * @property {() => void} attached a stream carries the session
 * @property {(fresh: import("./protocol.js").Packet[], closed: boolean) => void} received packets, and word of requests
 * @property {(request: import("./protocol.js").Request, outcome: import("./exchange.js").Refused) => void} refused
 * @property {() => void} broke
 */

/**
 * @typedef {object} MoreWiresMeans
 * @property {readonly string[]} wires better ones that may be tried
 * @property {() => number} now
 * @property {() => boolean} [allowed] whether anything may go out
 */

/** @typedef {import("./socket.js").SocketMeans & MoreWiresMeans} WiresMeans */

export class Wires {
  /** Whether a stream is being attached: nothing else may go out until that is over. */
  attaching = false;
  /** Whether a request went out since a stream was tried. */
  wentOut = false;
  #choice = new Choice();
  /** @type {Socket | undefined} */
  #socket;
  /** @type {import("./protocol.js").Session | undefined} */
  #session;
  #margin = 0;
  #later;
  #means;
  #user;

  /** @param {WiresMeans} means @param {WiresUser} user */
  constructor(means, user) {
    this.#means = means;
    this.#user = user;
    this.#later = new Alarm(means);
  }

  /**
   * Rule 1.
   * @param {import("./protocol.js").Session} session
   * @param {number} margin seconds within which a wire has to answer
   */
  start(session, margin) {
    this.stop();
    this.#session = session;
    this.#margin = margin;
    this.#try();
  }

  #try() {
    if (this.#means.WebSocket === undefined || !this.#means.wires.includes("websocket")) return;
    try {
      this.#socket = new Socket(this.#means, this.#margin, {
        mayAttach: () => this.#mayAttach(),
        attachment: () => this.#attach(),
        attached: () => this.#attached(),
        frame: (body) => this.#hear(body),
        sign: () => this.#sign(),
        broke: (wasAttached) => this.#broke(wasAttached),
      });
    } catch {
      this.#broke(false); // a page's policy may forbid it
    }
  }

  /** The session, or this client's part in it, is over. */
  stop() {
    this.#drop();
    this.#session = undefined;
  }

  /** Rule 4. */
  networkIsBack() {
    if (this.#session === undefined) return;
    this.#choice.networkIsBack();
    this.#drop();
    this.#user.broke();
    this.#try();
  }

  /** @param {string} body of a request */
  send(body) {
    this.#socket?.send(body);
  }

  #mayAttach() {
    const quiet = !this.wentOut;
    this.wentOut = false;
    return quiet;
  }

  #attach() {
    this.attaching = true;
    return this.#session?.attachment ?? "{}";
  }

  #attached() {
    this.attaching = false;
    if (this.#session !== undefined) this.#session.streaming = true;
    this.#user.attached();
  }

  /** @param {any} body the server's */
  #hear(body) {
    const session = this.#session;
    if (session === undefined) return;
    if (body.error !== undefined) return this.#hearError(session, body);
    const done = body.rid === undefined ? [] : session.confirmed(body.rid);
    const fresh = body.packets === undefined ? [] : session.streamed(body);
    this.#socket?.confirmed(session.anyStreamed);
    const closed = done.some(({ close }) => close);
    if (fresh.length + done.length > 0) this.#user.received(fresh, closed);
  }

  /**
   * An error of the session, or of the stream, comes before the end of the stream, and the next request is answered with it.
   * @param {import("./protocol.js").Session} session
   * @param {any} body
   */
  #hearError(session, { error: condition, retry_after: wait = 0, rid, ...members }) {
    const request = session.unansweredRequest(rid);
    if (request === undefined) return;
    this.#user.refused(request, {
      kind: "refusal",
      refusal: { condition, ...members },
      retryAfter: wait * 1000,
    });
    this.#socket?.confirmed(session.anyStreamed);
  }

  /** An acknowledgement. */
  #sign() {
    return this.#means.allowed?.() === false ? undefined : `{"ack":${this.#session?.ack}}`;
  }

  /** @param {boolean} wasAttached Rules 2 and 3. */
  #broke(wasAttached) {
    const pause = wasAttached ? this.#choice.broke(this.#means.now()) : this.#choice.failed();
    this.#drop();
    this.#later.set(pause, () => this.#try());
    this.#user.broke();
  }

  #drop() {
    this.#later.clear();
    this.#socket?.close();
    this.attaching = false;
    this.#socket = undefined;
    if (this.#session?.streaming) this.#session.detached();
  }
}
