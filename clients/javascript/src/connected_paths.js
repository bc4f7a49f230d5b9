/**
 * The paths that the page wants updates of. The push server does not decide who may have them: the
 * page asks its own back-end, which knows its user, and the back-end tells the push server. A new
 * session starts with no paths, so all of them are asked for again.
 */

const ATTEMPTS = 6;

/** The back-end refused paths, or could not be reached. */
export class ConnectError extends Error {
  /** @override */
  name = "ConnectError";

  /**
   * @param {string} message
   * @param {readonly string[]} paths
   * @param {boolean} final whether asking again would be refused again
   */
  constructor(message, paths, final) {
    super(message);
    this.paths = paths;
    this.final = final;
  }
}

export class ConnectedPaths {
  /** @type {Set<string>} */
  #paths = new Set();
  #backend;

  /** @param {import("./backend.js").Backend} backend */
  constructor(backend) {
    this.#backend = backend;
  }

  /** Whether there is anything to ask for again. */
  get any() {
    return this.#paths.size > 0;
  }

  /**
   * Ask for paths, and for them again in every later session.
   *
   * @param {() => string | undefined} sid the session as it is now
   * @param {readonly string[]} paths
   * @throws {ConnectError}
   */
  async add(sid, paths) {
    const added = paths.filter((path) => !this.#paths.has(path));
    for (const path of added) this.#paths.add(path);
    try {
      await this.#ask(sid, paths);
    } catch (error) {
      for (const path of added) this.#paths.delete(path);
      throw error;
    }
  }

  /**
   * Ask for no more updates of paths.
   *
   * @param {() => string | undefined} sid
   * @param {readonly string[]} paths
   * @throws {ConnectError}
   */
  async remove(sid, paths) {
    for (const path of paths) this.#paths.delete(path);
    const current = sid();
    if (current !== undefined) await this.#askOnce(current, paths, "disconnect");
  }

  /**
   * Ask for all paths again, because the session is a new one.
   *
   * @param {() => string | undefined} sid
   * @throws {ConnectError}
   */
  async restore(sid) {
    await this.#ask(sid, [...this.#paths]);
  }

  /**
   * Ask until the answer is for the session as it is at the end: it may be replaced meanwhile.
   *
   * @param {() => string | undefined} sid
   * @param {readonly string[]} paths
   */
  async #ask(sid, paths) {
    for (let attempt = 1; ; attempt += 1) {
      const asked = sid();
      if (asked === undefined)
        throw new ConnectError("There is no session to connect paths to.", paths, false);
      try {
        await this.#askOnce(asked, paths, "connect");
        if (sid() === asked) return;
      } catch (error) {
        const again = error instanceof ConnectError && !error.final && attempt < ATTEMPTS;
        if (!again && sid() === asked) throw error;
        await this.#backend.pause(attempt);
      }
    }
  }

  /**
   * @param {string} sid
   * @param {readonly string[]} paths
   * @param {import("./backend.js").Verb} verb
   */
  async #askOnce(sid, paths, verb) {
    let response;
    try {
      response = await this.#backend.ask(sid, paths, verb);
    } catch (cause) {
      throw new ConnectError(`The back-end could not be reached: ${cause}`, paths, false);
    }
    if (!response.ok) {
      const refused = response.status >= 400 && response.status < 500;
      throw new ConnectError(`The back-end answered ${response.status}.`, paths, refused);
    }
  }
}
