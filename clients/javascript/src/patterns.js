/**
 * Patterns over paths: which paths a handler is for. The server has the same rules, and both keep to
 * the same test vectors.
 *
 * 1. A path and a pattern are split at every `/`; an empty segment is a segment like any other.
 * 2. `*` as a whole segment stands for exactly one segment.
 * 3. `**` as the whole last segment stands for one or more segments.
 * 4. Any other segment stands for itself.
 * 5. A star within a longer segment, and `**` before the last one, are refused, so that nobody
 *    waits for packets that never come.
 */

import { sizeOf } from "./size.js";

export const LONGEST_PATH = 1024;
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u;

/**
 * Accept a path by returning, or refuse it by throwing.
 *
 * @param {string} path what a packet is sent to, or what a handler listens to
 * @throws {TypeError} the calling code's fault: the server would refuse it
 */
export function checkPath(path) {
  if (typeof path !== "string" || path === "" || sizeOf(path) > LONGEST_PATH || UNPRINTABLE.test(path)) {
    throw new TypeError(
      `A path is a string of 1 to ${LONGEST_PATH} bytes of UTF-8, without control characters.`,
    );
  }
}

/**
 * Check a pattern and turn it into the test for a path.
 *
 * @param {string} pattern
 * @returns {(path: string) => boolean}
 * @throws {TypeError} the calling code's fault: the pattern breaks rule 5, or is no path
 */
export function compilePattern(pattern) {
  checkPath(pattern);
  const head = pattern.split("/");
  const deep = head.at(-1) === "**";
  if (deep) head.pop();
  if (head.some((segment) => segment.includes("*") && segment !== "*")) {
    throw new TypeError(`${pattern} is no pattern: a * is a whole segment, and ** the last one.`);
  }
  return (path) => {
    const segments = path.split("/");
    const longEnough = deep ? segments.length > head.length : segments.length === head.length;
    return longEnough && head.every((mine, index) => mine === "*" || mine === segments[index]);
  };
}
