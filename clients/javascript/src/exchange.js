/**
 * One request over HTTP and what came of it. Whatever goes wrong on the way is an outcome, not an exception.
 */

import { isRefusal } from "./conditions.js";

/** @typedef {import("./conditions.js").Refusal} Refusal */

/**
 * `answer`: status 200 and a body of the protocol. `refusal`: an error of the protocol. `lost`: anything else, such as a
 * broken connection, a watchdog that ran out or a proxy's own error page. `retryAfter` is in milliseconds.
 * @typedef {{ kind: "answer", body: Record<string, unknown> }
 *   | { kind: "refusal", refusal: Refusal, retryAfter: number }
 *   | { kind: "lost", cause: unknown, retryAfter: number }} Outcome
 */

/** @typedef {Exclude<Outcome, { kind: "answer" }>} Failed */
/** @typedef {Extract<Outcome, { kind: "refusal" }>} Refused */

/**
 * @typedef {object} ExchangeMeans
 * @property {string} url the endpoint
 * @property {typeof globalThis.fetch} fetch
 * @property {RequestCredentials} credentials
 * @property {import("./json.js").Codec} codec
 */

/**
 * Post a body.
 *
 * @param {ExchangeMeans} means
 * @param {import("./json.js").Written} body
 * @param {AbortSignal} signal
 * @param {Record<string, string>} [headers]
 */
export function post({ url, fetch, credentials, codec }, body, signal, headers) {
  return fetch(url, {
    method: "POST",
    headers: { "Content-Type": codec.type, ...headers },
    body,
    signal,
    credentials,
    cache: "no-store",
  });
}

/**
 * Post a body and wait for what comes of it.
 *
 * @param {ExchangeMeans} means
 * @param {import("./json.js").Written} body
 * @param {AbortSignal} signal
 * @returns {Promise<Outcome>}
 */
export async function exchange(means, body, signal) {
  try {
    const response = await post(means, body, signal);
    return read(means.url, response, await means.codec.answer(response));
  } catch (cause) {
    return { kind: "lost", cause, retryAfter: 0 };
  }
}

/**
 * @param {string} url
 * @param {Response} response
 * @param {Record<string, unknown> | undefined} body
 * @returns {Outcome}
 */
function read(url, response, body) {
  const retryAfter = parseRetryAfter(response.headers.get("Retry-After"));
  if (response.ok && isAnswer(body)) return { kind: "answer", body };
  if (isRefusal(response.status, body)) {
    const { error: condition, ...members } = body;
    return { kind: "refusal", refusal: { condition, ...members }, retryAfter };
  }
  return {
    kind: "lost",
    cause: new Error(`${url} answered with HTTP status ${response.status}, not in the comet protocol.`),
    retryAfter,
  };
}

/**
 * @param {Record<string, unknown> | undefined} body
 * @returns {body is Record<string, unknown>}
 */
function isAnswer(body) {
  if (typeof body?.["sid"] === "string")
    return Number.isInteger(body["requests"]) && Number.isFinite(body["wait"]);
  const { packets, seq } = body ?? {};
  return Array.isArray(packets) && (packets.length === 0 || (Number.isInteger(seq) && Number(seq) > 0));
}

/** The longest that a server is believed when it says how long to stay away (milliseconds). */
const LONGEST_RETRY_AFTER = 3_600_000;

/**
 * @param {string | null} value seconds or a date (RFC 9110, section 10.2.3)
 * @returns {number} milliseconds, an hour at most, 0 for none
 */
export function parseRetryAfter(value, now = Date.now()) {
  if (value === null) return 0;
  const seconds = Number(value);
  const milliseconds = Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1000;
  return Math.min(Math.max(0, milliseconds || 0), LONGEST_RETRY_AFTER);
}

/**
 * What a page is told of a failure.
 * @param {Failed} outcome
 */
export function causeOf(outcome) {
  if (outcome.kind === "lost") return outcome.cause;
  const { condition, detail } = outcome.refusal;
  return new Error(`The server says ${condition}: ${detail}`);
}
