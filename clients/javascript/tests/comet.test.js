import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { Comet, ConnectError, QueueFullError } from "../src/comet.js";
import { Surroundings } from "./surroundings.js";

const OPENED = { version: 1, sid: "first", wait: 60, die: 45, requests: 2 };
const EMPTY = { packets: [] };

/** @type {Surroundings} */
let world;
/** @type {Comet} */
let comet;
/** @type {[string, any][]} Every event, in order. */
let events;

beforeEach(() => make());

/** @param {import("../src/comet.js").Options} options */
function make(options = {}) {
  world = new Surroundings();
  comet = new Comet("/comet", {
    wires: [],
    connectUrl: "/connect",
    disconnectUrl: "/disconnect",
    environment: world.environment,
    ...options,
  });
  events = [];
  const types = /** @type {const} */ (["state", "open", "retrying", "reopened", "error", "close"]);
  for (const type of types) {
    comet.addEventListener(type, (event) => events.push([type, /** @type {CustomEvent} */ (event).detail]));
  }
}

/** Open the session, up to its first held request, which is returned. */
async function open(opened = OPENED) {
  const sid = comet.open();
  (await world.call()).answer(opened);
  await sid;
  return world.call();
}

/** @param {string} type */
function detailsOf(type) {
  return events.filter(([name]) => name === type).map(([, detail]) => detail);
}

function states() {
  return detailsOf("state").map(({ state }) => state);
}

describe("opening", () => {
  test("asks once, and polls as soon as there is a session", async () => {
    const sid = comet.open();
    const call = await world.call();
    assert.deepEqual(call.body, { rid: 1, version: 1 });
    assert.equal(call.url, "/comet");
    call.answer(OPENED);
    assert.equal(await sid, "first");
    assert.deepEqual((await world.call()).body, { sid: "first", rid: 2, ack: 0, packets: [] });
    assert.deepEqual(states(), ["connecting", "open"]);
    assert.deepEqual(detailsOf("open"), [{ sid: "first" }]);
  });

  test("carries the token, which may take a while to get, and the wish for shorter waits", async () => {
    make({ token: async () => "ticket", wait: 5 });
    void comet.open();
    assert.deepEqual((await world.call()).body, { rid: 1, version: 1, wait: 5, token: "ticket" });
  });

  test("twice is once", async () => {
    void comet.open();
    void comet.open();
    await world.call();
    await world.silence();
  });

  test("is tried again, after pauses that double up to a bound", async () => {
    make({ backoff: { base: 100, cap: 300 } });
    void comet.open();
    for (const pause of [50, 100, 150, 150]) {
      (await world.call()).break();
      await world.pass(pause - 1);
      await world.silence();
      await world.pass(1);
    }
    (await world.call()).answer(OPENED);
    assert.deepEqual(states(), ["connecting"]);
  });

  test("waits as long as the server says, and then its own pause", async () => {
    void comet.open();
    (await world.call()).refuse(503, "too-many-sessions", {}, { "Retry-After": "7" });
    await world.pass(7249);
    await world.silence();
    await world.pass(1);
    await world.call();
  });

  test("is over when the server says no", async () => {
    const opening = comet.open();
    (await world.call()).refuse(401, "unauthorized");
    await assert.rejects(opening, /unauthorized/);
    assert.equal(detailsOf("error")[0].condition, "unauthorized");
    assert.deepEqual(detailsOf("close"), [{ reason: "unauthorized", undelivered: [] }]);
    assert.equal(comet.state, "closed");
  });

  test("is tried again when the page's token could not be had", async () => {
    let attempts = 0;
    make({
      token: () => {
        attempts += 1;
        if (attempts === 1) throw new Error("no token");
        return "ticket";
      },
    });
    void comet.open();
    await world.silence();
    await world.pass(250);
    assert.equal((await world.call()).body.token, "ticket");
  });
});

