/**
 * What the error conditions of the protocol mean to a client. One that is in none of these sets is about
 * the client's own setup, and to go on would not mend it.
 */

/** @typedef {{ condition: string, detail: string, reason?: string, processed?: number }} Refusal */

/**
 * The protocol's conditions, each with the HTTP status that carries it, and behind that what it is about: whether it is
 * temporary (`t`), says that the session is lost (`s`), or may be about the packets in a request (`p`).
 * @type {Record<string, string>}
 */
const CONDITIONS = {
  "bad-request": "400p",
  "bad-ack": "400s",
  "forbidden-path": "400p",
  unauthorized: "401",
  forbidden: "403p",
  "unknown-session": "404s",
  "not-found": "404",
  "method-not-allowed": "405",
  "rid-out-of-window": "409s",
  "session-ended": "410s",
  "length-required": "411",
  "too-large": "413p",
  "unsupported-media-type": "415",
  "upgrade-required": "426",
  "too-many-requests": "429t",
  "headers-too-large": "431",
  "internal-error": "500t",
  "shutting-down": "503t",
  "too-many-sessions": "503t",
};

/** The reasons of `session-ended` after which the server wants no new session from this client. */
const FINAL_REASONS = new Set(["closed", "kicked"]);

/**
 * Whether an error is the comet server's own. Gateways and proxies have error pages in JSON as well, some with a
 * member `error`; what they say is about the way to the server, and never about the session.
 *
 * @param {number} status of HTTP
 * @param {Record<string, unknown> | undefined} body
 * @returns {body is { error: string, detail: string, reason?: string, processed?: number }}
 */
export function isRefusal(status, body) {
  return typeof body?.["detail"] === "string" && parseInt(CONDITIONS[String(body["error"])] ?? "") === status;
}

/** @param {Refusal} refusal Whether to ask the same again, later. */
export function isTemporary({ condition }) {
  return CONDITIONS[condition]?.[3] === "t";
}

/** @param {Refusal} refusal Whether the packets in a request may be to blame. */
export function isAboutPackets({ condition }) {
  return CONDITIONS[condition]?.[3] === "p";
}

/** @param {Refusal} refusal Whether another session would mend it. */
export function needsAnotherSession({ condition, reason = "" }) {
  return CONDITIONS[condition]?.[3] === "s" && !FINAL_REASONS.has(reason);
}
