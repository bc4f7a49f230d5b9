import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { Session } from "../src/protocol.js";
import { SendQueue } from "../src/queue.js";

/** @type {SendQueue} */
let queue;
/** @type {Session} */
let session;

beforeEach(() => {
  queue = new SendQueue({ packets: 100, bytes: 10_000, batchBytes: 100 });
  session = new Session({ sid: "secret", requests: 2 }, 1, queue);
});

/** The request that `next` must have. */
function next() {
  const request = session.next();
  assert(request, "there is nothing to send");
  return request;
}

/** @param {import("../src/protocol.js").Request} request */
function body(request) {
  return JSON.parse(session.body(request));
}

const EMPTY = { packets: [] };

describe("which request goes out", () => {
  test("one is always there to be held, and no second one without need", () => {
    assert.deepEqual(body(next()), { sid: "secret", rid: 2, ack: 0, packets: [] });
    assert.equal(session.next(), undefined);
  });

  test("what is sent goes out on the second connection, and what comes later waits", () => {
    next();
    queue.append("a", 1);
    queue.append("a", 2);
    assert.deepEqual(body(next()).packets, [
      { path: "a", message: 1 },
      { path: "a", message: 2 },
    ]);
    queue.append("a", 3);
    assert.equal(session.next(), undefined);
  });

  test("a held request is relieved by one that carries nothing, once", () => {
    const held = next();
    session.relieve();
    assert.deepEqual(body(next()), { sid: "secret", rid: 3, ack: 0, packets: [] });
    session.answered(held, EMPTY);
    assert.equal(session.next(), undefined);
  });

  test("the request that carried packets is the one held when the server releases the other", () => {
    const held = next();
    queue.append("a", 1);
    next();
    session.answered(held, EMPTY);
    assert.equal(session.next(), undefined);
  });

  test("a batch is bounded in bytes, and the rest goes next", () => {
    for (const text of ["x".repeat(40), "y".repeat(40), "z"]) queue.append("a", text);
    assert.equal(next().packets.length, 1);
    assert.equal(next().packets.length, 2);
  });

  test("a server that allows one request only is never sent a second", () => {
    session = new Session({ sid: "secret", requests: 1 }, 1, queue);
    const held = next();
    queue.append("a", 1);
    assert.equal(session.next(), undefined);
    session.answered(held, EMPTY);
    assert.equal(next().packets.length, 1);
  });
});

describe("what is lost", () => {
  test("goes again with the same id and packets, and with the acknowledgement as it is now", () => {
    queue.append("a", 1);
    const first = next();
    queue.append("a", 2);
    const second = next();
    session.lost(second);
    session.answered(first, { seq: 1, packets: [{ path: "news", message: "x" }] });
    assert.deepEqual(body(next()), { sid: "secret", rid: 3, ack: 1, packets: [{ path: "a", message: 2 }] });
    assert.equal(second.attempts, 2);
  });

  test("goes in the order of the ids, before anything new", () => {
    const first = next();
    queue.append("a", 1);
    const second = next();
    session.lost(second);
    session.lost(first);
    assert.deepEqual([session.next()?.rid, session.next()?.rid, session.next()], [2, 3, undefined]);
  });

  test("is forgotten when a later request has been answered: it was processed", () => {
    queue.append("a", 1);
    const first = next();
    queue.append("a", 2);
    const second = next();
    session.lost(first);
    assert(session.anyLost);
    session.answered(second, EMPTY);
    assert(!session.anyLost);
    assert.equal(next().rid, 4);
    assert.equal(queue.unanswered, 0);
  });

  test("is forgotten, too, when that answer came before the loss was noticed", () => {
    const first = next();
    queue.append("a", 1);
    session.answered(next(), EMPTY);
    session.lost(first);
    assert.equal(next().rid, 4);
  });
});

describe("while a request is being repeated", () => {
  test("what is sent stays in the queue, and an empty request makes the server answer the other", () => {
    session.lost(next());
    queue.append("a", 1);
    const repeated = next();
    const prod = next();
    assert.deepEqual(
      [body(repeated), body(prod)].map(({ rid, packets }) => [rid, packets]),
      [
        [2, []],
        [3, []],
      ],
    );
    assert.equal(session.next(), undefined);
    session.answered(repeated, EMPTY);
    assert.deepEqual(body(next()).packets, [{ path: "a", message: 1 }]);
  });

  test("the end waits for an answer, too", () => {
    session.lost(next());
    session.close();
    const repeated = next();
    assert.equal(body(next()).close, undefined);
    session.answered(repeated, EMPTY);
    assert.equal(body(next()).close, true);
  });

  test("nothing further is sent without need", () => {
    session.lost(next());
    next();
    assert.equal(session.next(), undefined);
  });
});

