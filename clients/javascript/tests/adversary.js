/**
 * A client, a server and a network that does its worst between them: it loses requests and answers,
 * delivers them late, twice and in any order, and the client gives up on requests that are still under way.
 */

import assert from "node:assert/strict";

import { Session } from "../src/protocol.js";
import { SendQueue } from "../src/queue.js";
import { ModelSession } from "./model_server.js";
import { seeded } from "./random.js";

/** @typedef {import("../src/protocol.js").Request} Request */
/** @typedef {import("../src/wires.js").Wire} Kind */
/** @typedef {{ kind: Kind, up: any[], down: any[], write: (body: any) => void }} Wire What is under way on it either way, in order. */
/** @typedef {{ request: Request, over: boolean }} Attempt One sending; over: the client has its outcome. */

export class Adversary {
  /** @type {(() => void)[]} What is under way, either way: to call one is to deliver it. */
  #underWay = [];
  /** @type {Attempt[]} What the client waits for. */
  #attempts = [];
  #pushed = 0;
  #sent = 0;
  /** @type {any[]} */
  received = [];
  server = new ModelSession();
  /** @type {Wire | undefined} What the client has attached, or is attaching. */
  #wire;
  #queue = new SendQueue({ packets: 1e6, bytes: 1e9, batchBytes: 120 });
  #client;
  #random;

  /**
   * @param {number} seed
   * @param {typeof Session} Client the client's half of a session, or a copy of it that is broken
   */
  constructor(seed, Client = Session) {
    this.#random = seeded(seed);
    this.#client = new Client({ sid: "s", requests: 2 }, 1, this.#queue);
  }

  /**
   * Do so many things, then lose nothing more and see that everything arrives.
   *
   * @param {number} steps
   */
  run(steps) {
    for (let step = 0; step < steps; step += 1) this.step();
    this.settle();
    this.checkComplete();
  }

