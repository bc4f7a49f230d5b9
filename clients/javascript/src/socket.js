/**
 * A WebSocket, first tried and then attached to a session.
 *
 * 1. It is tried with a frame that the server sends back, without a session: what is between the two may let a
 *    connection be opened and nothing through.
 * 2. It is attached when that frame has come back and no request went out since.
 * 3. From the server's hello on requests go over it, and have to be confirmed within `margin`.
 */

import { Carrier } from "./carrier.js";
import { secondsFor } from "./size.js";

/**
 * @typedef {object} MoreSocketMeans
 * @property {string} url of the endpoint
 * @property {import("./json.js").Codec} codec
 * @property {typeof globalThis.WebSocket | undefined} WebSocket
 */

/** @typedef {import("./alarm.js").AlarmMeans & MoreSocketMeans} SocketMeans */

/** The `readyState` of a WebSocket that is not open yet. */
const CONNECTING = 0;
const OPEN = 1;

export class Socket extends Carrier {
  #socket;
  #codec;

  /**
   * @param {SocketMeans} means
   * @param {number} margin
   * @param {import("./carrier.js").CarrierUser} user
   */
  constructor(means, margin, user) {
    super(means, margin, user);
    const { url, codec, WebSocket } = means;
    const endpoint = new URL(url, globalThis.location?.href);
    endpoint.protocol = endpoint.protocol.replace("http", "ws");
    const socket = new /** @type {typeof globalThis.WebSocket} */ (WebSocket)(endpoint, [codec.protocol]);
    this.#socket = socket;
    this.#codec = codec;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#probe();
    socket.onmessage = ({ data }) => this.#read(data);
    socket.onclose = () => this.end();
    this.expect(margin);
  }

  /** @param {import("./json.js").Written} body @param {boolean} request @override */
  takes(body, request = true) {
    super.takes(body);
    if (request) this.expect(this.margin + secondsFor(body));
    this.#send(body);
    return true;
  }

  /** @param {import("./json.js").Written} body */
  #send(body) {
    // It may have closed, and be about to say so: what is sent then is lost, and a browser complains of it in the console.
    if (this.#socket.readyState === OPEN) this.#socket.send(/** @type {string} */ (body));
  }

  /** @override */
  close() {
    super.close();
    const socket = this.#socket;
    // Before it is open a browser would complain of it, in the page's console.
    if (socket?.readyState === CONNECTING) socket.onopen = () => socket.close();
    else socket?.close();
  }

  #probe() {
    if (this.over) return;
    this.user.mayAttach();
    this.#send(this.#codec.body({ probe: 1 }));
  }

  /** @param {any} data */
  #read(data) {
    const body = this.#codec.read(data);
    if (this.over) return;
    if (body === undefined || (!this.attached && "error" in body)) this.end();
    else if (this.attached || !("probe" in body)) this.take(body);
    else if (this.user.mayAttach()) this.#send(this.user.attachment());
    else this.#probe();
  }
}
