/**
 * Which tab leads, by the browser's locks: they are handed on at once when a tab is closed, or crashes.
 *
 * 1. Whoever has the lock leads. The others stand in line for it.
 * 2. A tab that hangs keeps its lock. So whoever does not lead asks after the leader when nothing was heard of it for a
 *    while; if it has not answered two such questions when a third is due, after 15 seconds in all, the lock is stolen.
 *    Questions are counted, not seconds: a tab whose own timers were late has heard nothing either.
 * 3. So a tab that comes to itself after a while may have been robbed without knowing. It may only count on
 *    leading for some seconds after it last knew; then it asks the browser, whose answer comes after the news of
 *    a theft.
 * 4. Each tab has a lock of its own, which says to all that it is there.
 */

import { Alarm } from "./alarm.js";

/** Seconds between two looks after the leader. */
const LOOK = 5;

/** Seconds for which a tab that knows that it leads may count on it; less than it takes to be robbed. */
const SURE = 5;

/**
 * @typedef {object} MoreElectionMeans
 * @property {Pick<LockManager, "request" | "query">} locks
 * @property {() => number} now
 * @property {() => number} random
 */

/** @typedef {import("./alarm.js").AlarmMeans & MoreElectionMeans} ElectionMeans */

/**
 * Whom it tells.
 * @typedef {object} Candidate
 * @property {() => void} present the tab's own lock is there (rule 4)
 * @property {() => void} leads
 * @property {() => void} robbed
 * @property {() => void} ask after the leader
 * @property {() => void} sure again
 * @property {(tab: string) => void} gone
 */

export class Election {
  /** What is asked of the browser is over when another takes its place. */
  #membership = new AbortController();
  #standing = new AbortController();
  /** @type {(() => void) | undefined} Gives the lock back. */
  #release;
  #look;
  #questions = 0;
  #knew = 0;
  #assuring = false;
  #means;
  #name;
  #tab;
  #candidate;

  /**
   * @param {ElectionMeans} means
   * @param {string} name of the session that is shared
   * @param {string} tab
   * @param {Candidate} candidate
   */
  constructor(means, name, tab, candidate) {
    this.#look = new Alarm(means);
    this.#means = means;
    this.#name = name;
    this.#tab = tab;
    this.#candidate = candidate;
  }

  get leads() {
    return this.#release !== undefined;
  }

  join() {
    this.#membership = new AbortController();
    const { signal } = this.#membership;
    const present = () => {
      if (signal.aborted) return undefined;
      this.#stand({});
      this.#lookLater();
      this.#candidate.present();
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    };
    this.#request(this.#lockOf(this.#tab), { signal }, present);
  }

  /** Give back what this tab has, and stand in no line. */
  resign() {
    this.#membership.abort();
    this.#sitDown();
    this.#look.clear();
  }

  #sitDown() {
    this.#standing.abort();
    this.#release?.();
    this.#release = undefined;
  }

  /** @param {LockOptions} options how to get the lock */
  #stand(options) {
    this.#sitDown();
    const standing = (this.#standing = new AbortController());
    const { signal } = standing;
    const given = () => {
      if (signal.aborted) return undefined;
      this.#knew = this.#means.now();
      return new Promise((resolve) => {
        this.#release = () => resolve(undefined);
        this.#candidate.leads();
      });
    };
    this.#request(this.#name, options.steal ? options : { signal }, given, () => {
      if (signal.aborted) return; // withdrawn
      const led = this.leads;
      this.#stand({});
      if (led) this.#candidate.robbed();
    });
  }

  /**
   * @param {string} lock
   * @param {LockOptions} options
   * @param {() => Promise<unknown> | undefined} given
   * @param {() => void} [taken] it was stolen, or the request for it withdrawn
   */
  #request(lock, options, given, taken = () => undefined) {
    this.#means.locks.request(lock, options, given).catch(taken);
  }

  /** @param {string} tab */
  #lockOf(tab) {
    return `${this.#name}/${tab}`;
  }

  // --- those who do not lead

  /** The leader has said something. */
  heard() {
    this.#questions = 0;
  }

  #lookLater() {
    const pause = (LOOK + this.#means.random() / 2) * 1000; // not all of them at once
    this.#look.set(pause, () => {
      this.#lookLater();
      if (this.leads) return;
      if (this.#questions >= 2) {
        this.#questions = 0;
        return this.#stand({ steal: true });
      }
      this.#questions += 1;
      this.#candidate.ask();
    });
  }

  // --- the one who does

  /** Rule 3; if not, `sure` is told when it is again. */
  get isSure() {
    if (!this.leads) return false;
    if (this.#knows) {
      this.#knew = this.#means.now();
      return true;
    }
    void this.#assure();
    return false;
  }

  async #assure() {
    if (this.#assuring) return;
    this.#assuring = true;
    const leads = await this.confirm();
    this.#assuring = false;
    if (leads) this.#candidate.sure();
  }

  /** Rule 3: ask until the answer is not an old one. */
  async confirm() {
    do {
      const asked = this.#means.now();
      await this.#means.locks.query();
      this.#knew = asked;
    } while (this.leads && !this.#knows);
    return this.leads;
  }

  get #knows() {
    return this.#means.now() - this.#knew < SURE * 1000;
  }

  /** @returns {Promise<string[]>} The other tabs. */
  async others() {
    const { held = [] } = await this.#means.locks.query();
    const prefix = this.#lockOf("");
    const names = held.map(({ name = "" }) => name).filter((name) => name.startsWith(prefix));
    return names.map((name) => name.slice(prefix.length)).filter((tab) => tab !== this.#tab);
  }

  /**
   * Say when a tab has gone.
   * @param {string} tab
   */
  watch(tab) {
    const { signal } = this.#standing;
    this.#request(this.#lockOf(tab), { signal }, () => {
      if (!signal.aborted) this.#candidate.gone(tab);
      return undefined;
    });
  }
}
