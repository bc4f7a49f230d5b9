/**
 * One tab of several that share a session: what its page has sent, wanted and heard. One of them leads (`election.js`)
 * and holds the session for all (`lead.js`); each of them knows enough to go on with it (`replica.js`).
 *
 * 1. What one tab says, all hear, itself as well, in one order for each tab.
 * 2. A tab keeps what its page has sent until the record of the session says that it is done with. When another tab
 *    comes to lead, it says again what that one has not taken, and what it has asked of the back-end without an answer.
 * 3. Every tab gets all packets of the session, numbered, and has its own handlers for them. Those that it has had
 *    it drops.
 * 4. A tab that closes leaves when what it sent is done with; the last one to leave ends the session.
 * 5. A tab that is put to sleep (frozen, or kept for the way back) leaves before, since nobody would hear of it. When
 *    it wakes it comes again, and says `reopened`: it has missed something.
 * 6. Whoever comes to lead and has heard nothing of the one before, since that hung, opens another session, and begins
 *    another line. To those who did know it, it is as if they had slept. Of what they have sent to the old
 *    line it is not known what became of it.
 */

import { AskedPaths } from "./asked_paths.js";
import { Election } from "./election.js";
import { Lead } from "./lead.js";
import { Replica, covers } from "./replica.js";
import { Said } from "./said.js";
import { Talk } from "./talk.js";

/** @typedef {import("./queue.js").OutgoingPacket} OutgoingPacket */

/** Of what tabs say to each other: those with another version have a session of their own. */
const VERSION = 2;

export class Tab {
  /** @type {import("./connection.js").State} */
  state = "closed";
  /** @type {string | undefined} */
  sid;
  /** @type {string | undefined} Whose packets `ack` counts. */
  #numbered;
  #ack = 0;
  /** Whether the page has been told that there is a session. */
  #greeted = false;
  /** Rule 6: who has succeeded whom. */
  #line = 0;
  /** The last packet that was said to those of this line. */
  #lastSaid = Infinity;
  /** @type {Set<string>} What this page wants. */
  #wanted = new Set();
  #askedPaths = new AskedPaths();
  #closing = false;
  /** @type {{ reason: string, uncertain: OutgoingPacket[] } | undefined} Why something has been missed (rule 5). */
  #missed;
  #asleep = false;
  /** @type {OutgoingPacket[] | undefined} What the session has ended without. */
  #undelivered;
  #flushing = false;
  #term = 0;
  /** Which attempt at leading this is: an older one that waits has been overtaken. */
  #turn = 0;
  /** @type {Lead | undefined} */
  #lead;
  #replica = new Replica();
  #said;
  #talk;
  #election;
  #id;
  #url;
  #options;
  #tell;

