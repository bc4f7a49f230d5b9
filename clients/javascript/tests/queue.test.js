import assert from "node:assert/strict";
import { test } from "node:test";

import { cbor } from "../src/cbor.js";
import { JSON_CODEC } from "../src/json.js";
import { QueueFullError, SendQueue } from "../src/queue.js";

const LIMITS = { packets: 3, bytes: 150, batchBytes: 100 };

test("the newest packet is refused when there are too many, until some are answered", () => {
  const queue = new SendQueue(LIMITS);
  for (const message of [1, 2, 3]) queue.append("a", message);
  const batch = queue.takeBatch();
  assert.throws(() => queue.append("a", 4), QueueFullError);
  queue.release(batch);
  queue.append("a", 4);
  assert.deepEqual(
    queue.drain().map(({ message }) => message),
    [4],
  );
});

test("bytes count, not characters", () => {
  const queue = new SendQueue(LIMITS);
  queue.append("a", "é".repeat(35));
  assert.throws(() => queue.append("a", "é".repeat(35)), QueueFullError);
});

test("a packet that no request could carry is refused whatever else waits", () => {
  assert.throws(() => new SendQueue(LIMITS).append("a", "x".repeat(100)), RangeError);
});

test("a message is taken as it was when it was sent", () => {
  const queue = new SendQueue(LIMITS);
  const message = { text: "before" };
  queue.append("a", message);
  message.text = "after";
  assert.equal(queue.takeBatch()[0]?.written, '{"path":"a","message":{"text":"before"}}');
});

test("a batch has at most as many packets as a request may have", () => {
  const queue = new SendQueue(LIMITS);
  for (const message of [1, 2, 3]) queue.append("a", message);
  const taken = () => queue.takeBatch(2).map(({ message }) => message);
  assert.deepEqual([taken(), taken(), taken()], [[1, 2], [3], []]);
});

test("a packet without a message is a packet", () => {
  const queue = new SendQueue(LIMITS);
  queue.append("a", undefined);
  assert.equal(queue.takeBatch()[0]?.written, '{"path":"a"}');
});

test("what is put back goes first", () => {
  const queue = new SendQueue(LIMITS);
  queue.append("a", 1);
  const batch = queue.takeBatch();
  queue.append("a", 2);
  queue.putBack(batch);
  assert.deepEqual(
    queue.takeBatch().map(({ message }) => message),
    [1, 2],
  );
});

test("a packet has a receipt only if it was given one", () => {
  const queue = new SendQueue(LIMITS);
  queue.append("a", 1);
  queue.append("a", 2, { receipt: "mine" });
  assert.deepEqual(
    queue.drain().map(({ written }) => JSON.parse(String(written))),
    [
      { path: "a", message: 1 },
      { path: "a", message: 2, receipt: "mine" },
    ],
  );
});

const ROOMY = { packets: 3, bytes: 5000, batchBytes: 5000 };
const NO_RECEIPTS = { "an empty text": "", "a text of 257 characters": "😀".repeat(257), "a number": 7 };

for (const [name, receipt] of Object.entries(NO_RECEIPTS)) {
  test(`${name} is no receipt, and its packet is not queued`, () => {
    const queue = new SendQueue(ROOMY);
    assert.throws(() => queue.append("a", 1, { receipt: /** @type {any} */ (receipt) }), TypeError);
    assert.equal(queue.unanswered, 0);
    assert.deepEqual(queue.takeBatch(), []);
  });
}

test("a receipt is measured in characters", () => {
  const queue = new SendQueue(ROOMY);
  queue.append("a", 1, { receipt: "😀".repeat(256) });
  assert.equal(queue.waiting, 1);
});

for (const [what, message] of /** @type {[string, unknown][]} */ ([
  ["half a character", "\ud83d"],
  ["half a character in a key", { "\ude00": 1 }],
  ["62 nested arrays", nested(62)],
  ["a function", () => 1],
  ["a symbol", Symbol("a")],
])) {
  for (const codec of [JSON_CODEC, cbor()]) {
    test(`${what} is refused, and takes nothing else along, in ${codec.type}`, () => {
      const queue = new SendQueue({ ...LIMITS, bytes: 1000 }, codec);
      queue.append("a", 1);
      assert.throws(() => queue.append("a", message), TypeError);
      assert.equal(queue.waiting, 1);
    });
  }
}

test("what only looks like it is taken: brackets in text, whole characters, 61 nested arrays", () => {
  const queue = new SendQueue({ packets: 9, bytes: 1000, batchBytes: 500 });
  for (const message of ['["'.repeat(70), "\u{1f600}", "\\ud83d", nested(61)]) queue.append("a", message);
  assert.equal(queue.waiting, 4);
});

/** @param {number} levels */
function nested(levels) {
  return JSON.parse("[".repeat(levels) + "]".repeat(levels));
}
