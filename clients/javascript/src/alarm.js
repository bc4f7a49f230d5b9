/** One thing that is to be done later, unless something comes between. */

/** @typedef {import("./flights.js").Timer} Timer */

/**
 * @typedef {object} AlarmMeans
 * @property {(callback: () => void, milliseconds: number) => Timer} setTimeout
 * @property {(timer: Timer) => void} clearTimeout
 */

export class Alarm {
  /** @type {Timer | undefined} */
  #timer;
  #means;

  /** @param {AlarmMeans} means */
  constructor(means) {
    this.#means = means;
  }

  get isSet() {
    return this.#timer !== undefined;
  }

  /** @param {number} milliseconds @param {() => void} ring takes the place of what was to be done */
  set(milliseconds, ring) {
    this.clear();
    this.#timer = this.#means.setTimeout(() => {
      this.#timer = undefined;
      ring();
    }, milliseconds);
  }

  clear() {
    if (this.#timer !== undefined) this.#means.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
