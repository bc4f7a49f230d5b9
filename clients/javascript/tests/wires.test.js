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
  readyState = 1;
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
  comet = new Comet("http://server/comet", {
    wires: ["websocket"],
    environment: { ...world.environment, WebSocket },
  });
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

  test("that has closed and has not said so yet is sent nothing, and what it should have had goes by a request", async () => {
    const poll = await open();
    const socket = attach();
    poll.answer({ packets: [] });
    socket.readyState = 3;
    comet.send("b", 2);
    await world.silence();
    assert.deepEqual(socket.sent, []);
    socket.onclose();
    assert.deepEqual((await world.call()).body.packets, [{ path: "b", message: 2 }]);
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

  test("whose place a late request took is followed by another at once, which has that one answered", async () => {
    const late = await open();
    const socket = attach();
    socket.onclose();
    assert.deepEqual((await world.call()).body, { sid: "first", rid: 3, ack: 0, packets: [] });
    late.answer({ packets: [] });
    await world.silence();
  });

  test("whose place repeated packets took leaves nobody in doubt of these for as long as they are held", async () => {
    const poll = await open();
    const socket = attach();
    poll.answer({ packets: [] });
    comet.send("a");
    await world.silence();
    socket.onclose();
    const repeated = await world.call();
    await world.pass(0);
    attach().onclose(); // they had left before the other socket, and came to the server after it
    assert.deepEqual((await world.call()).body, { sid: "first", rid: 4, ack: 0, packets: [] });
    repeated.answer({ packets: [] });
    await world.silence();
    assert.equal(comet.unanswered, 0);
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
    await world.pass(59_999);
    assert(!FakeSocket.last.closed, "it is longer than any pause between two beats");
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

describe("a stream", () => {
  /** Open a session whose WebSocket cannot be had, up to the call that attaches a stream. */
  async function beforeStream() {
    const poll = await open();
    FakeSocket.last.onclose();
    await world.silence();
    await world.pass(500);
    const call = await world.call();
    poll.answer({ packets: [] }); // the server releases it
    return call;
  }

  /** The same, and have it attached. */
  async function attached() {
    const call = await beforeStream();
    const stream = call.stream();
    await stream.say(HELLO);
    return stream;
  }

  beforeEach(() => {
    const WebSocket = /** @type {any} */ (FakeSocket);
    comet = new Comet("http://server/comet", { environment: { ...world.environment, WebSocket } });
    comet.on("**", (message) => seen.push(message));
  });

  test("takes the place of a WebSocket that cannot be had", async () => {
    const call = await beforeStream();
    assert.deepEqual(call.body, { sid: "first", ack: 0 });
    assert.equal(new Headers(call.init.headers).get("Accept"), "application/x-ndjson");
    const stream = call.stream();
    await stream.say(HELLO);
    assert.equal(comet.wire, "stream");
    await stream.say({ packets: [{ path: "a", message: 1 }] }, { packets: [{ path: "a", message: 2 }] });
    assert.deepEqual(seen, [1, 2]);
  });

  test("waits until no request has gone out for a moment, which would take its place", async () => {
    await open();
    FakeSocket.last.onclose();
    await world.pass(400);
    comet.send("a");
    await world.call();
    await world.pass(100);
    await world.silence();
    await world.pass(500);
    assert.deepEqual((await world.call()).body, { sid: "first", ack: 0 });
  });

  test("is acknowledged by requests that are not held, and so are beats", async () => {
    const stream = await attached();
    await stream.say({ packets: [{ path: "a" }] });
    await world.pass(999);
    await world.silence();
    await world.pass(1);
    const acknowledgement = await world.call();
    assert.deepEqual(acknowledgement.body, { sid: "first", rid: 3, ack: 1, hold: false, packets: [] });
    acknowledgement.answer({ packets: [] });
    await world.silence();
    await stream.say({});
    assert.equal((await world.call()).body.hold, false);
  });

  test("leaves it to requests to send", async () => {
    await attached();
    comet.send("a", 1);
    const { body } = await world.call();
    assert.deepEqual([body.packets, body.hold], [[{ path: "a", message: 1 }], false]);
  });

  test("whose requests are lost has them sent again after a pause", async () => {
    await attached();
    comet.send("a", 1);
    (await world.call()).break();
    await world.silence();
    await world.pass(500);
    assert.deepEqual((await world.call()).body.packets, [{ path: "a", message: 1 }]);
  });

  test("that ends is followed by a request at once", async () => {
    const stream = await attached();
    await stream.end();
    assert.deepEqual((await world.call()).body, { sid: "first", rid: 3, ack: 0, packets: [] });
    assert.equal(comet.wire, "requests");
  });

  test("that brings nothing for longer than the server is ever silent is given up", async () => {
    const stream = await attached();
    await stream.say({});
    (await world.call()).answer({ packets: [] });
    await world.pass(59_900);
    assert.equal(comet.wire, "stream");
    await world.pass(200);
    assert.equal(comet.wire, "requests");
  });

  test("whose hello is held back by something between is not tried again on the same network", async () => {
    const call = await beforeStream();
    call.stream();
    await world.pass(2_999);
    comet.send("a"); // it waits for the hello
    await world.silence();
    await world.pass(1);
    assert.deepEqual((await world.call()).body.packets, [{ path: "a" }]);
    await world.pass(30_000);
    FakeSocket.last.onclose();
    await world.pass(10_000);
    assert(world.unseen.every(({ rid }) => rid !== undefined));
    world.pageEvent("online");
    FakeSocket.last.onclose();
    await world.pass(1000);
    assert.deepEqual(world.unseen.at(-1), { sid: "first", ack: 0 });
  });

  test("gives way to a WebSocket, as soon as that can be had", async () => {
    const stream = await attached();
    await world.pass(30_000);
    assert.equal(FakeSocket.all.length, 2);
    const socket = FakeSocket.last;
    socket.onopen();
    socket.say({ probe: 1 });
    assert.deepEqual(socket.sent.at(-1), { sid: "first", ack: 0 });
    await stream.say({ packets: [{ path: "a", message: 1 }] });
    await stream.end(); // the server releases it
    await world.silence();
    socket.say({ seq: 1, packets: [{ path: "a", message: 1 }] });
    assert.equal(comet.wire, "websocket");
    assert.deepEqual(seen, [1]);
  });

  test("stays while a WebSocket is tried again and again in vain", async () => {
    const stream = await attached();
    for (const pause of [30_000, 30_000, 30_000]) {
      await world.pass(pause);
      FakeSocket.last.onclose();
      await stream.say({ packets: [] });
    }
    assert.equal(FakeSocket.all.length, 3, "after 30 seconds and after a minute");
    assert.equal(comet.wire, "stream");
    await world.silence();
  });

  test("is closed with the session", async () => {
    await attached();
    const closed = comet.close();
    const last = await world.call();
    assert.equal(last.body.close, true);
    last.answer({ packets: [] });
    await closed;
    assert.equal(world.timers, 0);
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
