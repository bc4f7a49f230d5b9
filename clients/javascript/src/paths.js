/**
 * Paths: a `Comet` that connects itself where the server lets it, gets what it missed, and sees who is there.
 *
 * @example
 * import { Comet } from "cometary/paths";
 *
 * const comet = new Comet("/comet");
 * await comet.connect(["room/kitchen"]); // asks the server, since no back-end is named
 * comet.addEventListener("gap", ({ detail }) => reload(detail.path));
 * const { count, members } = await comet.presence("room/kitchen");
 *
 * 1. Without `connectUrl` it is the server that is asked for paths, by a question; else the page's back-end, as ever.
 * 2. Where a path has a history the page's position is known, and its position in each pattern that it hears. After `reopened` what was missed is replayed, whoever has
 *    connected the session: in its place, and nothing twice. What cannot be replayed is a `gap`, with its path, which may be a
 *    pattern: what its packets would have changed is to be loaded afresh.
 * 3. A server that has no histories tells no positions, and all of that comes to nothing.
 */

import { AskError, Comet as Asking } from "./asking.js";
import { Backend, ConnectError } from "./backend.js";
import { Holder } from "./holder.js";
import { withDefaults } from "./options.js";
import { Positions } from "./positions.js";

export { AskError, ConnectError };
export { QueueFullError } from "./comet.js";

/** @typedef {import("./comet.js").Options} Options */
/** @typedef {{ name: string, shown?: any }} Member */

/** Has the server asked where the page has named no back-end (rule 1). */
class ServerToo extends Backend {
  #askServer;

  /**
   * @param {import("./backend.js").BackendMeans} means
   * @param {(paths: readonly string[], verb: import("./backend.js").Verb) => Promise<void>} askServer
   */
  constructor(means, askServer) {
    super(means);
    this.#askServer = askServer;
  }

  /** @override */
  can() {
    return true;
  }

  /** @param {string} sid @param {readonly string[]} paths @param {import("./backend.js").Verb} verb @override */
  ask(sid, paths, verb) {
    return super.can(verb) ? super.ask(sid, paths, verb) : this.#askServer(paths, verb);
  }
}

/**
 * @template {Record<string, any>} [M=Record<string, any>] the messages, by patterns of their paths
 * @extends {Asking<M>}
 */
export class Comet extends Asking {
  #positions;

  /**
   * @param {string} url the endpoint
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    const positions = new Positions();
    super(url, {
      ...options,
      backend: new ServerToo(withDefaults(options), (paths, verb) => this.#askServer(paths, verb)),
      share: (endpoint, chosen, tell) => {
        const hear = watching(
          positions,
          () => this.sid,
          tell,
          () => void this.#recover(),
        );
        return options.share?.(endpoint, chosen, hear) ?? new Holder(endpoint, chosen, hear);
      },
    });
    this.#positions = positions;
  }

  /**
   * Who is on a path that this session hears.
   *
   * @param {string} path
   * @param {number} [most] members that are listed, up to 100; 0 for the count alone
   * @returns {Promise<{ path: string, count: number, members: Member[] }>}
   * @throws {AskError} as `ask` does
   */
  presence(path, most = 100) {
    return this.ask("::presence", { path, most });
  }

  /**
   * Send a message to another client, where the application permits it; there it comes on the path `::peer`.
   *
   * @param {string} name the public name of its session
   * @param {string} path
   * @param {unknown} [message]
   * @throws {AskError} as `ask` does
   */
  async sendTo(name, path, message) {
    await this.ask("::peer", { to: name, path, message });
  }

  /** @param {readonly string[]} paths @param {import("./backend.js").Verb} verb @throws {ConnectError} */
  async #askServer(paths, verb) {
    const missed = verb === "connect" ? this.#positions.ask(paths) : [];
    try {
      const since = missed.length > 0 ? Object.fromEntries(missed) : undefined;
      await this.ask(`::${verb}`, { paths, since });
    } catch (error) {
      const refused = error instanceof AskError && error.fault === "client";
      this.#positions.leave(paths);
      if (refused) for (const [path] of missed) this.#positions.miss(path); // whoever hears of the refusal knows
      throw new ConnectError(`The server has not taken it: ${error}`, paths, refused);
    }
  }

  /** Ask for what was missed where nobody has asked yet (rule 2). */
  async #recover() {
    for (const [path, at] of this.#positions.open) {
      try {
        await this.ask("::replay", { since: { [path]: at } });
      } catch {
        this.#positions.miss(path);
        this.dispatchEvent(new CustomEvent("gap", { detail: { path } }));
      }
    }
  }
}

/**
 * What stands between the session and the page.
 * @param {Positions} positions
 * @param {() => string | undefined} sid
 * @param {(type: string, detail: any) => void} tell
 * @param {() => void} recover
 * @returns {(type: string, detail: any) => void}
 */
function watching(positions, sid, tell, recover) {
  /** @type {string | undefined} */
  let known;
  return (type, detail) => {
    const now = sid();
    if (now !== undefined && now !== known) {
      if (known !== undefined) positions.renew();
      known = now;
    }
    if (type !== "packets") tell(type, detail);
    else {
      const packets = [];
      for (const packet of detail.packets) {
        if (positions.take(packet)) packets.push(packet);
        else if (packet.path === "::gap") tell("gap", { path: packet.message.path });
      }
      tell(type, { ...detail, packets });
    }
    if (type === "reopened") recover();
  };
}
