/** All of the client, for a file of its own: a module, or a classic script whose members are those of `Cometary`. */

export { AskError, Comet } from "./paths.js";
export { ConnectError, QueueFullError } from "./comet.js";
export { cbor } from "./cbor.js";
export { allTabs } from "./tabs.js";