describe("packets for the page", () => {
  test("go to each handler whose pattern covers the path, until it is taken off", async () => {
    /** @type {unknown[]} */
    const seen = [];
    const stop = comet.on("jobs/*", (message, path) => seen.push(["one", message, path]));
    comet.on("**", (message) => seen.push(["all", message]));
    const poll = await open();
    poll.answer({ seq: 1, packets: [{ path: "jobs/7", message: 0.5 }, { path: "news" }] });
    const next = await world.call();
    assert.deepEqual(seen, [
      ["one", 0.5, "jobs/7"],
      ["all", 0.5],
      ["all", null],
    ]);
    assert.equal(next.body.ack, 2);
    stop();
    next.answer({ seq: 3, packets: [{ path: "jobs/7", message: 1 }] });
    await world.call();
    assert.deepEqual(seen.slice(3), [["all", 1]]);
  });

  test("reach the other handlers and the next packets when one handler throws", async () => {
    /** @type {unknown[]} */
    const seen = [];
    comet.on("a", () => {
      throw new Error("a bug in the page");
    });
    comet.on("*", (message) => seen.push(message));
    (await open()).answer({
      seq: 1,
      packets: [
        { path: "a", message: 1 },
        { path: "b", message: 2 },
      ],
    });
    await world.call();
    assert.deepEqual(seen, [1, 2]);
    assert.match(String(world.reported), /a bug in the page/);
  });

  test("are refused a handler that could never get one", () => {
    assert.throws(() => comet.on("chat*", () => undefined), TypeError);
  });
});

describe("packets from the page", () => {
  test("sent together go together, on the second connection", async () => {
    const held = await open();
    comet.send("a", 1);
    comet.send("b");
    const call = await world.call();
    assert.deepEqual(call.body, {
      sid: "first",
      rid: 3,
      ack: 0,
      packets: [{ path: "a", message: 1 }, { path: "b" }],
    });
    held.answer(EMPTY);
    await world.silence();
  });

  test("sent before there is a session wait for it", async () => {
    comet.send("a", 1);
    await world.silence();
    const poll = await open();
    assert.deepEqual(poll.body.packets, [{ path: "a", message: 1 }]);
  });

  test("are refused at once where the server would refuse them", () => {
    for (const path of ["", "::control", "a\nb"]) assert.throws(() => comet.send(path), TypeError);
  });

  test("are refused when too many wait", () => {
    make({ limits: { packets: 1 } });
    comet.send("a");
    assert.throws(() => comet.send("a"), QueueFullError);
    assert.equal(comet.unanswered, 1);
  });

  test("that the server refuses are told of, and the session goes on", async () => {
    await open();
    comet.send("a", 1);
    (await world.call()).refuse(403, "forbidden");
    assert.deepEqual((await world.call()).body, { sid: "first", rid: 3, ack: 0, packets: [] });
    assert.deepEqual(detailsOf("error"), [
      { condition: "forbidden", detail: "a sentence", packets: [{ path: "a", message: 1 }] },
    ]);
  });
});

