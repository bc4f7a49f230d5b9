import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { checkPath, compilePattern } from "../src/patterns.js";

// The server is tested with the same ones.
const VECTORS = JSON.parse(
  readFileSync(new URL("../../../tests/packets/pattern_vectors.json", import.meta.url), "utf8"),
);

for (const [pattern, path] of VECTORS["covers"]) {
  test(`${pattern} covers ${path}`, () => assert(compilePattern(pattern)(path)));
}

for (const [pattern, path] of VECTORS["does not cover"]) {
  test(`${pattern} does not cover ${path}`, () => assert(!compilePattern(pattern)(path)));
}

for (const text of VECTORS["is no pattern"]) {
  test(`${JSON.stringify(text)} is no pattern`, () => assert.throws(() => compilePattern(text), TypeError));
}

test("a path is measured in bytes", () => {
  checkPath("é".repeat(512));
  assert.throws(() => checkPath("é".repeat(513)), TypeError);
});

test("a path is printable text", () => {
  for (const path of ["", "a\nb", "a\u0085", "\ud800", /** @type {any} */ (7)]) {
    assert.throws(() => checkPath(path), TypeError);
  }
  checkPath("😀/*");
});
