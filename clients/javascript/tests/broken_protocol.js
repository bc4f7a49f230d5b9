/**
 * Copies of the client's half of a session with one rule broken: what the tests of it have to notice.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const SOURCES = new URL("../src/", import.meta.url);

/**
 * @param {string} old what is in the source, exactly once
 * @param {string} instead
 * @returns {Promise<typeof import("../src/protocol.js").Session>}
 */
export async function brokenSession(old, instead) {
  const source = await readFile(new URL("protocol.js", SOURCES), "utf8");
  assert.equal(source.split(old).length, 2, `not there exactly once: ${old}`);
  const copy = source.replace(old, () => instead).replaceAll('from "./', `from "${SOURCES}`);
  return (await import(`data:text/javascript,${encodeURIComponent(copy)}`)).Session;
}