describe("a network that fails", () => {
  test("a lost request goes again, the same, after a pause", async () => {
    const held = await open();
    comet.send("a", 1);
    const lost = await world.call();
    lost.break();
    await world.pass(249);
    await world.silence();
    await world.pass(1);
    assert.deepEqual((await world.call()).body, lost.body);
    assert(!held.settled);
    assert.deepEqual(states(), ["connecting", "open", "reconnecting"]);
  });

  for (const [what, status, text] of /** @type {[string, number, string][]} */ ([
    ["a proxy's error page", 502, "<h1>Bad gateway</h1>"],
    ["a login page", 200, "<form>"],
    ["an answer to something else", 200, "{}"],
    ["packets without numbers", 200, '{"packets":[{"path":"a"}]}'],
    ["an empty body", 200, ""],
    ["null", 200, "null"],
  ])) {
    test(`${what} is no answer`, async () => {
      const poll = await open();
      poll.respond(status, text);
      await world.pass(250);
      assert.deepEqual((await world.call()).body, poll.body);
    });
  }

  test("a request that is answered to nobody is found out before the server gives the session up", async () => {
    const poll = await open();
    await world.pass(24_999);
    await world.silence();
    await world.pass(1);
    const relief = await world.call();
    assert.deepEqual(relief.body, { sid: "first", rid: 3, ack: 0, packets: [] });
    await world.pass(9_999);
    assert(!poll.settled);
    await world.pass(50);
    assert(poll.settled && relief.settled);
    await world.pass(250);
    assert.deepEqual((await world.call()).body, poll.body);
    assert.deepEqual((await world.call()).body, relief.body);
    assert(world.now < OPENED.die * 1000);
  });

  test("a held request that is relieved costs no more than that", async () => {
    const poll = await open();
    await world.pass(25_000);
    const relief = await world.call();
    poll.answer(EMPTY);
    await world.pass(24_999);
    await world.silence();
    await world.pass(1);
    assert.equal((await world.call()).body.rid, 4);
    assert(!relief.settled);
    assert.deepEqual(detailsOf("retrying"), []);
  });

  test("a wait that is short enough needs no relief, and is given up after the margin", async () => {
    const poll = await open({ ...OPENED, wait: 20 });
    await world.pass(30_000);
    await world.silence();
    await world.pass(100); // what the slowest link may take for the body
    assert(poll.settled);
  });

  test("the margin is never so long that the session is lost first", async () => {
    make({ margin: Infinity });
    const poll = await open({ ...OPENED, die: 3, wait: 60 });
    await world.pass(1_000);
    await world.call();
    await world.pass(1_100);
    assert(poll.settled);
  });

  test("a large request on a slow link is given the time that it takes", async () => {
    const poll = await open();
    comet.send("a", "x".repeat(100_000));
    const slow = await world.call();
    await world.pass(24_000);
    assert(!poll.settled && !slow.settled);
  });

  test("a poll that a proxy cuts after a long hold is no reason for longer pauses", async () => {
    let poll = await open({ ...OPENED, wait: 20 });
    for (let cut = 1; cut <= 5; cut += 1) {
      await world.pass(15_000);
      poll.respond(504, "<h1>Gateway timeout</h1>");
      await world.pass(250);
      poll = await world.call();
    }
    assert.deepEqual(
      detailsOf("retrying").map(({ attempt }) => attempt),
      [1, 1, 1, 1, 1],
    );
  });

  test("the page is told of each attempt, with its cause, and may try at once", async () => {
    void comet.open();
    (await world.call()).respond(404, '{"error":"Not Found"}');
    await world.silence();
    const [{ attempt, delay, cause }] = detailsOf("retrying");
    assert.deepEqual([attempt, delay], [1, 250]);
    assert.match(String(cause), /\/comet answered with HTTP status 404/);
    comet.retry();
    (await world.call()).answer(OPENED);
    comet.retry();
    await world.call();
    await world.silence();
  });

  test("an error that is the server's own is told with its condition", async () => {
    void comet.open();
    (await world.call()).refuse(503, "too-many-sessions");
    await world.silence();
    assert.match(String(detailsOf("retrying")[0].cause), /too-many-sessions/);
  });

  for (const [status, text] of /** @type {[number, string][]} */ ([
    [503, '{"status":503,"error":"Service Unavailable"}'],
    [401, '{"error":"unauthorized"}'],
    [429, '{"error":"rate_limited","detail":"slow down"}'],
    [403, '{"error":"forbidden","detail":7}'],
    [502, '{"error":"unknown-session","detail":"not this status"}'],
    [200, '{"error":"unauthorized","detail":"not this status either"}'],
  ])) {
    test(`a gateway's own ${status}, ${text}, says nothing about the session`, async () => {
      const poll = await open();
      poll.respond(status, text);
      await world.pass(250);
      assert.deepEqual((await world.call()).body, poll.body);
      assert.equal(comet.sid, "first");
    });
  }

  test("a date in a hundred years to come back is an hour, and no time-out overflows", async () => {
    void comet.open();
    (await world.call()).refuse(503, "shutting-down", {}, { "Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT" });
    await world.silence();
    assert(detailsOf("retrying")[0].delay <= 3_600_250);
    await world.pass(3_600_250);
    await world.call();
  });

  test("success ends the pauses' growth", async () => {
    let poll = await open();
    for (const pause of [250, 500, 1000]) {
      poll.break();
      await world.pass(pause);
      poll = await world.call();
    }
    poll.answer(EMPTY);
    poll = await world.call();
    assert.equal(states().at(-1), "open");
    poll.break();
    await world.pass(250);
    await world.call();
  });

  test("no pause is left when a later answer shows that nothing has to go again", async () => {
    const held = await open();
    comet.send("a", 1);
    const second = await world.call();
    held.break();
    await world.silence();
    second.answer(EMPTY);
    assert.equal((await world.call()).body.rid, 4);
  });

  test("over-active polling is slowed down as the server says", async () => {
    const poll = await open();
    poll.refuse(429, "too-many-requests", {}, { "Retry-After": "3" });
    await world.pass(3249);
    await world.silence();
    await world.pass(1);
    assert.deepEqual((await world.call()).body, poll.body);
  });

  test("packets that come too fast go again later, as they were, and those behind them after them", async () => {
    await open();
    for (let number = 0; number < 300; number += 1) comet.send("a", number);
    const first = await world.call();
    first.refuse(429, "too-many-requests", {}, { "Retry-After": "2" });
    await world.silence();
    comet.send("a", 300);
    await world.pass(2250);
    const again = await world.call();
    assert.deepEqual(again.body, first.body);
    again.answer(EMPTY);
    const rest = await world.call();
    const sent = [again, rest].flatMap(({ body }) =>
      body.packets.map((/** @type {{ message: number }} */ { message }) => message),
    );
    assert.deepEqual(
      sent,
      Array.from({ length: 301 }, (_, number) => number),
    );
    assert.equal(again.body.packets.length, 256);
  });

  test("a network that is back is used at once", async () => {
    (await open()).break();
    await world.silence();
    world.pageEvent("online");
    assert.equal((await world.call()).body.rid, 2);
  });

  test("connections from before the network changed are not trusted", async () => {
    const poll = await open();
    world.pageEvent("online");
    await world.silence();
    assert(poll.settled);
    await world.pass(250);
    assert.deepEqual((await world.call()).body, poll.body);
  });
});

