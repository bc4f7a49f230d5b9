import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { AskError, Comet } from "../src/asking.js";
import { Surroundings } from "./surroundings.js";

const OPENED = { version: 1, sid: "first", wait: 60, die: 45, requests: 2 };

/** @type {Surroundings} */
let world;
/** @type {Comet} */
let comet;
/** @type {import("./surroundings.js").Call} The request that is held. */
let poll;
let seq = 0;

beforeEach(async () => {
  world = new Surroundings();
  comet = new Comet("/comet", { wires: [], environment: world.environment });
  seq = 1;
  void comet.open();
  (await world.call()).answer(OPENED);
  poll = await world.call();
});

/** The question that goes out next; its request is held in place of the one before. */
async function question() {
  const call = await world.call();
  poll.answer({ packets: [] });
  poll = call;
  return call.body.packets[0];
}

/** @param {object} packet The server sends it. */
async function push(packet) {
  const held = poll;
  held.answer({ seq, packets: [packet] });
  seq += 1;
  poll = await world.call();
}

/** @param {Promise<unknown>} asked @param {string} condition @param {string} fault */
async function fails(asked, condition, fault) {
  await assert.rejects(asked, (error) => {
    assert(error instanceof AskError);
    assert.deepEqual([error.condition, error.fault], [condition, fault]);
    return true;
  });
}

describe("a question of the page", () => {
  test("is answered under its own name", async () => {
    const tea = comet.ask("order", "tea");
    const { ask, ...packet } = await question();
    assert.deepEqual(packet, { path: "order", message: "tea" });
    await push({ path: "::answer", message: { ask: "another tab's", value: 1 } });
    await push({ path: "::answer", message: { ask, value: { left: 2 } } });
    assert.deepEqual(await tea, { left: 2 });
  });

  test("may be about one of the control paths that are for clients", async () => {
    const asked = fails(comet.ask("::connect", { paths: ["news"] }), "forbidden", "client");
    const { ask, path } = await question();
    assert.equal(path, "::connect");
    await push({ path: "::answer", message: { ask, error: "forbidden", detail: "Not you." } });
    await asked;
    await assert.rejects(comet.ask("::token"), TypeError);
  });

  test("says whose fault it is that there is no answer", async () => {
    const failed = fails(comet.ask("order"), "internal-error", "application");
    const { ask } = await question();
    await push({ path: "::answer", message: { ask, error: "internal-error", detail: "It failed." } });
    await failed;
    const late = fails(comet.ask("order", 1, { timeout: 2 }), "timeout", "nobody");
    await question();
    await world.pass(2000);
    await late;
  });

  test("is given up by whoever asked, or with the client", async () => {
    const abort = new AbortController();
    const given = comet.ask("order", 1, { signal: abort.signal });
    await question();
    abort.abort(new Error("enough"));
    await assert.rejects(given, /enough/);
    const last = fails(comet.ask("order", 2), "closed", "nobody");
    await question();
    poll.refuse(410, "session-ended", { reason: "kicked" });
    await last;
    assert.equal(world.timers, 0);
  });
});

describe("a question of the server", () => {
  test("is answered with what the handler returns, or has promised", async () => {
    comet.on("sure", async (message, path) => `${path} ${message}`);
    await push({ path: "sure", message: 1, ask: "q1" });
    assert.deepEqual(await question(), { path: "::answer", message: { ask: "q1", value: "sure 1" } });
  });

  test("is answered with what goes wrong, of which the page hears as well", async () => {
    comet.on("sure", () => {
      throw new Error("no idea");
    });
    await push({ path: "sure", ask: "q1" });
    const message = { ask: "q1", error: "failed", detail: "Error: no idea" };
    assert.deepEqual(await question(), { path: "::answer", message });
    assert.equal(world.reported.length, 1);
  });

  test("is left to others if there is no handler, and what is no question is not answered", async () => {
    comet.on("sure", () => 1);
    await push({ path: "other", ask: "q1" });
    await push({ path: "sure" });
    await world.silence();
  });
});
