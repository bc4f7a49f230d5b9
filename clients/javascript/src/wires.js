/**
 * When to try which better wire than held requests: the first that can be had, and again those before it later on.
 *
 * 1. At once, when a session is open: it goes by held requests meanwhile.
 * 2. When none can be had, or not the first: after 30 seconds, and after twice as long each time, 5 minutes at most.
 * 3. When it breaks: at once, but if that is the second time in 30 seconds, as when it cannot be had.
 * 4. When the browser says that the network is back, another perhaps: at once.
 * 5. A stream whose hello did not come in time is held back by something between, and is not tried again before the
 *    network is another.
 * 6. One wire gives way to a better one when the server has said hello on that.
 *
 * `Choice` is pure: no connection, no clock. `Wires` does what it says, for one session. Times are in milliseconds.
 */

import { Alarm } from "./alarm.js";
import { Socket } from "./socket.js";
import { Stream } from "./stream.js";

const SOON = 30_000;
const LONGEST = 300_000;

const KINDS = { websocket: Socket, stream: Stream };

/** @typedef {keyof typeof KINDS} Wire */

export class Choice {
  #pause = SOON;
  /** @type {number | undefined} When it last broke. */
  #broke;

  /** Rule 2; returns after how long to try again. */
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
 * @property {() => void} attached a better wire carries the session
 * @property {(fresh: import("./protocol.js").Packet[], closed: boolean) => void} received packets, and word of requests
 * @property {(request: import("./protocol.js").Request, outcome: import("./exchange.js").Refused) => void} refused
 * @property {() => void} pump something is to be sent
 */

/**
 * @typedef {object} MoreWiresMeans
 * @property {readonly Wire[]} wires better ones that may be tried, the best first
 * @property {() => number} now
 * @property {() => boolean} [allowed] whether anything may go out
 */

/** @typedef {import("./socket.js").SocketMeans & import("./stream.js").StreamMeans & MoreWiresMeans} WiresMeans */

export class Wires {
  /** Whether a wire is being attached: nothing else may go out until that is over. */
  attaching = false;
  /** Whether a request went out since that was last asked. */
  #wentOut = false;
  #choice = new Choice();
  /** @type {Socket | Stream | undefined} What carries the session. */
  #carrier;
  /** @type {Socket | Stream | undefined} What is tried. */
  #tried;
  /** Which of the wires that is. */
  #index = 0;
  /** Rule 5. */
  #heldBack = false;
  /** @type {any} A `Session`, as long as there is one: no carrier is there without. */
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
    this.#try(0);
  }

  /** @param {number} index of the first wire to try; any that is not better than the one that there is, is not tried */
  #try(index) {
    this.#index = index;
    const kind = this.#means.wires[index];
    if (kind === undefined || kind === this.#session?.wire) {
      if (index > 0) this.#tryLater(this.#choice.failed());
    } else if (kind === "stream" && this.#heldBack) {
      this.#try(index + 1);
    } else {
      try {
        this.#tried = new KINDS[kind](this.#means, this.#margin, this);
      } catch {
        this.#try(index + 1); // a page's policy may forbid it
      }
    }
  }

  /** @param {number} pause */
  #tryLater(pause) {
    this.#later.set(pause, () => this.#try(0));
  }

  /** The session, or this client's part in it, is over. */
  stop() {
    this.#drop();
    this.#session = undefined;
  }

  #drop() {
    this.#later.clear();
    this.#tried?.close();
    this.#carrier?.close();
    this.#tried = this.#carrier = undefined;
    this.attaching = false;
    this.#session?.detached();
  }

  /** Rule 4. */
  networkIsBack() {
    if (this.#session === undefined) return;
    this.#choice.networkIsBack();
    this.#heldBack = false;
    this.#drop();
    this.#user.pump();
    this.#try(0);
  }

  /**
   * A request goes out.
   * @param {import("./json.js").Written} body
   * @returns {boolean} whether the wire takes it; else it goes by itself
   */
  takes(body) {
    this.#wentOut = true;
    return this.#carrier?.takes(body) ?? false;
  }

  // --- what a carrier says

  mayAttach() {
    const quiet = !this.#wentOut;
    this.#wentOut = false;
    return quiet;
  }

  attachment() {
    this.attaching = true;
    return this.#session.attachment;
  }

  /** Rule 6. */
  attached() {
    this.#carrier?.close();
    this.#carrier = this.#tried;
    this.#tried = undefined;
    this.attaching = false;
    this.#session.wire = this.#means.wires[this.#index];
    if (this.#index > 0) this.#tryLater(this.#choice.failed());
    this.#user.attached();
  }

  /** @param {any} body the server's */
  frame(body) {
    const session = /** @type {import("./protocol.js").Session} */ (this.#session);
    if (body.error !== undefined) return this.#hearError(session, body);
    const done = body.rid === undefined ? [] : session.confirmed(body.rid);
    const fresh = body.packets === undefined ? [] : session.pushed(body);
    this.#expect(session);
    const closed = done.some(({ close }) => close);
    if (fresh.length + done.length > 0) this.#user.received(fresh, closed);
  }

  /**
   * An error of the session, or of the wire, comes before the end of the wire, and the next request is answered with it.
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
    this.#expect(session);
  }

  /** @param {import("./protocol.js").Session} session What is not confirmed has to be soon. */
  #expect(session) {
    if (session.anyOnSocket) this.#carrier?.expect(this.#margin);
  }

  sign() {
    const { allowed, codec } = this.#means;
    const carrier = /** @type {import("./carrier.js").Carrier} */ (this.#carrier);
    if (allowed?.() === false) return carrier.acknowledgeLater();
    if (carrier.takes(codec.body(this.#session.place), false)) return;
    this.#session.relieve();
    this.#user.pump();
  }

  /** @param {import("./carrier.js").Carrier} carrier Rules 2, 3 and 5. */
  broke(carrier) {
    if (carrier === this.#tried) {
      const index = this.#index;
      this.#heldBack ||= carrier.late && this.#means.wires[index] === "stream";
      this.#tried = undefined;
      this.attaching = false;
      this.#user.pump();
      if (this.#session !== undefined && this.#tried === undefined) this.#try(index + 1);
    } else {
      this.#carrier = undefined;
      this.#session?.detached();
      if (this.#tried === undefined) this.#tryLater(this.#choice.broke(this.#means.now()));
      this.#user.pump();
    }
  }
}