describe("a session that the server has lost", () => {
  const SECOND = { ...OPENED, sid: "second" };

  test("is replaced, and what was not processed goes to the next one", async () => {
    (await open()).refuse(404, "unknown-session");
    await world.silence();
    comet.send("a", 1);
    await world.pass(250);
    const opening = await world.call();
    assert.deepEqual(opening.body, { rid: 1, version: 1 });
    opening.answer(SECOND);
    assert.deepEqual((await world.call()).body, {
      sid: "second",
      rid: 2,
      ack: 0,
      packets: [{ path: "a", message: 1 }],
    });
    assert.deepEqual(detailsOf("reopened"), [{ reason: "unknown-session", uncertain: [], missing: [] }]);
    assert.deepEqual(states(), ["connecting", "open", "reconnecting", "open"]);
  });

  test("leaves it to the page what may or may not have arrived", async () => {
    const held = await open();
    comet.send("a", 1);
    const second = await world.call();
    held.answer(EMPTY);
    second.refuse(410, "session-ended", { reason: "shutdown" });
    await world.pass(250);
    (await world.call()).answer(SECOND);
    await world.call();
    assert.deepEqual(detailsOf("reopened"), [
      { reason: "shutdown", uncertain: [{ path: "a", message: 1 }], missing: [] },
    ]);
  });

  test("is replaced when the server that stops wants to be asked for another", async () => {
    (await open()).refuse(410, "session-ended", { reason: "shutdown" }, { "Retry-After": "7" });
    await world.pass(7249);
    await world.silence();
    await world.pass(1);
    (await world.call()).answer(SECOND);
    await world.call();
    assert.deepEqual(detailsOf("reopened"), [{ reason: "shutdown", uncertain: [], missing: [] }]);
  });

  test("gives up what was still asked in it", async () => {
    const held = await open();
    comet.send("a", 1);
    (await world.call()).refuse(404, "unknown-session");
    await world.silence();
    assert(held.settled);
    await world.pass(250);
    (await world.call()).answer(SECOND);
    await world.call();
    await world.silence();
  });

  test("is replaced more slowly if it keeps being lost", async () => {
    let poll = await open();
    for (const pause of [250, 500, 1000]) {
      poll.refuse(404, "unknown-session");
      await world.pass(pause - 1);
      await world.silence();
      await world.pass(1);
      (await world.call()).answer(SECOND);
      poll = await world.call();
    }
    assert.equal(detailsOf("reopened").length, 3);
  });

  test("is not replaced when the application has sent the client away", async () => {
    (await open()).refuse(410, "session-ended", { reason: "kicked" });
    await world.pass(60_000);
    await world.silence();
    assert.deepEqual(detailsOf("close"), [{ reason: "kicked", undelivered: [] }]);
    assert.deepEqual(detailsOf("error"), []);
  });

  test("has its paths connected again, all in one request, before the page hears of it (R23)", async () => {
    const poll = await open();
    const connecting = comet.connect(["news", "jobs/7"]);
    const first = await world.call();
    assert.equal(first.url, "/connect");
    assert.deepEqual(first.body, { sid: "first", paths: ["news", "jobs/7"] });
    first.answer({});
    await connecting;
    poll.refuse(404, "unknown-session");
    await world.pass(250);
    (await world.call()).answer(SECOND);
    assert.equal((await world.call()).body.sid, "second");
    const again = await world.call();
    assert.deepEqual([again.url, again.body], ["/connect", { sid: "second", paths: ["news", "jobs/7"] }]);
    assert.deepEqual(detailsOf("reopened"), []);
    again.answer({});
    await world.silence();
    assert.equal(detailsOf("reopened").length, 1);
  });

  test("has each path connected again that the back-end still allows, and says which it does not", async () => {
    const poll = await open();
    const connecting = comet.connect(["news", "secret", "jobs"]);
    (await world.call()).answer({});
    await connecting;
    poll.refuse(404, "unknown-session");
    await world.pass(250);
    (await world.call()).answer(SECOND);
    await world.call();
    (await world.call()).refuse(403, "forbidden");
    for (const path of ["news", "secret", "jobs"]) {
      const call = await world.call();
      assert.deepEqual(call.body, { sid: "second", paths: [path] });
      call.respond(path === "secret" ? 403 : 200, "");
    }
    await world.silence();
    assert.equal(detailsOf("error")[0].condition, "connect-failed");
    assert.deepEqual(detailsOf("reopened")[0].missing, ["secret"]);
  });

  test("says which paths are missing when the back-end stays away, and asks again in the next session", async () => {
    const poll = await open();
    const connecting = comet.connect(["news"]);
    (await world.call()).answer({});
    await connecting;
    poll.refuse(404, "unknown-session");
    await world.pass(250);
    (await world.call()).answer({ ...SECOND, die: 1000 });
    const second = await world.call();
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      (await world.call()).respond(503, "");
      await world.pass(4_000);
    }
    assert.deepEqual(detailsOf("reopened")[0].missing, ["news"]);
    second.refuse(404, "unknown-session");
    await world.pass(500);
    (await world.call()).answer({ ...OPENED, sid: "third" });
    await world.call();
    assert.deepEqual((await world.call()).body, { sid: "third", paths: ["news"] });
  });
});

