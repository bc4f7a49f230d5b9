/**
 * A browser with several tabs that share a session, and a server; what happens next is decided by chance, and time moves
 * when nothing else can. Tabs crash, hang, are frozen and thawed between any two steps.
 *
 * It is no kinder than browsers are: the news of a lock may overtake messages, and what a tab has asked the network for may
 * arrive although the tab has gone.
 */

import { setImmediate } from "node:timers/promises";

import { Comet } from "../src/comet.js";
import { allTabs } from "../src/tabs.js";
import { ModelSession, refusal } from "./model_server.js";
import { seeded } from "./random.js";

/** @typedef {{ due: number, run: () => void }} Task */
/** @typedef {{ name: string, mode: "waiting" | "held", tab: Tab, grant: () => void, take: (error: Error) => void }} Claim */

export class Browser {
  now = 0;
  /** It never stands still, other than `now`. */
  date = 0;
  /** @type {Tab[]} Those that have not gone. */
  tabs = [];
  /** @type {Claim[]} */
  #claims = [];
  /** @type {Task[]} What goes on outside of tabs. */
  #outside = [];
  server = new Server();
  #opened = 0;

  /** @param {number} seed */
  constructor(seed) {
    this.random = seeded(seed);
  }

  open() {
    const tab = new Tab(this, (this.#opened += 1));
    this.tabs.push(tab);
    return tab;
  }

  /** @param {Tab} tab */
  forget(tab) {
    this.tabs = this.tabs.filter((one) => one !== tab);
    for (const claim of this.#claims.filter((one) => one.tab === tab)) this.release(claim);
  }

  /** Do one thing that can be done now; else let time pass until something can. False if nothing ever can. */
  async step() {
    const queues = [this.#outside, ...this.tabs.filter((tab) => tab.runs).flatMap((tab) => tab.queues)];
    const ready = queues.filter(([first]) => first !== undefined && first.due <= this.now);
    const queue = ready[Math.floor(this.random() * ready.length)];
    if (queue === undefined) return this.#passTime(queues);
    queue.shift()?.run();
    await setImmediate();
    return true;
  }

  /** @param {Task[][]} queues */
  #passTime(queues) {
    const next = Math.min(...queues.map(([first]) => first?.due ?? Infinity));
    if (next === Infinity) return false;
    this.now = next;
    return true;
  }

  // --- locks

  /** @param {Claim} claim @param {boolean} steal */
  claim(claim, steal) {
    if (steal) {
      for (const robbed of this.#claims.filter((one) => one.name === claim.name && one.mode === "held")) {
        this.#claims.splice(this.#claims.indexOf(robbed), 1);
        robbed.tab.later("locks", () => robbed.take(new DOMException("stolen", "AbortError")));
      }
      this.#claims.unshift(claim);
    } else this.#claims.push(claim);
    this.#grant(claim.name);
  }

  /** @param {Claim} claim */
  release(claim) {
    this.#claims = this.#claims.filter((one) => one !== claim);
    this.#grant(claim.name);
  }

  /** @param {string} name */
  #grant(name) {
    const [first] = this.#claims.filter((claim) => claim.name === name);
    if (first === undefined || first.mode === "held") return;
    first.mode = "held";
    first.tab.later("locks", () => first.grant());
  }

  get held() {
    return this.#claims.filter(({ mode }) => mode === "held").map(({ name }) => ({ name }));
  }

  /** @param {string} name Who has this lock. */
  holder(name) {
    return this.#claims.find((claim) => claim.name === name && claim.mode === "held")?.tab;
  }

  // --- the network

  /** @param {Tab} tab @param {RequestInit} init @returns {Promise<Response>} */
  fetch(tab, { body, signal }) {
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      this.#travel(() =>
        this.server.receive(JSON.parse(String(body)), (response) =>
          this.#travel(() =>
            tab.later("network", () =>
              resolve(new Response(JSON.stringify(response.body), { status: response.status })),
            ),
          ),
        ),
      );
    });
  }

  /** @param {string} body */
  beacon(body) {
    this.server.receive(JSON.parse(body), () => undefined);
  }

  /** @param {() => void} run */
  #travel(run) {
    this.#outside.push({ due: this.now, run });
    if (this.random() < 0.5) this.#outside.unshift(/** @type {Task} */ (this.#outside.pop()));
  }
}

/** All sessions that there are. */
class Server {
  /** @type {Map<string, ModelSession>} */
  sessions = new Map();

  /** @param {any} body @param {import("./model_server.js").Respond} respond */
  receive(body, respond) {
    if (body.sid !== undefined) {
      const session = this.sessions.get(body.sid);
      return session === undefined
        ? respond(refusal(404, "unknown-session"))
        : session.receive(body, respond);
    }
    const sid = `session ${this.sessions.size + 1}`;
    this.sessions.set(sid, new ModelSession());
    respond({ status: 200, body: { version: 1, sid, wait: 60, die: 45, requests: 2 } });
  }

  /** Know nothing of any session any more. */
  lose() {
    for (const session of this.sessions.values()) session.lose();
  }

  get received() {
    return [...this.sessions.values()].flatMap((session) => session.received);
  }

