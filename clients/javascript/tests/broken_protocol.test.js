/** What the adversary is worth: a client with one of its rules broken does not get past it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Adversary } from "./adversary.js";
import { brokenSession } from "./broken_protocol.js";

const RUNS = 200;
const STEPS = 150;

/** @type {[rule: string, old: string, instead: string][]} */
const BREAKS = [
  [
    "1: have one request too many unanswered",
    "this.#unanswered.length < this.requests",
    "this.#unanswered.length <= this.requests",
  ],
  ["1: have none unanswered", "(last !== undefined || this.wire) && !wanted", "!wanted"],
  ["2: leave an id out", "this.#nextRid += 1", "this.#nextRid += 2"],
  ["2: use an id twice", "this.#nextRid += 1", "this.#nextRid += this.#nextRid % 2"],
  [
    "3: send nothing again",
    "request.onTheWire = false;\n    this.#forgetIfProcessed",
    "this.#forgetIfProcessed",
  ],
  [
    "3: send again without the packets",
    "request.attempts += 1;",
    "if (request.attempts++ > 0) request.packets = [];",
  ],
  ["4: forget what may not have been processed", "request.rid < this.#highestAnswered", "request.rid > 0"],
  ["5: take packets twice", "answer.packets.slice(known)", "answer.packets"],
  ["5: acknowledge more than has come", "this.#ack += fresh.length", "this.#ack += answer.packets.length"],
  ["5: acknowledge nothing", "return { ack: this.#ack, gen: this.gen", "return { ack: 0, gen: this.gen"],
  ["5: skip one packet too many", "answer.packets.slice(known)", "answer.packets.slice(known + 1)"],
  ["10: wait for what a broken stream did not confirm", "if (request.onSocket) this.lost(request)", "0"],
  ["10: number what comes on a stream wrongly", "seq + body.packets.length", "seq"],
  ["6: give up when a request came early", "const cameEarly = ", "const cameEarly = false && "],
];

for (const [rule, old, instead] of BREAKS) {
  test(`a client is found out that breaks rule ${rule}`, async () => {
    const Client = await brokenSession(old, instead);
    assert.throws(() => runAll(Client), assert.AssertionError);
  });
}

test("a copy in which nothing is broken gets past it", async () => {
  const Client = await brokenSession("request.attempts += 1;", "request.attempts += 1; ");
  runAll(Client);
});

/** @param {typeof import("../src/protocol.js").Session} Client */
function runAll(Client) {
  for (let seed = 1; seed <= RUNS; seed += 1) new Adversary(seed, Client).run(STEPS);
}