describe("paths", () => {
  test("that the back-end refuses are not asked for again", async () => {
    const poll = await open();
    const connecting = comet.connect(["secret"]);
    (await world.call()).refuse(403, "forbidden");
    await assert.rejects(connecting, (error) => error instanceof ConnectError && error.final);
    poll.refuse(404, "unknown-session");
    await world.pass(250);
    (await world.call()).answer(OPENED);
    assert.equal((await world.call()).url, "/comet");
  });

  test("are asked for again while the back-end cannot be reached", async () => {
    await open();
    const connecting = comet.connect(["news"]);
    for (const pause of [250, 500]) {
      (await world.call()).break();
      await world.pass(pause);
    }
    (await world.call()).answer({});
    await connecting;
  });

  test("are given up when the back-end stays away", async () => {
    await open();
    const connecting = comet.connect(["news"]);
    connecting.catch(() => undefined);
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      (await world.call()).respond(503, "");
      await world.pass(4_000);
    }
    await assert.rejects(connecting, ConnectError);
  });

  test("are asked for in the session that there is in the end", async () => {
    const poll = await open();
    const connecting = comet.connect(["news"]);
    const first = await world.call();
    poll.refuse(404, "unknown-session");
    await world.pass(250);
    (await world.call()).answer({ ...OPENED, sid: "second" });
    await world.call(); // its first poll
    first.answer({});
    const again = await world.call();
    assert.deepEqual([again.url, again.body], ["/connect", { sid: "second", paths: ["news"] }]);
    again.answer({});
    await connecting;
  });

  test("that are wanted no more are not asked for by a retry: what the page said last holds", async () => {
    await open();
    const connecting = comet.connect(["news", "jobs"]);
    (await world.call()).break();
    const disconnecting = comet.disconnect(["news"]);
    await world.pass(250);
    const again = await world.call();
    assert.deepEqual([again.url, again.body.paths], ["/connect", ["jobs"]]);
    again.answer({});
    const last = await world.call();
    assert.deepEqual([last.url, last.body.paths], ["/disconnect", ["news"]]);
    last.answer({});
    await Promise.all([connecting, disconnecting]);
  });

  test("that are wanted no more before there is a session are never asked for", async () => {
    const connecting = comet.connect(["news"]);
    const disconnecting = comet.disconnect(["news"]);
    (await world.call()).answer(OPENED);
    await Promise.all([connecting, disconnecting]);
    assert.equal((await world.call()).url, "/comet");
    await world.silence();
  });

  test("go one after the other, so that none overtakes another", async () => {
    await open();
    const all = [comet.connect("a"), comet.disconnect("a"), comet.connect("a")];
    for (const url of ["/connect", "/connect"]) {
      const call = await world.call();
      assert.deepEqual([call.url, call.body.paths], [url, ["a"]]);
      await world.silence();
      call.answer({});
    }
    await Promise.all(all);
  });

  test("are asked for again when the back-end does not answer at all", async () => {
    await open({ ...OPENED, die: 1000 });
    const connecting = comet.connect("news");
    const never = await world.call();
    await world.pass(30_000);
    assert(never.settled);
    await world.pass(250);
    (await world.call()).answer({});
    await connecting;
  });

  test("are refused before anything is asked if they are not paths", async () => {
    await assert.rejects(comet.connect(/** @type {any} */ (7)), /array of strings/);
    await assert.rejects(comet.disconnect(["a", ""]), TypeError);
    await world.silence();
  });

  test("carry the page's headers, made afresh for each request", async () => {
    make({ backendHeaders: () => ({ "X-CSRFToken": "fresh" }) });
    await open();
    void comet.connect(["news"]);
    const headers = new Headers((await world.call()).init.headers);
    assert.equal(headers.get("X-CSRFToken"), "fresh");
    assert.equal(headers.get("Content-Type"), "application/json");
  });

  test("that are disconnected are not asked for again", async () => {
    const poll = await open();
    const connecting = comet.connect(["news"]);
    (await world.call()).answer({});
    await connecting;
    const disconnecting = comet.disconnect(["news"]);
    const call = await world.call();
    assert.deepEqual([call.url, call.body], ["/disconnect", { sid: "first", paths: ["news"] }]);
    call.answer({});
    await disconnecting;
    poll.refuse(404, "unknown-session");
    await world.pass(250);
    (await world.call()).answer(OPENED);
    assert.equal((await world.call()).url, "/comet");
  });

  test("need a back-end to ask", async () => {
    make({ connectUrl: /** @type {any} */ (undefined) });
    await assert.rejects(comet.connect(["news"]), /connectUrl/);
  });
});

