import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";

import { AskError, Connector, ConnectorError, ControlError, UnknownSessionError } from "../src/connector.js";

/** @typedef {{ url: string, method: string, headers: import("node:http").IncomingHttpHeaders, body: any }} Received */

/** @type {Received[]} */
let received = [];
/** @type {(number | [number, any] | "hang" | "cut" | "drip")[]} What is done with the next requests; then they are answered. */
let script = [];
/** @type {any} */
let answer = {};
/** @type {string} */
let url;

const server = createServer(async (request, response) => {
  let text = "";
  for await (const piece of request) text += piece;
  const { url = "", method = "", headers } = request;
  received.push({ url, method, headers, body: text && JSON.parse(text) });
  const next = script.shift() ?? 200;
  if (next === "cut") return request.socket.destroy();
  if (next === "hang") return undefined;
  if (next === "drip") return void response.writeHead(200).write("{");
  const [status, body] = Array.isArray(next)
    ? next
    : [next, next < 300 ? answer : { error: "internal-error", detail: "for now" }];
  return void response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
});

before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`;
});
beforeEach(() => {
  received = [];
  script = [];
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** @returns {Promise<string>} where nothing listens any more */
async function nobodysUrl() {
  const brief = createServer();
  await new Promise((resolve) => brief.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (brief.address());
  await new Promise((resolve) => brief.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** @param {Promise<unknown>} call @param {new (...args: any[]) => Error} kind @returns {Promise<any>} */
async function fails(call, kind) {
  const error = await call.then(
    () => assert.fail("it succeeded"),
    (reason) => reason,
  );
  assert.equal(error.constructor, kind, error);
  return error;
}

describe("a call", () => {
  test("is one request, with the secret", async () => {
    answer = { updates: 2 };
    const push = new Connector(`${url}/`, { secret: "s" });
    assert.equal(
      await push.updates([
        ["a", 1],
        ["b", null],
      ]),
      2,
    );
    const [{ method, url: path, headers, body }] = /** @type {[Received]} */ (received);
    assert.deepEqual([method, path, headers.authorization], ["POST", "/update", "Bearer s"]);
    assert.deepEqual(body, [
      { path: "a", message: 1 },
      { path: "b", message: null },
    ]);
  });

  test("says what is wished for it by the server's names", async () => {
    answer = { updates: 1, results: [{}, {}], packets: 1, paths: ["a"], receipts: [], value: 7 };
    const push = new Connector(url);
    await push.update("a", 1, { receipt: "r", ttl: 2, exclude: "s", idempotencyKey: "k" });
    await push.batch([["a", 1], { path: "b", message: 2, idempotencyKey: "l" }]);
    await push.send("s", [["a", 1]], { receipt: "r" });
    await push.connect("s", ["a"], { last: 3 });
    assert.equal(await push.ask("s", "sure", "tea", { timeout: 1 }), 7);
    await push.receipts({ after: "x", wait: 1 });
    assert.deepEqual(
      received.map(({ url, body }) => [url, body]),
      [
        ["/update", { path: "a", message: 1, receipt: "r", ttl: 2, exclude: "s", idempotency_key: "k" }],
        [
          "/batch",
          [
            { path: "a", message: 1 },
            { path: "b", message: 2, idempotency_key: "l" },
          ],
        ],
        ["/send", { sid: "s", packets: [{ path: "a", message: 1, receipt: "r" }] }],
        ["/connect", { sid: "s", paths: ["a"], last: 3 }],
        ["/ask", { sid: "s", path: "sure", message: "tea", timeout: 1 }],
        ["/receipts?after=x&wait=1", ""],
      ],
    );
  });

  test("that cannot be made is refused at once", async () => {
    const push = new Connector(url);
    await fails(push.connect("s", /** @type {any} */ ("news")), TypeError);
    await fails(push.send("s", /** @type {any} */ (["a", 1])), TypeError);
    await fails(push.update("a", "half \ud800"), TypeError);
    assert.throws(() => new Connector("ftp://127.0.0.1"), TypeError);
    assert.throws(() => new Connector("127.0.0.1:8081"), TypeError);
    assert.equal(received.length, 0);
  });
});

describe("a failure", () => {
  test("is the program's where the server refuses", async () => {
    const push = new Connector(url);
    script = [
      [404, { error: "unknown-session", detail: "gone" }],
      [401, { error: "unauthorized", detail: "no" }],
      [200, { error: "timeout", detail: "none", fault: "nobody" }],
    ];
    assert.equal((await fails(push.kick("s"), UnknownSessionError)).status, 404);
    assert.equal((await fails(push.sessions(), ControlError)).condition, "unauthorized");
    assert.equal((await fails(push.ask("s", "a"), AskError)).fault, "nobody");
  });

  test("is the environment's where it is away, fails, or is something else", async () => {
    const push = new Connector(url, { timeout: 0.05 });
    script = [500, [200, "<html>"], [403, { error: "forbidden" }], "hang", "drip", "cut"];
    for (const { length } of [script]) {
      for (let n = 0; n < length; n += 1)
        assert.equal((await fails(push.healthz(), ConnectorError)).unsent, false);
    }
    const away = new Connector(await nobodysUrl());
    assert.equal((await fails(away.update("a", 1), ConnectorError)).unsent, true);
  });

  test("of an update is tried again with an idempotency key alone", async () => {
    const push = new Connector(url);
    answer = { updates: 1 };
    script = [500, "cut"];
    await push.update("a", 1, { idempotencyKey: "k" });
    assert.equal(received.length, 3);
    script = [500];
    await fails(push.update("a", 1), ConnectorError);
    assert.equal(received.length, 4);
    script = [[400, { error: "bad-request", detail: "no" }]];
    await fails(push.update("", 1, { idempotencyKey: "k" }), ControlError);
    assert.equal(received.length, 5);
  });

  test("ends within the time-out, however often it is tried", async () => {
    const push = new Connector(url, { timeout: 0.2 });
    script = Array(100).fill(500);
    const began = performance.now();
    await fails(push.update("a", 1, { idempotencyKey: "k" }), ConnectorError);
    assert(performance.now() - began < 1000);
    assert(received.length > 1);
  });
});
