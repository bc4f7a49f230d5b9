/**
 * A WebSocket, first tried and then attached to a session.
 *
 * 1. It is tried with a frame that the server sends back, without a session: what is between the two may let a
 *    connection be opened and nothing through.
 * 2. It is attached when that frame has come back and no request went out since: a request that comes to the server after
 *    it would take its place.
 * 3. From the server's hello on it carries the session. What is received is acknowledged with the next request; or by
 *    itself, every 16 packets or after a second. A beat is answered at once.
 * 4. It is broken when it closes, when it is silent for longer than the server would be, and when a request is not
 *    confirmed within `margin`.
 */

import { Alarm } from "./alarm.js";
import { parseObject } from "./exchange.js";

/**
 * @typedef {object} MoreSocketMeans
 * @property {string} url of the endpoint
 * @property {typeof globalThis.WebSocket | undefined} WebSocket
 */

/** @typedef {import("./alarm.js").AlarmMeans & MoreSocketMeans} SocketMeans */

/**
 * Whom it tells.
 * @typedef {object} SocketUser
 * @property {() => boolean} mayAttach whether no request went out since this was last asked (rule 2)
 * @property {() => string} attachment what attaches it; nothing else goes out from then on
 * @property {() => void} attached
 * @property {(body: any) => void} frame the server's
 * @property {() => string | undefined} sign an acknowledgement; or undefined, if it has to wait
 * @property {(wasAttached: boolean) => void} broke
 */

/** Seconds after which a server asks a silent client for a sign of life. */
const BEAT = 25;
/** Packets, and milliseconds, after which they are acknowledged. */
const MOST_UNACKNOWLEDGED = 16;
const ACKNOWLEDGE = 1000;
/** The `readyState` of a WebSocket that is not open yet. */
const CONNECTING = 0;
/** The slowest link that a frame is given time for (characters a second). */
const SLOWEST = 4096;

export class Socket {
  attached = false;
  #broken = false;
  #unacknowledged = 0;
  #unconfirmed = false;
  #acknowledging;
  #watchdog;
  #socket;
  #margin;
  #user;

  /**
   * @param {SocketMeans} means
   * @param {number} margin seconds within which it has to answer
   * @param {SocketUser} user
   */
  constructor(means, margin, user) {
    this.#acknowledging = new Alarm(means);
    this.#watchdog = new Alarm(means);
    this.#margin = margin;
    this.#user = user;
    const { url, WebSocket } = means;
    const endpoint = new URL(url, globalThis.location?.href);
    endpoint.protocol = endpoint.protocol.replace("http", "ws");
    const socket = new /** @type {typeof globalThis.WebSocket} */ (WebSocket)(endpoint, ["cometary.1"]);
    this.#socket = socket;
    socket.onopen = () => this.#probe();
    socket.onmessage = ({ data }) => this.#read(data);
    socket.onclose = () => this.#break();
    this.#wait(margin);
  }

  /** @param {string} body of a request */
  send(body) {
    this.#unconfirmed = true;
    this.#sent();
    this.#wait(this.#margin + body.length / SLOWEST);
    this.#socket.send(body);
  }

  /** @param {boolean} pending whether requests are still not confirmed */
  confirmed(pending) {
    this.#unconfirmed = pending;
    this.#wait(pending ? this.#margin : BEAT + this.#margin);
  }

  /** Be done with it, and say nothing. */
  close() {
    this.#broken = true;
    this.attached = false;
    this.#acknowledging.clear();
    this.#watchdog.clear();
    const socket = this.#socket;
    // Before it is open a browser would complain of it, in the page's console.
    if (socket.readyState === CONNECTING) socket.onopen = () => socket.close();
    else socket.close();
  }

  #probe() {
    if (this.#broken) return;
    this.#user.mayAttach();
    this.#socket.send('{"probe":1}');
  }

  /** @param {string} data */
  #read(data) {
    const body = parseObject(data);
    if (body === undefined) this.#break();
    else if (!this.#broken) this.#hear(body);
  }

  /** @param {any} body */
  #hear(body) {
    if (this.attached) return this.#take(body);
    if ("error" in body) return this.#break();
    if ("probe" in body) {
      if (!this.#user.mayAttach()) return this.#probe();
      return this.#socket.send(this.#user.attachment());
    }
    this.attached = true;
    this.confirmed(false);
    this.#user.attached();
    this.#take(body);
  }

  /** @param {any} body */
  #take(body) {
    this.confirmed(this.#unconfirmed);
    this.#unacknowledged += body.packets?.length ?? 0;
    this.#user.frame(body);
    if (this.#broken) return;
    const isBeat = Object.keys(body).length === 0;
    if (isBeat || this.#unacknowledged >= MOST_UNACKNOWLEDGED) this.#acknowledge();
    else if (this.#unacknowledged > 0 && !this.#acknowledging.isSet) this.#acknowledgeLater();
  }

  #acknowledgeLater() {
    this.#acknowledging.set(ACKNOWLEDGE, () => this.#acknowledge());
  }

  #acknowledge() {
    const sign = this.#user.sign();
    if (sign === undefined) return this.#acknowledgeLater();
    this.#sent();
    if (!this.#unconfirmed) this.#wait(BEAT + this.#margin);
    this.#socket.send(sign);
  }

  /** All has been acknowledged that was received. */
  #sent() {
    this.#unacknowledged = 0;
    this.#acknowledging.clear();
  }

  /** @param {number} seconds */
  #wait(seconds) {
    this.#watchdog.set(seconds * 1000, () => this.#break());
  }

  /** Rule 4. */
  #break() {
    if (this.#broken) return;
    const wasAttached = this.attached;
    this.close();
    this.#user.broke(wasAttached);
  }
}