describe("what arrives", () => {
  const packet = (/** @type {number} */ message) => ({ path: "news", message });

  test("is taken once, however often it is sent", () => {
    assert.deepEqual(session.answered(next(), { seq: 1, packets: [packet(1), packet(2)] }), [
      packet(1),
      packet(2),
    ]);
    assert.deepEqual(session.answered(next(), { seq: 1, packets: [packet(1), packet(2), packet(3)] }), [
      packet(3),
    ]);
    assert.deepEqual(session.answered(next(), { seq: 2, packets: [packet(2)] }), []);
    assert.equal(session.ack, 3);
  });

  test("is not taken after a gap, which only a wrong server leaves", () => {
    assert.deepEqual(session.answered(next(), { seq: 2, packets: [packet(2)] }), []);
    assert.equal(session.ack, 0);
  });
});

describe("a session that can go on at another process", () => {
  beforeEach(() => {
    session = new Session({ sid: "secret", requests: 2, gen: 1 }, 1, queue);
  });

  /** @param {number} number */
  const packet = (number) => ({ path: "a", message: number });

  test("every request says how far this client has come", () => {
    const request = next();
    assert.deepEqual(body(request), { sid: "secret", rid: 2, ack: 0, gen: 1, done: 1, packets: [] });
    session.answered(request, { gen: 1, at: "here", seq: 1, packets: [packet(1)] });
    const said = { sid: "secret", rid: 3, ack: 1, gen: 1, at: "here", done: 2, packets: [] };
    assert.deepEqual(body(next()), said);
  });

  test("an answer without packets tells of the next process and moves no position", () => {
    session.answered(next(), { gen: 1, at: "here", seq: 1, packets: [packet(1)] });
    assert.deepEqual(session.answered(next(), { gen: 2, packets: [] }), []);
    const { gen, at, done } = body(next());
    assert.deepEqual([gen, at, done], [2, "here", 3]);
  });

  test("packets of the process before are dropped, and are no gap", () => {
    queue.append("a", 1);
    const held = next();
    queue.append("a", 2);
    const other = next();
    session.answered(other, { gen: 2, at: "there", seq: 1, packets: [packet(1)] });
    assert.deepEqual(session.answered(held, { gen: 1, at: "old", seq: 5, packets: [packet(9)] }), []);
    assert.equal(session.hasGap, false);
    const { gen, at, ack } = body(next());
    assert.deepEqual([gen, at, ack], [2, "there", 1]);
  });

  test("another client that goes on with it says the same", () => {
    session.answered(next(), { gen: 3, at: "here", seq: 1, packets: [packet(1)] });
    session = Session.resume(structuredClone(session.record), queue);
    const { gen, at, done } = body(next());
    assert.deepEqual([gen, at, done], [3, "here", 2]);
  });
});

describe("what is refused", () => {
  const refusal = (/** @type {string} */ condition, reason = "") => ({
    condition,
    detail: "",
    ...(reason && { reason }),
  });

  for (const condition of ["too-many-requests", "too-many-sessions", "shutting-down", "internal-error"]) {
    test(`${condition}: goes again`, () => {
      const request = next();
      assert.deepEqual(session.refused(request, refusal(condition)), { next: "retry" });
      assert.equal(next(), request);
    });
  }

  for (const condition of ["bad-request", "forbidden", "forbidden-path", "too-large"]) {
    test(`${condition}: goes again without its packets, which the caller hears of`, () => {
      queue.append("a", 1);
      const request = next();
      const verdict = session.refused(request, refusal(condition));
      assert.equal(verdict.next, "continue");
      assert.deepEqual("packets" in verdict && verdict.packets.map(({ message }) => message), [1]);
      assert.deepEqual(body(next()), { sid: "secret", rid: 2, ack: 0, packets: [] });
      assert.equal(queue.unanswered, 0);
    });

    test(`${condition}: ends it when there are no packets to blame`, () => {
      assert.deepEqual(session.refused(next(), refusal(condition)), { next: "end", reason: condition });
    });
  }

  for (const condition of ["unauthorized", "not-found", "method-not-allowed", "something new"]) {
    test(`${condition}: ends it`, () => {
      assert.deepEqual(session.refused(next(), refusal(condition)), { next: "end", reason: condition });
    });
  }

  for (const [condition, reason] of [
    ["unknown-session"],
    ["bad-ack"],
    ["session-ended", "timeout"],
    ["session-ended", "shutdown"],
  ]) {
    test(`${condition} ${reason ?? ""}: needs another session`, () => {
      const verdict = session.refused(next(), refusal(String(condition), reason));
      assert.deepEqual(verdict, { next: "reopen", reason: reason ?? condition });
    });
  }

  for (const reason of ["kicked", "closed"]) {
    test(`session-ended ${reason}: the server wants no other session`, () => {
      assert.deepEqual(session.refused(next(), refusal("session-ended", reason)), { next: "end", reason });
    });
  }

  test("rid-out-of-window: goes again if one before it was missing, even if that is answered since", () => {
    const first = next();
    queue.append("a", 1);
    const second = next();
    session.answered(first, EMPTY);
    assert.deepEqual(session.refused(second, refusal("rid-out-of-window")), { next: "retry" });
  });

  test("rid-out-of-window: needs another session if none was missing", () => {
    assert.equal(session.refused(next(), refusal("rid-out-of-window")).next, "reopen");
  });
});

