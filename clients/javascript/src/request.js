/** The requests of a session, and what is to be known of it to go on with them. */

/** @typedef {import("./queue.js").OutgoingPacket} OutgoingPacket */

/** What browsers carry for a page that has gone, all of its beacons together (bytes); less than the 64 KiB of Fetch. */
export const LAST_WORDS = 60_000;

/** One request, however often it is sent. */
export class Request {
  attempts = 0;
  /** @type {string | undefined} Another one, for the server's authenticator. */
  token;
  onTheWire = false;
  /** Whether it was sent over a WebSocket when it was last sent. */
  onSocket = false;
  /** Whether all requests before it had been answered when it was last sent. */
  wasFirst = false;

  /**
   * @param {number} rid
   * @param {OutgoingPacket[]} packets
   * @param {boolean} close whether it ends the session
   */
  constructor(rid, packets, close) {
    this.rid = rid;
    this.packets = packets;
    this.close = close;
  }

  /**
   * @param {import("./json.js").Codec} codec
   * @param {object} members what is to be said of the session
   */
  body(codec, members) {
    const written = this.packets.map((packet) => packet.written);
    return codec.body({ ...members, rid: this.rid, close: this.close || undefined }, written);
  }
}

/**
 * All that another client needs to go on with a session.
 * @typedef {object} SessionRecord
 * @property {string} sid
 * @property {number} requests
 * @property {number} packets the most in one request
 * @property {string | undefined} boundTo
 * @property {boolean} renewalDue whether the server waits for another token
 * @property {number} nextRid
 * @property {number} highestAnswered
 * @property {number} ack
 * @property {number | undefined} gen
 * @property {string | undefined} at
 * @property {{ rid: number, packets: OutgoingPacket[], close: boolean }[]} unanswered
 */

/**
 * What a refusal means for the session: it goes on (`packets`: what it refused for good), another session is
 * needed, or the client is not wanted any more.
 * @typedef {{ next: "retry" } | { next: "continue", packets: OutgoingPacket[] }
 *   | { next: "reopen" | "end", reason: string }} Verdict
 */