  get open() {
    return [...this.sessions.values()].filter((session) => !session.closed);
  }
}

export class Tab {
  /** Whether its event loop turns. */
  runs = true;
  gone = false;
  sent = 0;
  /** @type {any[]} */
  heard = [];
  /** @type {[string, any][]} */
  events = [];
  /** @type {{ timers: Task[], locks: Task[], messages: Task[], network: Task[] }} */
  #queues = { timers: [], locks: [], messages: [], network: [] };
  /** @type {Set<{ name: string, onmessage: (event: any) => void }>} */
  channels = new Set();
  page = new EventTarget();
  #browser;

  /** @param {Browser} browser @param {number} id */
  constructor(browser, id) {
    this.#browser = browser;
    this.id = id;
    const tab = this;
    this.comet = new Comet("/comet", {
      connectUrl: "/connect",
      share: allTabs(),
      wires: [],
      backoff: { base: 20, cap: 200 },
      environment: {
        WebSocket: undefined,
        fetch: (_url, init = {}) => (tab.gone ? new Promise(() => undefined) : browser.fetch(tab, init)),
        setTimeout: (callback, milliseconds) => {
          const task = { due: browser.now + milliseconds, run: callback };
          if (!tab.gone) tab.#queues.timers.push(task);
          tab.#queues.timers.sort((one, other) => one.due - other.due);
          return /** @type {any} */ (task);
        },
        clearTimeout: (task) => {
          const index = tab.#queues.timers.indexOf(/** @type {any} */ (task));
          if (index >= 0) tab.#queues.timers.splice(index, 1);
        },
        now: () => browser.now,
        date: () => (browser.date += 1),
        random: browser.random,
        page: this.page,
        document: this.page,
        sendBeacon: (_url, body) => (browser.beacon(String(body)), true),
        locks: /** @type {any} */ ({
          request: (/** @type {string} */ name, /** @type {any} */ options, /** @type {any} */ callback) =>
            tab.#requestLock(name, options, callback),
          query: async () => {
            await new Promise((resolve) => tab.later("locks", () => resolve(undefined)));
            return { held: browser.held };
          },
        }),
        BroadcastChannel: /** @type {any} */ (tab.#channelClass()),
        reportError: (error) => {
          throw error;
        },
      },
    });
    this.comet.on("news", (message) => this.heard.push(message));
    for (const type of /** @type {const} */ (["open", "reopened", "error", "close"])) {
      this.comet.addEventListener(type, (event) =>
        this.events.push([type, /** @type {CustomEvent} */ (event).detail]),
      );
    }
    void this.comet.open();
  }

  get queues() {
    return Object.values(this.#queues);
  }

  /** @param {"locks" | "messages" | "network"} queue @param {() => void} run */
  later(queue, run) {
    if (!this.gone) this.#queues[queue].push({ due: this.#browser.now, run });
  }

  /** @param {number} [most] */
  send(most = 1) {
    for (let count = 0; count < most; count += 1) {
      this.sent += 1;
      this.comet.send("chat", [this.id, this.sent]);
    }
  }

  /** Gone without a word. */
  crash() {
    this.gone = true;
    this.runs = false;
    for (const queue of this.queues) queue.length = 0;
    this.#browser.forget(this);
  }

  /** The page is left: the browser lets it say a word, and no more. */
  leave() {
    this.event("pagehide");
    this.crash();
  }

  freeze() {
    this.event("freeze");
    this.runs = false;
  }

  resume() {
    this.runs = true;
    this.event("resume");
  }

  /** @param {string} type */
  event(type) {
    this.page.dispatchEvent(Object.assign(new Event(type), { persisted: false }));
  }

  /** @param {string} name @param {any} options @param {(lock: any) => Promise<unknown> | undefined} callback */
  #requestLock(name, { signal, steal = false }, callback) {
    return new Promise((resolve, reject) => {
      const browser = this.#browser;
      if (this.gone) return;
      if (signal?.aborted) return reject(signal.reason);
      /** @type {Claim} */
      const claim = {
        name,
        mode: "waiting",
        tab: this,
        grant: () => {
          granted = true;
          Promise.resolve(callback({})).then((value) => {
            resolve(value);
            browser.release(claim);
          });
        },
        take: reject,
      };
      let granted = false;
      signal?.addEventListener("abort", () => {
        if (granted) return;
        browser.release(claim);
        reject(signal.reason);
      });
      browser.claim(claim, steal);
    });
  }

  #channelClass() {
    const tab = this;
    return class {
      onmessage = (/** @type {any} */ _event) => undefined;

      /** @param {string} name */
      constructor(name) {
        this.name = name;
        tab.channels.add(this);
      }

      /** @param {any} message */
      postMessage(message) {
        if (tab.gone) return;
        const data = structuredClone(message);
        for (const other of tab.#browser.tabs) {
          for (const channel of other.channels) {
            if (channel === this) continue;
            other.later("messages", () => {
              if (other.channels.has(channel)) channel.onmessage({ data: structuredClone(data) });
            });
          }
        }
      }

      close() {
        tab.channels.delete(this);
      }
    };
  }
}
