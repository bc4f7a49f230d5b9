/**
 * The paths that the page wants updates of. The push server does not decide who may have them: the
 * page asks its own back-end, which knows its user, and the back-end tells the push server.
 *
 * 1. The back-end is asked one thing at a time, in the order in which the page asked for it: what comes last holds.
 * 2. Before each attempt it is looked at what the page wants by now: to `connect` goes only what is still wanted,
 *    to `disconnect` only what is not.
 * 3. A new session starts with no paths, so all of them are asked for again: together, and if the back-end
 *    refuses that, one by one, so that one path that it does not allow any more takes no other along.
 * 4. A path that was refused is not asked for again. One for which the back-end could not be reached is,
 *    in the next session.
 * 5. Where several share the session, each wants paths of its own. A path is wanted while anybody wants it.
 */

import { ConnectError } from "./backend.js";

const ATTEMPTS = 6;

/** @typedef {import("./backend.js").Verb} Verb */
/** @typedef {() => string | undefined} CurrentSid the session as it is now */
/** @typedef {[path: string, owners: string[]][]} Wanted */

export class ConnectedPaths {
  /** @type {Map<string, Set<string>>} Who wants it (rule 5). */
  #wanted = new Map();
  /** @type {Promise<unknown>} The last thing that the back-end was to be asked (rule 1). */
  #last = Promise.resolve();
  #backend;
  #sid;

  /**
   * @param {import("./backend.js").Backend} backend
   * @param {CurrentSid} sid
   */
  constructor(backend, sid) {
    this.#backend = backend;
    this.#sid = sid;
  }

  /** @returns {Wanted} What is wanted, for whoever goes on with the session. */
  get record() {
    return [...this.#wanted].map(([path, owners]) => [path, [...owners]]);
  }

  /** @param {Wanted} record */
  resume(record) {
    for (const [path, owners] of record) this.#wanted.set(path, new Set(owners));
  }

  /**
   * Ask for paths, and for them again in every later session.
   *
   * @param {readonly string[]} paths
   * @param {Promise<unknown>} opened when there is a session
   * @param {string} [owner] rule 5
   * @throws {ConnectError}
   */
  async add(paths, opened, owner = "") {
    const added = paths.filter((path) => !this.#wanted.get(path)?.has(owner));
    for (const path of added) {
      const owners = this.#wanted.get(path) ?? new Set();
      this.#wanted.set(path, owners.add(owner)); // now, and not in its turn: what is wanted last, holds
    }
    try {
      await opened; // and this not in its turn: before there is a session again, all paths have to be restored
      await this.#inTurn(() => this.#ask(paths, "connect"));
    } catch (error) {
      this.#unwant(added, owner);
      throw error;
    }
  }

  /**
   * Ask for no more updates of paths.
   *
   * @param {readonly string[]} paths
   * @param {string} [owner] rule 5
   * @throws {ConnectError}
   */
  remove(paths, owner = "") {
    this.#unwant(paths, owner);
    return this.#inTurn(() => this.#ask(paths, "disconnect"));
  }

  /**
   * Somebody has gone, and with them what only they wanted.
   * @param {string} owner
   * @throws {ConnectError}
   */
  async drop(owner) {
    const paths = [...this.#wanted].filter(([, owners]) => owners.has(owner)).map(([path]) => path);
    this.#unwant(paths, owner);
    if (this.#backend.can("disconnect")) await this.#inTurn(() => this.#ask(paths, "disconnect"));
  }

  /**
   * @param {readonly string[]} paths
   * @param {string} owner
   */
  #unwant(paths, owner) {
    for (const path of paths) {
      const owners = this.#wanted.get(path);
      owners?.delete(owner);
      if (owners?.size === 0) this.#wanted.delete(path);
    }
  }

  /**
   * Ask for all paths again, because the session is a new one (rules 3 and 4).
   *
   * @returns {Promise<ConnectError[]>} what could not be had; empty if all is as it was
   */
  restore() {
    return this.#inTurn(async () => {
      const failed = await this.#restoreTogether([...this.#wanted.keys()]);
      if (failed === undefined) return [];
      if (!failed.final) return [failed];
      const errors = [];
      for (const path of this.#wanted.keys()) {
        const error = await this.#restoreTogether([path]);
        if (error?.final) this.#wanted.delete(path);
        if (error !== undefined) errors.push(error);
      }
      return errors;
    });
  }

  /** @param {readonly string[]} paths */
  async #restoreTogether(paths) {
    try {
      await this.#ask(paths, "connect");
      return undefined;
    } catch (error) {
      if (error instanceof ConnectError) return error;
      throw error;
    }
  }

  /**
   * Rule 1.
   * @template T
   * @param {() => Promise<T>} work
   */
  #inTurn(work) {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /**
   * Ask until the answer is for the session as it is at the end: it may be replaced meanwhile.
   *
   * @param {readonly string[]} paths
   * @param {Verb} verb
   */
  async #ask(paths, verb) {
    for (let attempt = 1; ; attempt += 1) {
      const asked = this.#sid();
      const due = paths.filter((path) => this.#wanted.has(path) === (verb === "connect")); // rule 2
      if (due.length === 0) return;
      if (asked === undefined) {
        if (verb === "disconnect") return; // the next session starts with no paths
        throw new ConnectError("There is no session to connect paths to.", due, false);
      }
      try {
        await this.#backend.ask(asked, due, verb);
        if (this.#sid() === asked) return;
      } catch (error) {
        const again = error instanceof ConnectError && !error.final && attempt < ATTEMPTS;
        if (!again && this.#sid() === asked) throw error;
        await this.#backend.pause(attempt);
      }
    }
  }
}
