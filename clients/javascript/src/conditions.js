/**
 * What the error conditions of the protocol mean to a client. One that is in none of these sets is about
 * the client's own setup, and to go on would not mend it.
 */

/** @typedef {{ condition: string, detail: string, reason?: string, processed?: number }} Refusal */

const TEMPORARY = new Set(["too-many-requests", "too-many-sessions", "shutting-down", "internal-error"]);
const SESSION_LOST = new Set(["unknown-session", "session-ended", "bad-ack", "rid-out-of-window"]);
const ABOUT_PACKETS = new Set(["bad-request", "forbidden-path", "forbidden", "too-large"]);

/** The reasons of `session-ended` after which the server wants no new session from this client. */
const FINAL_REASONS = new Set(["closed", "kicked"]);

/** The protocol's conditions, each with the HTTP status that carries it. */
const STATUS = new Map(
  Object.entries({
    "bad-request": 400,
    "bad-ack": 400,
    "forbidden-path": 400,
    unauthorized: 401,
    forbidden: 403,
    "unknown-session": 404,
    "not-found": 404,
    "method-not-allowed": 405,
    "rid-out-of-window": 409,
    "session-ended": 410,
    "length-required": 411,
    "too-large": 413,
    "unsupported-media-type": 415,
    "upgrade-required": 426,
    "too-many-requests": 429,
    "headers-too-large": 431,
    "internal-error": 500,
    "shutting-down": 503,
    "too-many-sessions": 503,
  }),
);

/**
 * Whether an error is the comet server's own. Gateways and proxies have error pages in JSON as well, some with a
 * member `error`; what they say is about the way to the server, and never about the session.
 *
 * @param {number} status of HTTP
 * @param {Record<string, unknown> | undefined} body
 * @returns {body is { error: string, detail: string, reason?: string, processed?: number }}
 */
export function isRefusal(status, body) {
  return typeof body?.["detail"] === "string" && STATUS.get(String(body["error"])) === status;
}

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
