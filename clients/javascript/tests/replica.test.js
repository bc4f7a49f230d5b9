import assert from "node:assert/strict";
import { test } from "node:test";

import { Replica } from "../src/replica.js";

/** @param {Partial<import("../src/replica.js").TabsRecord>} members */
function record(members) {
  const held = { connection: {}, waiting: [["one", 1, 3]], paths: [] };
  const wire = /** @type {const} */ ("requests");
  return {
    term: 1,
    at: 1,
    line: 1,
    state: /** @type {const} */ ("open"),
    wire,
    held,
    received: [],
    lost: [],
    ...members,
  };
}

test("a packet that is named and not known is lost, and so is what was lost before", () => {
  const replica = new Replica();
  replica.add("one", [{ n: 2, written: "{}", size: 2, line: 1 }]);
  replica.take(record({ received: [["one", 3]], lost: [["two", 7, 8]] }));
  assert.deepEqual(replica.lost, [
    ["two", 7, 8],
    ["one", 1, 1],
    ["one", 3, 3],
  ]);
  assert.deepEqual(
    replica.held?.waiting.map(({ n }) => n),
    [2],
  );
});

test("an older record changes nothing", () => {
  const replica = new Replica();
  assert(replica.take(record({ term: 2, at: 5 })));
  assert(!replica.take(record({ term: 1, at: 9 })));
  assert(!replica.take(record({ term: 2, at: 5 })));
  assert(replica.take(record({ term: 2, at: 6 })));
});

test("what was said to another line, and is not known to this one, is not for it", () => {
  const replica = new Replica();
  replica.add("one", [
    { n: 1, written: "{}", size: 2, line: 1 },
    { n: 4, written: "{}", size: 2, line: 1 },
    { n: 5, written: "{}", size: 2, line: 2 },
  ]);
  replica.take(record({ line: 2, received: [["one", 3]] }));
  assert.deepEqual(
    replica.contents.flatMap(([, contents]) => contents.map(({ n }) => n)),
    [1, 5],
  );
});
