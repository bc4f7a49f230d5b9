/** What a connection does its work with, whom it tells, and what it can be gone on with from: types alone. */

/** @typedef {"connecting" | "open" | "reconnecting" | "closed"} State */
/** @typedef {import("./protocol.js").Packet} Packet */
/** @typedef {import("./conditions.js").Refusal} Refusal */
/** @typedef {import("./queue.js").OutgoingPacket} OutgoingPacket */

/**
 * What the connection does its work with, besides what its flights need.
 * @typedef {object} MoreMeans
 * @property {() => number} random from 0 up to 1
 * @property {() => Promise<string | undefined> | string | undefined} token for the server's authenticator
 * @property {number | undefined} wait seconds that a request may be held, if less than the server's
 * @property {boolean} [resume] whether the session is to outlive the process that has it
 * @property {number} margin seconds within which what the server does not hold has to be answered
 * @property {{ base: number, cap: number }} backoff milliseconds
 * @property {() => void} [journal] rule 4
 * @property {() => boolean} [allowed] rule 4; `pump` is called when it is again
 */

/** @typedef {import("./flights.js").FlightMeans & import("./wires.js").WiresMeans & MoreMeans} Means */

/** @typedef {{ reason: string, uncertain: OutgoingPacket[] }} Replaced */

/**
 * All that another client needs to go on where this one was (rule 4).
 * @typedef {object} ConnectionRecord
 * @property {import("./protocol.js").SessionRecord | undefined} session
 * @property {Replaced | undefined} replaced
 * @property {number} wait seconds
 * @property {number} die seconds
 */

/**
 * Whom the connection tells.
 * @typedef {object} Listener
 * @property {(state: State) => void} state
 * @property {(sid: string, lost: Replaced | undefined) => void} opened
 * @property {(attempt: number, delay: number, cause: unknown) => void} retrying after `delay` milliseconds
 * @property {(packets: Packet[], last: number) => void} packets those up to the number `last`, the server's own among them
 * @property {(refusal: Refusal, packets: OutgoingPacket[]) => void} refused
 * @property {(reason: string, undelivered: OutgoingPacket[]) => void} ended
 */

export {};
