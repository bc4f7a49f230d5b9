/**
 * What a page knows of the messages that it gets and sends, and of the client's events: types alone.
 *
 * A map of messages has patterns as its keys: `{ "jobs/*": Job, "news": string }`. Then a handler of a pattern has the
 * message's type, and what is sent to a path has the type of the pattern that covers it.
 */

/**
 * The paths that a pattern covers.
 * @template {string} P
 * @typedef {P extends `${infer Head}/**` ? `${PathOf<Head>}/${string}`
 *   : P extends `${infer Head}*${infer Tail}` ? `${Head}${string}${PathOf<Tail>}` : P} PathOf
 */

/**
 * What is sent to a path.
 * @template M
 * @template {string} P
 * @typedef {{ [K in keyof M & string]: P extends PathOf<K> ? M[K] : never }[keyof M & string]} MessageAt
 */

/** @typedef {{ path: string, message: unknown }} Packet */

/**
 * The client's events, each with its `detail`.
 * @typedef {object} CometEvents
 * @property {{ state: import("./means.js").State }} state
 * @property {{ sid: string }} open
 * @property {{ cause: unknown, attempt: number, delay: number }} retrying `delay` in milliseconds
 * @property {{ reason: string, missing: readonly string[], uncertain: Packet[] }} reopened
 * @property {{ condition: string, detail: string, reason?: string, packets: Packet[] }} error
 * @property {{ reason: string, undelivered: Packet[] }} close
 * @property {{ path: string }} gap only of the `Comet` of `cometary/paths`
 */

/**
 * @template {keyof CometEvents} K
 * @typedef {((event: CustomEvent<CometEvents[K]>) => void) | { handleEvent(event: CustomEvent<CometEvents[K]>): void }}
 *   CometListener
 */

/**
 * An `EventTarget` that knows its events.
 * @typedef {object} CometTarget
 * @property {<K extends keyof CometEvents>(type: K, listener: CometListener<K> | null,
 *   options?: boolean | AddEventListenerOptions) => void} addEventListener
 * @property {<K extends keyof CometEvents>(type: K, listener: CometListener<K> | null,
 *   options?: boolean | EventListenerOptions) => void} removeEventListener
 * @property {(event: Event) => boolean} dispatchEvent
 */

export {};
