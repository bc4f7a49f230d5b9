/**
 * What the tabs say to one another. What one says all hear, itself as well, in one order for each tab.
 */

/** Milliseconds that a tab which comes to lead gives the others to say what they know. */
const HEARING = 200;

/** @typedef {{ kind: string, [member: string]: any }} Message */

export class Talk {
  /** @type {BroadcastChannel | undefined} */
  #channel;
  /** @type {((tab: string) => void) | undefined} */
  #answered;
  /** Which question the latest was: an answer to an older one would be an old answer. */
  #question = 0;
  #environment;
  #name;
  #tab;
  #hear;

  /**
   * @param {import("./options.js").Environment} environment
   * @param {string} name of the session that is shared
   * @param {string} tab
   * @param {(message: any) => void} hear
   */
  constructor(environment, name, tab, hear) {
    this.#environment = environment;
    this.#name = name;
    this.#tab = tab;
    this.#hear = hear;
  }

  get isOpen() {
    return this.#channel !== undefined;
  }

  open() {
    const channel = this.#openChannel();
    channel.onmessage = ({ data }) => {
      if (this.#channel === channel) this.#take(data);
    };
    this.#channel = channel;
  }

  close() {
    this.#channel?.close();
    this.#channel = undefined;
  }

  #openChannel() {
    const Channel = /** @type {typeof BroadcastChannel} */ (this.#environment.BroadcastChannel);
    return new Channel(this.#name);
  }

  /** @param {Message} message */
  post(message) {
    if (this.#channel === undefined) return;
    const said = { ...message, from: this.#tab };
    this.#channel.postMessage(said);
    this.#hear(said);
  }

  /** @param {any} message */
  #take(message) {
    const { kind, from, to, question } = message;
    const isLatest = question === this.#question;
    if (kind === "who" && from === this.#tab) isLatest && this.#answered?.(from);
    else if (kind !== "copy") this.#hear(message);
    else if (to === this.#tab && isLatest) {
      this.#hear(message);
      this.#answered?.(from);
    }
  }

  /**
   * Have other tabs say what they know, and hear all that was said before: a lock, or news of one, may be faster than
   * messages. So the question goes out by another channel, by which it comes to this tab as well, after all else.
   *
   * @param {readonly string[]} others
   */
  async ask(others) {
    const { setTimeout, clearTimeout } = this.#environment;
    const awaited = new Set(others);
    this.#question += 1;
    const question = this.#question;
    const channel = this.#openChannel();
    await new Promise((resolve) => {
      let echoed = false;
      const answered = (this.#answered = (/** @type {string} */ tab) => {
        awaited.delete(tab);
        echoed ||= tab === this.#tab;
        if (awaited.size > 0 || !echoed) return;
        clearTimeout(timer);
        resolve(undefined);
      });
      const timer = setTimeout(() => {
        awaited.clear();
        answered("");
      }, HEARING);
      channel.postMessage({ kind: "who", from: this.#tab, question });
    });
    channel.close();
  }
}
