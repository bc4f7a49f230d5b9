/**
 * A network cable that can be pulled: a `fetch` for the client that fails meanwhile, with every request that
 * is under way, as it does when the real one is pulled. The server sees the connections break.
 */
export class Cable {
  #plugged = true;
  #pull = new AbortController();

  /**
   * @param {RequestInfo | URL} input
   * @param {RequestInit} [init]
   */
  fetch = async (input, init = {}) => {
    if (!this.#plugged) throw new TypeError("The cable is pulled.");
    const signals = [this.#pull.signal, ...(init.signal ? [init.signal] : [])];
    return fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };

  /** @param {number} milliseconds */
  async pull(milliseconds) {
    this.#plugged = false;
    this.#pull.abort();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    this.#pull = new AbortController();
    this.#plugged = true;
    dispatchEvent(new Event("online")); // as browsers say it
  }
}
