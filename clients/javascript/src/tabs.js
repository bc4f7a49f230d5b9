/**
 * One session for all tabs of a browser.
 *
 * @example
 * import { Comet } from "cometary";
 * import { allTabs } from "cometary/tabs";
 *
 * const comet = new Comet("/comet", { connectUrl: "/connect", share: allTabs() });
 */

import { Tab } from "./tab.js";

/**
 * For the option `share`. Tabs share a session if they have the same origin, the same endpoint and the same name; they
 * have to be set up alike otherwise, since any of them may come to hold the session. Where the browser has no Web Locks
 * (as on pages without TLS) or no BroadcastChannel, each tab has a session of its own.
 *
 * @param {string} [name] one for each user who may be signed in, so that nobody shares a session with somebody else
 * @returns {import("./options.js").Share}
 */
export function allTabs(name = "") {
  return (url, options, tell) => {
    const { locks, BroadcastChannel } = options.environment;
    return locks && BroadcastChannel && new Tab(url, options, tell, name);
  };
}
