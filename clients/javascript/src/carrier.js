/**
 * What carries packets in place of held requests: a WebSocket (`socket.js`), or a response that has no end (`stream.js`).
 *
 * 1. The first that the server says on it is its hello. From then on it carries the session.
 * 2. What is received is acknowledged with the next request; or by itself, every 16 packets or after a second. A beat is
 *    answered at once, and so is the hello of a session that can go on at another process: it may be of a later generation.
 * 3. It is broken when it ends; when the hello, or what else has to come, does not come in time; and when nothing
 *    has come for longer than the server is ever silent. That may be the way to here alone: the server, which goes on
 *    hearing of this client, has no reason to break it.
 */

import { Alarm } from "./alarm.js";

/**
 * Whom it tells.
 * @typedef {object} CarrierUser
 * @property {() => boolean} mayAttach whether no request went out since this was last asked: one that comes to the server
 *   after what attaches a carrier would take its place
 * @property {() => import("./json.js").Written} attachment what attaches it; nothing else goes out from then on
 * @property {() => void} attached
 * @property {(body: any) => void} frame the server's
 * @property {() => void} sign acknowledge, or have it asked again (`acknowledgeLater`)
 * @property {(carrier: Carrier) => void} broke
 */

/** Packets, and milliseconds, after which they are acknowledged. */
const MOST_UNACKNOWLEDGED = 16;
const ACKNOWLEDGE = 1000;

/** The longest that a server is silent (seconds): from one look for a sign of life, twice 25 until it asks for one. */
const SILENCE = 50;

export class Carrier {
  attached = false;
  /** Whether it is over. */
  over = false;
  /** Whether that is because something did not come in time. */
  late = false;
  #unacknowledged = 0;
  #acknowledging;
  #watchdog;

  /**
   * @param {import("./alarm.js").AlarmMeans} means
   * @param {number} margin seconds within which it has to answer
   * @param {CarrierUser} user
   */
  constructor(means, margin, user) {
    this.#acknowledging = new Alarm(means);
    this.#watchdog = new Alarm(means);
    this.margin = margin;
    this.user = user;
  }

  /** @param {any} body the server's */
  take(body) {
    this.expect(SILENCE + this.margin);
    if (!this.attached) {
      this.attached = true;
      this.user.attached();
    }
    this.#unacknowledged += body.packets?.length ?? 0;
    this.user.frame(body);
    if (this.over) return;
    const isBeat = Object.keys(body).length === 0;
    if (isBeat || body.gen || this.#unacknowledged >= MOST_UNACKNOWLEDGED) this.user.sign();
    else if (this.#unacknowledged > 0 && !this.#acknowledging.isSet) this.acknowledgeLater();
  }

  acknowledgeLater() {
    this.#acknowledging.set(ACKNOWLEDGE, () => this.user.sign());
  }

  /**
   * Something goes out that acknowledges all that was received.
   * @param {import("./json.js").Written} _body
   * @param {boolean} [_request] whether it is to be confirmed
   * @returns {boolean} whether it goes over this
   */
  takes(_body, _request) {
    this.#unacknowledged = 0;
    this.#acknowledging.clear();
    return false;
  }

  /** @param {number} seconds within which something has to come */
  expect(seconds) {
    this.#watchdog.set(seconds * 1000, () => {
      this.late = true;
      this.end();
    });
  }

  /** Be done with it, and say nothing. */
  close() {
    this.over = true;
    this.#acknowledging.clear();
    this.#watchdog.clear();
  }

  /** Rule 3. */
  end() {
    if (this.over) return;
    this.close();
    this.user.broke(this);
  }
}