  /** Do one thing, chosen by chance, and check what must always hold. */
  step() {
    const chance = this.#random();
    if (this.#random() < 0.3) this.#moveWire();
    else if (chance < 0.15) this.#clientSends();
    else if (chance < 0.3) this.server.push(++this.#pushed);
    else if (chance < 0.5) this.#pump();
    else if (chance < 0.75) this.#take()?.();
    else if (chance < 0.83)
      this.#take(); // lost
    else if (chance < 0.88)
      this.#underWay[this.#index(this.#underWay)]?.(); // delivered, and once more later
    else if (chance < 0.94) this.#giveUp();
    else if (chance < 0.96) this.#client.relieve();
    else if (chance < 0.98) this.server.waitRunsOut();
    else this.server.earlyRunsOut();
    this.check();
  }

  /** Lose nothing more, and go on until nothing is left to do. */
  settle() {
    while (this.#attempts.length > 0) this.#giveUp(); // their answers may be lost: a client cannot know
    for (let rounds = 0; !this.#settled(); rounds += 1) {
      assert(rounds < 1_000, "the client and the server wait for one another");
      this.#pump();
      for (const deliver of this.#underWay.splice(0)) deliver();
      while (this.#wire && this.#wire.up.length + this.#wire.down.length > 0) {
        this.#passUp(this.#wire);
        this.#passDown(this.#wire);
      }
    }
    this.check();
  }

  /** Attach a stream, pass something on of it, or break it. */
  #moveWire() {
    const chance = this.#random();
    const wire = this.#wire;
    if (wire === undefined) return chance < 0.2 ? this.#attach() : undefined;
    if (chance < 0.05) return this.#break(wire);
    if (chance < 0.5) return this.#passUp(wire);
    this.#passDown(wire);
  }

  #attach() {
    const down = /** @type {any[]} */ ([]);
    const kind = /** @type {Kind} */ (this.#random() < 0.5 ? "websocket" : "stream");
    const wire = {
      kind,
      up: [JSON.parse(this.#client.attachment)],
      down,
      write: (/** @type {any} */ body) => void down.push(body),
    };
    this.#wire = wire;
  }

  /** @param {Wire} wire The server may take what was under way all the same, and finds out later. */
  #break(wire) {
    while (wire.up.length > 0 && this.#random() < 0.7) this.#passUp(wire);
    this.#wire = undefined;
    if (this.#client.wire) this.#client.detached();
    this.#underWay.push(() => this.server.drop(wire.write));
  }

  /** @param {Wire} wire */
  #passUp(wire) {
    const body = wire.up.shift();
    if (body?.sid !== undefined) this.server.attach(body.ack, wire.write);
    else if (body !== undefined) this.server.hear(body, wire.write);
  }

  /** @param {Wire} wire */
  #passDown(wire) {
    const body = wire.down.shift();
    if (body === undefined) return;
    if (body.released) return this.#break(wire);
    this.#client.wire = wire.kind; // the first is the hello
    if (body.error !== undefined) {
      const request = this.#client.unansweredRequest(body.rid);
      const { error: condition, ...refusal } = body;
      if (request) assert.equal(this.#client.refused(request, { condition, ...refusal }).next, "retry");
    } else if (body.rid !== undefined) this.#client.confirmed(body.rid);
    if (body.packets) this.received.push(...this.#client.pushed(body).map(({ message }) => message));
    if (body.packets?.length > 0) this.#acknowledge(wire);
    assert(!this.#client.hasGap);
  }

  /** @param {Wire} wire */
  #acknowledge({ kind, up }) {
    if (kind === "websocket") up.push({ ack: this.#client.ack });
    else this.#client.relieve();
  }

  #settled() {
    const allArrived = this.received.length === this.#pushed && this.server.received.length === this.#sent;
    const unanswered = this.#client.wire ? 0 : 1;
    return (
      allArrived && this.#underWay.length === 0 && this.#client.unanswered === unanswered && this.server.holds
    );
  }

  /** In each direction: a beginning of what was sent, each once and in order. And never too many requests. */
  check() {
    assert.deepEqual(this.received, upTo(this.received.length));
    assert.deepEqual(this.server.received, upTo(this.server.received.length));
    assert(this.received.length <= this.#pushed && this.server.received.length <= this.#sent);
    assert(this.#client.unanswered <= 2, "too many requests");
  }

  /** Everything has arrived. */
  checkComplete() {
    assert.deepEqual(this.received, upTo(this.#pushed));
    assert.deepEqual(this.server.received, upTo(this.#sent));
  }

  #clientSends() {
    this.#queue.append("chat", ++this.#sent);
  }

  #pump() {
    if (this.#wire && !this.#client.wire) return; // a wire is being attached
    for (let request = this.#client.next(); request; request = this.#client.next()) this.#transmit(request);
  }

  /** @param {Request} request */
  #transmit(request) {
    const body = JSON.parse(this.#client.body(request));
    if (this.#client.wire === "websocket") return void this.#wire?.up.push(body);
    const attempt = { request, over: false };
    this.#attempts.push(attempt);
    this.#underWay.push(() => {
      const respond = (/** @type {import("./model_server.js").Response} */ response) =>
        void this.#underWay.push(() => this.#outcome(attempt, response));
      this.server.receive(body, respond, body.hold !== false);
    });
  }

  /** @param {Attempt} attempt @param {import("./model_server.js").Response} response */
  #outcome(attempt, { status, body }) {
    if (!this.#finish(attempt)) return;
    if (status === 200) {
      const fresh = this.#client.answered(attempt.request, /** @type {any} */ (body));
      this.received.push(...fresh.map(({ message }) => message));
    } else {
      const { error: condition, ...members } = body;
      const verdict = this.#client.refused(attempt.request, /** @type {any} */ ({ condition, ...members }));
      assert.equal(verdict.next, "retry", `${condition} for request ${attempt.request.rid}`);
    }
  }

  /** The watchdog of some request runs out, or its connection breaks. */
  #giveUp() {
    const attempt = this.#attempts[this.#index(this.#attempts)];
    if (attempt && this.#finish(attempt)) this.#client.lost(attempt.request);
  }

  /** @param {Attempt} attempt False if the client has stopped waiting for it. */
  #finish(attempt) {
    if (attempt.over) return false;
    attempt.over = true;
    this.#attempts = this.#attempts.filter((one) => one !== attempt);
    return true;
  }

  #take() {
    return this.#underWay.splice(this.#index(this.#underWay), 1)[0];
  }

  /** @param {unknown[]} array */
  #index(array) {
    return Math.floor(this.#random() * array.length);
  }
}

/** @param {number} last */
function upTo(last) {
  return Array.from({ length: last }, (_, index) => index + 1);
}