  /**
   * @param {string} url the endpoint
   * @param {import("./holder.js").Chosen} options
   * @param {import("./holder.js").Tell} tell
   * @param {string} name tells sessions apart that are shared at one endpoint
   */
  constructor(url, options, tell, name) {
    const { environment, limits, codec } = options;
    this.#url = url;
    this.#options = options;
    this.#tell = tell;
    this.#id = environment.random().toString(36).slice(2);
    const shared = `cometary ${VERSION} ${new URL(url, globalThis.location?.href ?? "http://localhost")} ${name}`;
    this.#said = new Said(this.#id, limits, codec);
    this.#talk = new Talk(environment, shared, this.#id, (message) => this.#hear(message));
    const means = { ...environment, locks: /** @type {LockManager} */ (environment.locks) };
    this.#election = new Election(means, shared, this.#id, {
      present: () => this.#talk.post({ kind: "here" }),
      leads: () => void this.#takeOver(),
      robbed: () => this.#robbed(),
      ask: () => this.#talk.post({ kind: "ping" }),
      sure: () => this.#lead?.goOn(),
      gone: (tab) => this.#lead?.gone(tab),
    });
  }

  get wire() {
    return this.#replica.record?.wire ?? "requests";
  }

  get unanswered() {
    return this.#said.unanswered;
  }

  open() {
    this.#closing = false;
    this.#enter("connecting");
    this.#join();
  }

  /** @param {string} path @param {unknown} message @param {import("./queue.js").Wishes} wishes */
  send(path, message, wishes) {
    this.#said.append(path, message, wishes);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** @param {readonly string[]} paths @param {Promise<unknown>} opened */
  async connect(paths, opened) {
    await opened;
    await this.#ask("connect", paths);
    for (const path of paths) this.#wanted.add(path);
  }

  /** @param {readonly string[]} paths */
  async disconnect(paths) {
    for (const path of paths) this.#wanted.delete(path);
    if (this.#talk.isOpen) await this.#ask("disconnect", paths);
  }

  retry() {
    this.#talk.post({ kind: "retry" });
  }

  /** Rule 4. */
  close() {
    this.#flush();
    this.#closing = true;
    this.#closeIfDone();
  }

  /** @param {string} reason Leave now, whatever is not done with. */
  end(reason) {
    if (this.#lead?.alone) this.#lead.end(reason);
    this.#depart(reason);
  }

  /** @param {string} type an event of the page's @param {boolean} kept whether the page comes back, or is back */
  onPage(type, kept) {
    if (type === "online") this.#lead?.networkIsBack();
    else if (type === "resume" || (type === "pageshow" && kept)) this.#wake();
    else if (type !== "pagehide" && type !== "freeze") return;
    else if (!this.#closing && (kept || type === "freeze")) this.#sleep();
    else {
      this.#leaveGroup(true);
      this.#depart("closed");
    }
  }

  // --- coming and going

  #join() {
    this.#talk.open();
    this.#term = 0;
    this.#election.join();
    this.#flush();
  }

  /** @param {boolean} parting Leave the session to the others; if there is none, whether to end it with last words. */
  #leaveGroup(parting) {
    const lead = this.#lead;
    this.#flush();
    if (lead?.alone && parting && this.#options.closeOnPageHide) lead.farewell();
    this.#lead = undefined;
    lead?.leave();
    this.#talk.post({ kind: "bye" });
    this.#election.resign();
    this.#talk.close();
    this.#replica = new Replica();
  }

  /** Rule 5. */
  #sleep() {
    if (!this.#talk.isOpen) return;
    this.#asleep = true;
    this.#lastSaid = this.#said.last;
    this.#leaveGroup(true);
  }

  #wake() {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#miss("asleep", []);
    this.#enter("reconnecting");
    this.#join();
  }

  /** @param {string} reason This tab's part is over. */
  #depart(reason) {
    if (this.state === "closed") return;
    if (this.#talk.isOpen) this.#leaveGroup(false);
    const said = new Set([...(this.#undelivered ?? []), ...this.#said.packets]);
    const undelivered = [...(this.#missed?.uncertain ?? []), ...said, ...this.#said.drain()];
    this.#undelivered = undefined;
    this.#said.done(() => true);
    this.sid = undefined;
    this.#line = 0;
    this.#greeted = false;
    this.#missed = undefined;
    this.#wanted.clear();
    this.#askedPaths.end();
    this.#enter("closed");
    this.#tell("close", { reason, undelivered });
  }

  /** Rule 4. */
  #closeIfDone() {
    if (!this.#closing || !this.#talk.isOpen) return;
    if (this.#lead?.alone) this.#lead.close();
    else if (this.#said.isEmpty) this.#depart("closed");
    else this.#talk.post({ kind: "settle" });
  }

  // --- leading

  async #takeOver() {
    this.#turn += 1;
    const turn = this.#turn;
    const others = await this.#election.others();
    await this.#talk.ask(others);
    if (!(await this.#election.confirm()) || turn !== this.#turn) return;
    this.#lead = new Lead(this.#url, this.#options, this.#replica, {
      post: (message) => this.#talk.post(message),
      keep: (message) => this.#hearRecord(message),
      allowed: () => this.#election.isSure,
      watch: (tab) => this.#election.watch(tab),
    });
    this.#lead.start(this.#id, others);
    this.#closeIfDone();
  }

  #robbed() {
    this.#lead?.stop();
    this.#lead = undefined;
    this.#talk.post({ kind: "here" });
  }

  // --- what the tabs say to one another

  #flush() {
    if (!this.#talk.isOpen) return;
    const first = this.#said.number();
    this.#say((n) => n >= first);
  }

  /** @param {(n: number) => boolean} which */
  #say(which) {
    const what = this.#said.say(which, this.#line);
    if (what !== undefined) this.#talk.post({ kind: "send", ...what });
  }

  /** @param {import("./backend.js").Verb} verb @param {readonly string[]} paths */
  #ask(verb, paths) {
    const { ask, answered } = this.#askedPaths.add(verb, paths);
    this.#talk.post({ kind: "ask", ...ask });
    return answered;
  }

  /** @param {any} message */
  #hear(message) {
    const { kind, from, term } = message;
    if (term < this.#replica.term) return; // it was robbed, and does not know yet
    if (kind === "record" || kind === "copy") this.#hearRecord(message);
    else if (kind === "packets") this.#hearPackets(message);
    else if (kind === "event") this.#hearEvent(message.type, message.detail);
    else if (kind === "answer" && message.tab === this.#id) this.#askedPaths.answer(message);
    else if (kind === "who") this.#talk.post({ ...message, ...this.#replica.copy, kind: "copy", to: from });
    else if (kind === "send") this.#replica.add(from, message.packets);
    if (term !== undefined) this.#election.heard();
    if (this.#lead !== undefined) this.#lead.hear(message, from === this.#id);
  }

  /** @param {{ record: import("./replica.js").TabsRecord | undefined, contents: import("./replica.js").Contents }} message */
  #hearRecord({ record, contents }) {
    const isNew = record !== undefined && this.#replica.take(record);
    if (record?.line === this.#replica.record?.line)
      for (const [whose, packets] of contents) this.#replica.add(whose, packets);
    if (!isNew) return;
    const session = record.held.connection?.session;
    const isSame = this.#numbered === session?.sid;
    if (session !== undefined && (session.sid !== this.#numbered || session.ack > this.#ack)) {
      this.#numbered = session.sid;
      this.#ack = session.ack;
    }
    this.sid = session?.sid;
    this.#enter(record.state === "closed" ? "reconnecting" : record.state);
    const unknown = (/** @type {number} */ n) => n > this.#replica.received(this.#id);
    if (record.line !== this.#line) this.#changeLine(record.line, unknown);
    const done = this.#said.done((n) => !this.#replica.isAlive(this.#id, n)); // rule 2
    // Of a session that was lost while it slept, or of a packet that no tab had, nobody tells it any more.
    const lost = done.filter(({ n = 0 }) => covers(record.lost, this.#id, n));
    if (this.#missed !== undefined) this.#miss(this.#missed.reason, isSame ? lost : done);
    if (this.sid !== undefined) this.#begin(this.sid);
    if (record.term !== this.#term) this.#sayAllAgain(record.term, unknown);
    queueMicrotask(() => this.#closeIfDone());
  }

  /** @param {number} line @param {(n: number) => boolean} unknown Rule 6. */
  #changeLine(line, unknown) {
    if (this.#line !== 0 || this.#missed !== undefined) {
      this.#miss(
        "asleep",
        this.#said.done((n) => n <= this.#lastSaid && unknown(n)),
      );
    }
    this.#line = line;
  }

  /** @param {string} reason @param {OutgoingPacket[]} uncertain Rule 5: the page is told when there is a session again. */
  #miss(reason, uncertain) {
    this.#missed = { reason, uncertain: [...(this.#missed?.uncertain ?? []), ...uncertain] };
  }

  /** @param {string} sid Tell the page of it, if this tab has just come, or come again. */
  #begin(sid) {
    const missed = this.#missed;
    this.#missed = undefined;
    const isNew = !this.#greeted;
    this.#greeted = true;
    if (isNew) this.#tell("open", { sid });
    if (missed !== undefined && (!isNew || missed.uncertain.length > 0)) void this.#comeAgain(missed);
  }

  /** @param {{ reason: string, uncertain: OutgoingPacket[] }} missed Rule 5. */
  async #comeAgain(missed) {
    /** @type {readonly string[]} */
    let missing = [];
    try {
      if (this.#wanted.size > 0) await this.#ask("connect", [...this.#wanted]);
    } catch (error) {
      missing = /** @type {import("./backend.js").ConnectError} */ (error).paths;
    }
    if (this.#greeted) this.#tell("reopened", { ...missed, missing });
  }

  /** @param {number} term @param {(n: number) => boolean} unknown Rule 2. */
  #sayAllAgain(term, unknown) {
    this.#term = term;
    this.#lastSaid = Infinity;
    this.#talk.post({ kind: "here" });
    this.#say(unknown);
    for (const ask of this.#askedPaths.open) this.#talk.post({ kind: "ask", ...ask });
  }

  /** @param {any} message Rule 3. */
  #hearPackets({ sid, packets, last }) {
    const fresh = sid === this.sid ? last - this.#ack : 0;
    if (fresh <= 0) return;
    this.#ack = last;
    this.#tell("packets", { packets: packets.slice(-fresh) });
  }

  /** @param {string} type @param {any} detail */
  #hearEvent(type, detail) {
    if (type === "close") return this.#hearClose(detail);
    const told = { ...detail };
    for (const key of ["packets", "uncertain"]) if (key in told) told[key] = this.#said.among(told[key]);
    if (type === "error" && detail.packets.length > 0 && told.packets.length === 0) return;
    if (type === "reopened") {
      if (this.#missed !== undefined) return; // it is going to be told of more
      told.missing = told.missing.filter((/** @type {string} */ path) => this.#wanted.has(path));
    }
    this.#tell(type, told);
  }

  /** @param {any} detail The session has ended: for all, unless it was closed by a tab that was the last one. */
  #hearClose({ reason, undelivered: runs }) {
    if (reason === "closed" && !this.#closing)
      return this.#miss(
        reason,
        this.#said.done((n) => covers(runs, this.#id, n)),
      );
    this.#undelivered = this.#said.packets; // now: the record that says the same comes next
    queueMicrotask(() => {
      if (this.#undelivered !== undefined && this.#talk.isOpen) this.#depart(reason);
    });
  }

  /** @param {import("./connection.js").State} state */
  #enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.#tell("state", { state });
  }
}
