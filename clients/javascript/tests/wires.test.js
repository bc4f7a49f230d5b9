import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { Comet } from "../src/comet.js";
import { Choice } from "../src/wires.js";
import { Surroundings } from "./surroundings.js";

const OPENED = { version: 1, sid: "first", wait: 60, die: 45, requests: 2 };
const HELLO = { seq: 1, packets: [] };

/** @type {Surroundings} */
let world;
/** @type {Comet} */
let comet;
/** @type {unknown[]} */
let seen;

/** A WebSocket of which the test is the other end. */
class FakeSocket {
  /** @type {FakeSocket[]} */
  static all = [];
  /** @type {any[]} What the client sent. */
  sent = [];
  closed = false;
  onopen = () => undefined;
  onmessage = (/** @type {{ data: string }} */ _event) => undefined;
  onclose = () => undefined;

  /** @param {URL} url @param {string[]} protocols */
  constructor(url, protocols) {
    this.url = String(url);
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  /** @param {string} data */
  send(data) {
    this.sent.push(JSON.parse(data));
  }

  close() {
    this.closed = true;
  }

  /** @param {object} body */
  say(body) {
    this.onmessage({ data: JSON.stringify(body) });
  }

  /** The newest one. */
  static get last() {
    const last = FakeSocket.all.at(-1);
    assert(last, "none was opened");
    return last;
  }
}

beforeEach(() => {
  world = new Surroundings();
  FakeSocket.all = [];
  seen = [];
  const WebSocket = /** @type {any} */ (FakeSocket);
  comet = new Comet("http://server/comet", { environment: { ...world.environment, WebSocket } });
  comet.on("**", (message) => seen.push(message));
});

/** Open a session, whose held request is returned. */
async function open() {
  void comet.open();
  (await world.call()).answer(OPENED);
  return world.call();
}

/** Have its socket tried and attached, once nothing else goes out. */
function attach(socket = FakeSocket.last) {
  socket.onopen();
  while ("probe" in socket.sent.at(-1)) socket.say({ probe: 1 });
  socket.say(HELLO);
  socket.sent = [];
  return socket;
}

describe("a WebSocket", () => {
  test("is tried while the session goes by held requests, and attached when it answers", async () => {
    const poll = await open();
    const socket = FakeSocket.last;
    assert.deepEqual([socket.url, socket.protocols], ["ws://server/comet", ["cometary.1"]]);
    socket.onopen();
    assert.deepEqual(socket.sent, [{ probe: 1 }]);
    socket.say({ probe: 1 });
    assert.deepEqual(socket.sent.slice(1), [{ sid: "first", ack: 0 }]);
    assert.equal(comet.wire, "requests");
    socket.say(HELLO);
    assert.equal(comet.wire, "websocket");
    poll.answer({ packets: [] });
    await world.silence();
    socket.say({ packets: [{ path: "a", message: 1 }] });
    socket.say({ packets: [{ path: "a", message: 2 }] });
    assert.deepEqual(seen, [1, 2]);
  });

  test("is tried again when a request went out meanwhile, which would take its place", async () => {
    await open();
    const socket = FakeSocket.last;
    socket.onopen();
    comet.send("a", 1);
    await world.call();
    socket.say({ probe: 1 });
    assert.deepEqual(socket.sent, [{ probe: 1 }, { probe: 1 }]);
    socket.say({ probe: 1 });
    assert.deepEqual(socket.sent[2], { sid: "first", ack: 0 });
  });

  test("takes what is sent, and says what has been processed", async () => {
    await open();
    const socket = attach();
    comet.send("a", 1);
    await world.silence();
    assert.deepEqual(socket.sent, [{ rid: 3, ack: 0, packets: [{ path: "a", message: 1 }] }]);
    assert.equal(comet.unanswered, 1);
    socket.say({ rid: 3 });
    assert.equal(comet.unanswered, 0);
  });

  test("holds back what is sent while it is being attached", async () => {
    await open();
    const socket = FakeSocket.last;
    socket.onopen();
    socket.say({ probe: 1 });
    socket.say({ probe: 1 });
    comet.send("a", 1);
    await world.silence();
    socket.say(HELLO);
    assert.deepEqual(socket.sent.at(-1).packets, [{ path: "a", message: 1 }]);
  });

  test("acknowledges after 16 packets, or after a second, or with what is sent", async () => {
    await open();
    const socket = attach();
    for (let n = 1; n <= 16; n += 1) socket.say({ packets: [{ path: "a" }] });
    assert.deepEqual(socket.sent, [{ ack: 16 }]);
    socket.say({ packets: [{ path: "a" }] });
    await world.pass(999);
    assert.equal(socket.sent.length, 1);
    await world.pass(1);
    assert.deepEqual(socket.sent[1], { ack: 17 });
    socket.say({ packets: [{ path: "a" }] });
    comet.send("b");
    await world.pass(5000);
    assert.deepEqual(socket.sent.slice(2), [{ rid: 3, ack: 18, packets: [{ path: "b" }] }]);
  });

  test("answers beats, so that the server knows that the page lives", async () => {
    await open();
    const socket = attach();
    socket.say({});
    assert.deepEqual(socket.sent, [{ ack: 0 }]);
  });

  test("that breaks is followed by a request at once, with what was not confirmed", async () => {
    const poll = await open();
    const socket = attach();
    poll.answer({ packets: [] });
    socket.say({ packets: [{ path: "a", message: 1 }] });
    comet.send("b", 2);
    await world.silence();
    socket.onclose();
    const call = await world.call();
    assert.deepEqual(call.body, { sid: "first", rid: 3, ack: 1, packets: [{ path: "b", message: 2 }] });
    assert.equal(comet.state, "open");
    assert.equal(comet.wire, "requests");
  });

  test("is broken when it confirms nothing, and when it is silent", async () => {
    await open();
    attach();
    comet.send("a");
    await world.pass(10_100);
    assert(FakeSocket.all[0]?.closed);
    await world.call();
    await world.pass(1);
    attach().say({ rid: 3 });
    await world.pass(34_999);
    assert(!FakeSocket.last.closed);
    await world.pass(2);
    assert(FakeSocket.all[1]?.closed);
  });

  test("that cannot be had is tried again after 30 seconds, then less and less often", async () => {
    await open();
    for (const pause of [30_000, 60_000, 120_000]) {
      const { length } = FakeSocket.all;
      FakeSocket.last.onclose();
      await world.pass(pause - 1);
      assert.equal(FakeSocket.all.length, length);
      await world.pass(1);
      assert.equal(FakeSocket.all.length, length + 1);
    }
    FakeSocket.last.onclose();
    world.pageEvent("online");
    assert.equal(FakeSocket.all.length, 5);
  });

  test("may refuse a request, which is sent again later", async () => {
    await open();
    const socket = attach();
    comet.send("a");
    await world.silence();
    socket.say({ error: "too-many-requests", detail: "a sentence", retry_after: 2, rid: 3 });
    await world.pass(2250);
    assert.deepEqual(
      socket.sent.map(({ rid }) => rid),
      [3, 3],
    );
  });

  test("is closed with the session", async () => {
    await open();
    const socket = attach();
    const closed = comet.close();
    await world.silence();
    assert.equal(socket.sent[0].close, true);
    socket.say({ rid: 3 });
    await closed;
    assert(socket.closed);
    assert.equal(world.timers, 0);
  });

  test("is not tried by a page that does not want it", async () => {
    const environment = { ...world.environment, WebSocket: /** @type {any} */ (FakeSocket) };
    comet = new Comet("http://server/comet", { wires: [], environment });
    await open();
    assert.equal(FakeSocket.all.length, 0);
  });
});

describe("the choice of a wire", () => {
  test("is made again at once after a break, but not after two in 30 seconds", () => {
    const choice = new Choice();
    assert.equal(choice.broke(0), 0);
    assert.equal(choice.broke(30_001), 0);
    assert.equal(choice.broke(60_000), 30_000);
    assert.equal(choice.broke(90_000), 60_000);
    assert.equal(choice.broke(120_001), 0);
  });

  test("is never left for longer than five minutes, and begins anew on another network", () => {
    const choice = new Choice();
    const pauses = [1, 2, 3, 4, 5, 6].map(() => choice.failed());
    assert.deepEqual(pauses, [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
    choice.networkIsBack();
    assert.equal(choice.failed(), 30_000);
  });
});
