import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { Comet } from "../src/comet.js";
import { Renewal } from "../src/renewal.js";
import { Surroundings } from "./surroundings.js";

const OPENED = { version: 1, sid: "first", wait: 60, die: 45, requests: 2, expires: 60 };
const BOUND = { ...OPENED, bind: "token" };
const EMPTY = { packets: [] };
const ASKED = { seq: 1, packets: [{ path: "::token", message: { expires: 30 } }] };

/** @type {Surroundings} */
let world;
/** @type {Comet} */
let comet;
/** @type {[any, string][]} */
let heard;
/** @type {any[]} */
let errors;
/** @type {(string | undefined | Error)[]} What the page's `token` gets next; an error is thrown. */
let tokens;

beforeEach(() => {
  world = new Surroundings();
  tokens = ["one", "two", "three"];
  comet = new Comet("/comet", {
    wires: [],
    environment: world.environment,
    backoff: { base: 100, cap: 1000 },
    token: async () => {
      const token = tokens.shift();
      if (token instanceof Error) throw token;
      return token;
    },
  });
  heard = [];
  comet.on("**", (message, path) => heard.push([message, path]));
  errors = [];
  comet.addEventListener("error", (event) => errors.push(/** @type {CustomEvent} */ (event).detail));
});

/** Open the session, up to its first held request, which is returned. */
async function open(opened = OPENED) {
  const sid = comet.open();
  (await world.call()).answer(opened);
  await sid;
  return world.call();
}

describe("a token that is about to expire", () => {
  test("is replaced by another one, and the page is handed only its own packets", async () => {
    const poll = await open();
    assert.equal(poll.body.token, undefined);
    poll.answer({ seq: 1, packets: [...ASKED.packets, { path: "news", message: 1 }] });
    await world.call(); // the next one to be held goes out at once
    assert.deepEqual((await world.call()).body, { sid: "first", rid: 4, ack: 2, packets: [], token: "two" });
    assert.deepEqual(heard, [[1, "news"]]);
  });

  test("goes with what there is to send, and only once", async () => {
    (await open()).answer(ASKED);
    const held = await world.call();
    comet.send("a", 1);
    assert.equal((await world.call()).body.token, "two");
    held.answer(EMPTY);
    comet.send("a", 2);
    assert.equal((await world.call()).body.token, undefined);
  });

  test("is repeated with its request when that is lost", async () => {
    (await open()).answer(ASKED);
    await world.call();
    const carrying = await world.call();
    carrying.break();
    await world.pass(50);
    assert.deepEqual((await world.call()).body, carrying.body);
  });

  test("and is refused costs an event, and the session goes on until it expires", async () => {
    (await open()).answer(ASKED);
    await world.call();
    const carrying = await world.call();
    carrying.refuse(401, "unauthorized");
    const { token, ...body } = carrying.body;
    assert.equal(token, "two");
    assert.deepEqual((await world.call()).body, body);
    assert.deepEqual(
      errors.map(({ condition, packets }) => [condition, packets]),
      [["unauthorized", []]],
    );
    assert.equal(comet.state, "open");
  });

  test("is asked for again when the page could not get one", async () => {
    tokens = ["one", new Error("offline"), new Error("offline"), "two"];
    (await open()).answer(ASKED);
    await world.call();
    await world.pass(49);
    assert.equal(tokens.length, 2);
    await world.pass(1);
    assert.equal(tokens.length, 1);
    await world.pass(100);
    assert.equal((await world.call()).body.token, "two");
  });

  test("of a page that has none is let expire", async () => {
    tokens = ["one", undefined];
    (await open()).answer(ASKED);
    (await world.call()).refuse(410, "session-ended", { reason: "kicked" });
    await world.silence();
    assert.equal(comet.state, "closed");
  });

  test("is nobody's business any more when the session is over", async () => {
    tokens = ["one", new Error("offline"), "two", "three"];
    (await open()).answer(ASKED);
    (await world.call()).refuse(404, "unknown-session");
    await world.pass(50);
    const opening = await world.call();
    assert.equal(opening.body.token, "two"); // to open another session with
    opening.answer({ ...OPENED, sid: "second" });
    await world.call();
    await world.pass(10_000);
    await world.silence();
    assert.deepEqual(tokens, ["three"]);
  });

  test("leaves no timer behind when the page closes", async () => {
    tokens = ["one", new Error("offline")];
    (await open()).answer(ASKED);
    const poll = await world.call();
    const closed = comet.close();
    (await world.call()).answer(EMPTY);
    await closed;
    assert.ok(poll.settled);
    assert.equal(world.timers, 0);
  });
});

describe("a session that is bound to its token", () => {
  test("proves it with every request, the last one as well", async () => {
    const poll = await open(BOUND);
    assert.equal(poll.body.token, "one");
    comet.send("a", 1);
    assert.equal((await world.call()).body.token, "one");
    world.pageEvent("pagehide", { persisted: false });
    assert.deepEqual(
      world.beacons.map(({ token }) => token),
      ["one", "one", "one"],
    );
  });

  test("proves it with the latest one, in what is repeated too", async () => {
    const poll = await open(BOUND);
    comet.send("a", 1);
    const lost = await world.call();
    poll.answer(ASKED);
    assert.equal((await world.call()).body.token, "two");
    lost.break();
    await world.pass(50);
    assert.equal((await world.call()).body.token, "two");
  });

  test("is opened with a fresh token when the server does not know it any more", async () => {
    (await open(BOUND)).refuse(404, "unknown-session");
    await world.pass(50);
    const opening = await world.call();
    assert.equal(opening.body.token, "two");
    opening.answer({ ...BOUND, sid: "second" });
    assert.equal((await world.call()).body.token, "two");
  });
});

describe("another token that is being asked for", () => {
  /** @type {{ resolve: (token: string | undefined) => void, reject: (error: Error) => void }[]} */
  let questions;
  /** @type {string[]} */
  let taken;
  /** @type {Renewal} */
  let renewal;
  const take = (/** @type {string} */ token) => void taken.push(token);

  beforeEach(() => {
    [questions, taken] = [[], []];
    const { setTimeout, clearTimeout, random } = /** @type {any} */ (world.environment);
    renewal = new Renewal({
      token: () => new Promise((resolve, reject) => questions.push({ resolve, reject })),
      ...{ setTimeout, clearTimeout, random },
      backoff: { base: 100, cap: 1000 },
    });
    renewal.start(take);
  });

  test("is taken", async () => {
    questions[0]?.resolve("two");
    await world.pass(0);
    assert.deepEqual(taken, ["two"]);
  });

  test("is not, when there is none", async () => {
    questions[0]?.resolve(undefined);
    await world.pass(0);
    assert.deepEqual(taken, []);
  });

  test("comes too late after the end", async () => {
    renewal.stop();
    questions[0]?.resolve("two");
    await world.pass(0);
    assert.deepEqual(taken, []);
  });

  test("is not tried again after the end", async () => {
    renewal.stop();
    questions[0]?.reject(new Error("offline"));
    await world.pass(10_000);
    assert.equal(questions.length, 1);
  });

  test("is tried again after pauses that grow", async () => {
    for (const pause of [50, 100, 200, 400, 500, 500]) {
      questions.at(-1)?.reject(new Error("offline"));
      const asked = questions.length;
      await world.pass(pause - 1);
      assert.equal(questions.length, asked);
      await world.pass(1);
      assert.equal(questions.length, asked + 1);
    }
  });
});
