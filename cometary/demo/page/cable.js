/**
 * A network cable that can be pulled: a `fetch` and a `WebSocket` for the client that fail meanwhile, with every
 * request and socket that is under way, as they do when the real one is pulled. The server sees the connections break.
 */
export class Cable {
  #plugged = true;
  #pull = new AbortController();

  WebSocket = plugIn(this);

  /** What tells when it is pulled. Raises an error while it is. */
  get signal() {
    if (!this.#plugged) throw new TypeError("The cable is pulled.");
    return this.#pull.signal;
  }

  /**
   * @param {RequestInfo | URL} input
   * @param {RequestInit} [init]
   */
  fetch = async (input, init = {}) => {
    const signals = [this.signal, ...(init.signal ? [init.signal] : [])];
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

/**
 * @param {Cable} cable
 * @returns {typeof globalThis.WebSocket}
 */
function plugIn(cable) {
  return class extends globalThis.WebSocket {
    /**
     * @param {string | URL} url
     * @param {string | string[]} [protocols]
     */
    constructor(url, protocols) {
      const { signal } = cable;
      super(url, protocols);
      const pulled = () => this.close();
      signal.addEventListener("abort", pulled);
      this.addEventListener("close", () => signal.removeEventListener("abort", pulled));
    }
  };
}
