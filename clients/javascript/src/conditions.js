/**
 * What the error conditions of the protocol mean to a client. One that is in none of these sets is about
 * the client's own setup, and to go on would not mend it.
 */

/** @typedef {{ condition: string, detail: string, reason?: string }} Refusal */

const TEMPORARY = new Set(["too-many-requests", "too-many-sessions", "shutting-down", "internal-error"]);
const SESSION_LOST = new Set(["unknown-session", "session-ended", "bad-ack", "rid-out-of-window"]);
const ABOUT_PACKETS = new Set(["bad-request", "forbidden-path", "forbidden", "too-large"]);

/** The reasons of `session-ended` after which the server wants no new session from this client. */
const FINAL_REASONS = new Set(["closed", "kicked"]);

/** @param {Refusal} refusal Whether to ask the same again, later. */
export function isTemporary({ condition }) {
  return TEMPORARY.has(condition);
}

/** @param {Refusal} refusal Whether the packets in a request may be to blame. */
export function isAboutPackets({ condition }) {
  return ABOUT_PACKETS.has(condition);
}

/** @param {Refusal} refusal Whether another session would mend it. */
export function needsAnotherSession({ condition, reason = "" }) {
  return SESSION_LOST.has(condition) && !FINAL_REASONS.has(reason);
}