describe("a session that is given up", () => {
  test("leaves for the next one what never went out, and tells what may or may not have arrived", () => {
    queue.append("a", 1);
    next();
    queue.append("a", 2);
    next();
    queue.append("a", 3);
    assert.deepEqual(
      session.abandon().map(({ message }) => message),
      [1, 2],
    );
    assert.equal(queue.unanswered, 1);
  });

  test("is in no doubt about what the server says that it has processed", () => {
    queue.append("a", 1);
    const { rid } = next();
    queue.append("a", 2);
    const second = next();
    session.refused(second, { condition: "session-ended", detail: "", reason: "timeout", processed: rid });
    assert.deepEqual(
      session.abandon().map(({ message }) => message),
      [2],
    );
  });

  test("leaves for the next one what was refused in its only attempt, because it was unknown", () => {
    queue.append("a", 1);
    const request = next();
    queue.append("a", 2);
    session.refused(request, { condition: "unknown-session", detail: "" });
    assert.deepEqual(session.abandon(), []);
    assert.deepEqual(
      queue.takeBatch().map(({ message }) => message),
      [1, 2],
    );
  });

  test("does not send again what an earlier attempt may have brought there", () => {
    queue.append("a", 1);
    session.lost(next());
    session.refused(next(), { condition: "unknown-session", detail: "" });
    assert.equal(session.abandon().length, 1);
    assert.equal(queue.waiting, 0);
  });
});

describe("the end", () => {
  test("goes with the last of the queue, and nothing after it", () => {
    queue.append("a", "x".repeat(60));
    queue.append("a", "y".repeat(60));
    session.close();
    const first = next();
    assert.equal(body(first).close, undefined);
    assert.equal(body(next()).close, true);
    session.answered(first, EMPTY);
    assert.equal(session.next(), undefined);
  });

  test("goes at once when there is nothing to send", () => {
    next();
    session.close();
    assert.deepEqual(body(next()), { sid: "secret", rid: 3, ack: 0, packets: [], close: true });
  });

  test("the farewell repeats what may not have arrived, and closes with what is queued", () => {
    session.answered(next(), { seq: 1, packets: [{ path: "news", message: 1 }] });
    next();
    queue.append("a", 1);
    next();
    queue.append("a", 2);
    assert.deepEqual(
      session.farewell(1000).map((body) => JSON.parse(String(body))),
      [
        { sid: "secret", rid: 3, ack: 1, packets: [] },
        { sid: "secret", rid: 4, ack: 1, packets: [{ path: "a", message: 1 }] },
        { sid: "secret", rid: 5, ack: 1, packets: [{ path: "a", message: 2 }], close: true },
      ],
    );
  });

  test("the farewell leaves out what does not fit: what is on the wire, and what stays queued", () => {
    next();
    queue.append("a", "x".repeat(60));
    next();
    queue.append("a", 1);
    queue.append("a", "y".repeat(60));
    assert.deepEqual(
      session.farewell(180).map((body) => JSON.parse(String(body))),
      [
        { sid: "secret", rid: 2, ack: 0, packets: [] },
        { sid: "secret", rid: 4, ack: 0, packets: [{ path: "a", message: 1 }], close: true },
      ],
    );
    assert.equal(queue.waiting, 1);
    assert.deepEqual(JSON.parse(String(session.shortFarewell())), {
      sid: "secret",
      rid: 4,
      ack: 0,
      packets: [],
      close: true,
    });
    assert.equal(queue.waiting, 2);
  });

  test("an answer settles all requests before it, so what they carried has arrived", () => {
    next();
    queue.append("a", 1);
    session.close();
    const last = next();
    queue.append("a", 2);
    session.answered(last, EMPTY);
    assert.deepEqual(session.abandon(), []);
    assert.equal(queue.unanswered, 1);
  });

  test("a session that has ended as closed has had everything", () => {
    next();
    queue.append("a", 1);
    session.close();
    const last = next();
    session.lost(last);
    session.refused(next(), { condition: "session-ended", detail: "", reason: "closed" });
    assert.deepEqual(session.abandon(), []);
    assert.equal(queue.unanswered, 0);
  });
});