describe("options", () => {
  for (const [name, value] of [
    ["margin", NaN],
    ["margin", "10"],
    ["wait", -1],
    ["wait", Infinity],
    ["closeTimeout", null],
  ]) {
    test(`${name}: ${value} is refused`, () => {
      assert.throws(() => new Comet("/comet", { [String(name)]: value }), TypeError);
    });
  }
});

describe("closing", () => {
  test("sends what is queued, takes what is left, and is over", async () => {
    /** @type {unknown[]} */
    const seen = [];
    comet.on("*", (message) => seen.push(message));
    const held = await open();
    comet.send("a", 1);
    const closed = comet.close();
    const call = await world.call();
    assert.deepEqual(call.body, {
      sid: "first",
      rid: 3,
      ack: 0,
      packets: [{ path: "a", message: 1 }],
      close: true,
    });
    call.answer({ seq: 1, packets: [{ path: "news", message: "last" }] });
    await closed;
    assert.deepEqual(seen, ["last"]);
    assert(held.settled);
    assert.deepEqual(detailsOf("close"), [{ reason: "closed", undelivered: [] }]);
    await world.silence();
    assert.equal(world.timers, 0);
  });

  test("does not wait for ever, and says what is not known to have arrived", async () => {
    await open();
    comet.send("a", 1);
    const closed = comet.close();
    await world.call();
    await world.pass(5_000);
    await closed;
    assert.deepEqual(detailsOf("close"), [{ reason: "closed", undelivered: [{ path: "a", message: 1 }] }]);
    assert.equal(world.timers, 0);
  });

  test("before there is a session calls the opening off", async () => {
    const opening = comet.open();
    const call = await world.call();
    await comet.close();
    await assert.rejects(opening, /closed/);
    assert(call.settled);
    assert.equal(world.timers, 0);
  });

  test("leaves a client that can be opened again", async () => {
    await open();
    const closed = comet.close();
    (await world.call()).answer(EMPTY);
    await closed;
    assert.equal(comet.sid, undefined);
    assert.equal((await open({ ...OPENED, sid: "second" })).body.sid, "second");
  });

  test("a closed client can be opened again by who hears that it is closed", async () => {
    await open();
    comet.addEventListener("state", () => {
      if (comet.state === "closed") void comet.open();
    });
    const closed = comet.close();
    (await world.call()).answer(EMPTY);
    await closed;
    (await world.call()).answer({ ...OPENED, sid: "second" });
    await world.call();
    assert.equal(comet.sid, "second");
  });

  test("a client that was never opened has nothing to close", () => comet.close());
});

