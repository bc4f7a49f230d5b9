/**
 * The client for old browsers, which is written by hand, against the server and the network that the other one is tested
 * with: whatever is lost, late or out of order, each packet arrives once and in order, both ways.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

import { ModelSession } from "./model_server.js";
import { seeded } from "./random.js";

const SCRIPT = new vm.Script(readFileSync(new URL("../old/comet.js", import.meta.url), "utf8"));
const OPENED = { version: 1, sid: "s", wait: 60, die: 45, requests: 2, packets: 3 };
const RUNS = 150;
const STEPS = 150;

class World {
  /** @type {(() => void)[]} What is under way, either way: to call one is to deliver it. */
  #underWay = [];
  /** @type {Set<() => void>} */
  #timers = new Set();
  /** @type {Set<any>} Requests without an outcome. */
  #open = new Set();
  #random;
  #sent = 0;
  #pushed = 0;
  /** @type {any[]} */
  received = [];
  server = new ModelSession();
  comet;

  /** @param {number} seed */
  constructor(seed) {
    this.#random = seeded(seed);
    const context = vm.createContext({
      XMLHttpRequest: this.#requestClass(),
      setTimeout: (/** @type {() => void} */ callback) => {
        this.#timers.add(callback);
        return callback;
      },
      clearTimeout: (/** @type {() => void} */ callback) => this.#timers.delete(callback),
    });
    SCRIPT.runInContext(context);
    this.comet = new context["Cometary"].Comet("/comet");
    this.comet.on("news", (/** @type {number} */ message) => this.received.push(message));
    this.comet.open();
  }

  #requestClass() {
    const world = this;
    return class {
      readyState = 0;
      status = 0;
      responseText = "";
      onreadystatechange = () => undefined;
      open() {}
      setRequestHeader() {}
      abort() {
        this.end(0, "");
      }

      /** @param {string} body */
      send(body) {
        world.#open.add(this);
        world.#underWay.push(() =>
          world.#serve(JSON.parse(body), ({ status, body: answer }) => {
            world.#underWay.push(() => this.end(status, JSON.stringify(answer)));
          }),
        );
      }

      /** @param {number} status @param {string} text */
      end(status, text) {
        if (!world.#open.delete(this)) return;
        Object.assign(this, { readyState: 4, status, responseText: text });
        this.onreadystatechange();
      }
    };
  }

  /** @param {any} body @param {import("./model_server.js").Respond} respond */
  #serve(body, respond) {
    if (body.sid === undefined) respond({ status: 200, body: OPENED });
    else this.server.receive(body, respond);
  }

  /** Do one thing, chosen by chance, and check what must always hold. */
  step() {
    const chance = this.#random();
    if (chance < 0.15) this.comet.send("chat", ++this.#sent);
    else if (chance < 0.3) this.server.push(++this.#pushed);
    else if (chance < 0.65) this.#one(this.#underWay, true)?.();
    else if (chance < 0.72)
      this.#one(this.#underWay, true); // lost
    else if (chance < 0.78)
      this.#one([...this.#open], false)?.end(0, ""); // given up, by whoever it is
    else if (chance < 0.94) this.#ring(this.#one([...this.#timers], false));
    else if (chance < 0.97) this.server.waitRunsOut();
    else this.server.earlyRunsOut();
    this.#check();
  }

  /** Lose nothing more, and see that everything arrives. */
  settle() {
    for (let rounds = 0; !this.#settled; rounds += 1) {
      assert(rounds < 1_000, "the client and the server wait for one another");
      for (const deliver of this.#underWay.splice(0)) deliver();
      if (this.#underWay.length === 0) for (const timer of [...this.#timers]) this.#ring(timer);
    }
    this.#check();
  }

  get #settled() {
    return this.received.length === this.#pushed && this.server.received.length === this.#sent;
  }

  /** @param {(() => void) | undefined} timer */
  #ring(timer) {
    if (timer && this.#timers.delete(timer)) timer();
  }

  #check() {
    assert.deepEqual(this.received, upTo(this.received.length));
    assert.deepEqual(this.server.received, upTo(this.server.received.length));
    assert(this.comet.unanswered.length <= 2, "too many requests");
    assert.equal(this.comet.sid ?? "s", "s");
  }

  /** @template T @param {T[]} array @param {boolean} taken @returns {T | undefined} */
  #one(array, taken) {
    const index = Math.floor(this.#random() * array.length);
    return taken ? array.splice(index, 1)[0] : array[index];
  }
}

/** @param {number} last */
function upTo(last) {
  return Array.from({ length: last }, (_, index) => index + 1);
}

test("whatever the network does, each packet of the old client arrives once and in order, both ways", () => {
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const world = new World(seed);
    for (let step = 0; step < STEPS; step += 1) world.step();
    world.settle();
    assert.equal(world.comet.state === "closed", false);
  }
});

/**
 * What `connect` comes to when the back-end answers so, one after another.
 * @param {number[]} statuses
 */
function askedOf(statuses) {
  const asked = { times: 0, outcome: "" };
  const context = vm.createContext({
    setTimeout: (/** @type {() => void} */ callback) => void callback(),
    clearTimeout: () => undefined,
    XMLHttpRequest: class {
      readyState = 4;
      status = 0;
      onreadystatechange = () => undefined;
      open() {}
      setRequestHeader() {}
      send() {
        asked.times += 1;
        this.status = /** @type {number} */ (statuses.shift());
        this.onreadystatechange();
      }
    },
  });
  SCRIPT.runInContext(context);
  const comet = new context["Cometary"].Comet("/comet", { connectUrl: "/connect" });
  comet.sid = "s";
  comet.connect("news").then(
    () => (asked.outcome = "connected"),
    (/** @type {Error} */ error) => (asked.outcome = error.message),
  );
  return asked;
}

test("a back-end that cannot answer now is asked again, but not for ever; one that refuses is not", () => {
  assert.deepEqual(askedOf([0, 503, 429, 204]), { times: 4, outcome: "connected" });
  assert.deepEqual(askedOf([403, 204]), { times: 1, outcome: "The back-end answered 403." });
  assert.deepEqual(askedOf(new Array(9).fill(500)), { times: 6, outcome: "The back-end answered 500." });
});
