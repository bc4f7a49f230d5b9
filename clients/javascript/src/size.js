/** The slowest link that a body is given time for (bytes a second). */
const SLOWEST = 4096;

/** @param {import("./json.js").Written} written Its bytes; of text, those of UTF-8. */
export function sizeOf(written) {
  return (typeof written === "string" ? new TextEncoder().encode(written) : written).length;
}

/** @param {import("./json.js").Written} written Seconds that it may be on its way; text is taken to have a byte a character. */
export function secondsFor(written) {
  return written.length / SLOWEST;
}