describe("a page that is left", () => {
  test("closes its session with a beacon that carries what is queued", async () => {
    await open();
    comet.send("a", 1);
    world.pageEvent("pagehide", { persisted: false });
    assert.deepEqual(world.beacons, [
      { url: "/comet", sid: "first", rid: 2, ack: 0, packets: [] },
      { url: "/comet", sid: "first", rid: 3, ack: 0, packets: [{ path: "a", message: 1 }], close: true },
    ]);
    assert.equal(comet.state, "closed");
  });

  test("repeats in a beacon what may not have left yet", async () => {
    await open();
    comet.send("a", 1);
    const { body } = await world.call();
    world.pageEvent("pagehide", { persisted: false });
    assert.deepEqual(world.beacons[1], { url: "/comet", ...body });
    assert.equal(world.beacons[2].rid, 4);
  });

  test("closes its session although the browser takes no more, and says what has not left", async () => {
    world.longestBeacon = 100;
    await open();
    comet.send("a", "x".repeat(200));
    world.pageEvent("pagehide", { persisted: false });
    assert.deepEqual(world.beacons.at(-1), {
      url: "/comet",
      sid: "first",
      rid: 3,
      ack: 0,
      packets: [],
      close: true,
    });
    assert.equal(detailsOf("close")[0].undelivered.length, 1);
  });

  test("and may come back keeps its session, and uses the network at once when it does", async () => {
    const poll = await open();
    world.pageEvent("pagehide", { persisted: true });
    assert.deepEqual(world.beacons, []);
    poll.break();
    await world.silence();
    world.pageEvent("pageshow", { persisted: true });
    assert.deepEqual((await world.call()).body, poll.body);
  });

  test("may leave the session to time out", async () => {
    make({ closeOnPageHide: false });
    await open();
    world.pageEvent("pagehide", { persisted: false });
    assert.deepEqual(world.beacons, []);
    assert.equal(comet.state, "open");
  });
});
