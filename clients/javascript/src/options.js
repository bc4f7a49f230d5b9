/**
 * What the page may choose, with the defaults, and what the client takes from its surroundings.
 */

import { Backend } from "./backend.js";
import { JSON_CODEC } from "./json.js";

/**
 * @typedef {object} Options
 * @property {string} [connectUrl] where the page's own back-end takes `{"sid": …, "paths": […]}`
 * @property {string} [disconnectUrl] the same, for paths that the page wants no more
 * @property {HeadersInit | (() => HeadersInit)} [backendHeaders] for requests to these two, such as a CSRF token
 * @property {string | (() => string | undefined | Promise<string | undefined>)} [token] for the server's authenticator
 * @property {RequestCredentials} [credentials] of requests to the endpoint; "same-origin" by default
 * @property {number} [wait] seconds that the server may hold a request, if less than it would
 * @property {boolean} [resume] whether the session is to outlive the process of the server that has it, where the server
 *   records sessions; it is then carried by requests alone
 * @property {number} [margin] seconds within which what the server does not hold has to be answered, or it is sent
 *   again; 10 by default, and a third of the server's `die` at most
 * @property {readonly import("./wires.js").Wire[]} [wires] what may take the place of held requests, where it can be had,
 *   the best first; all that there are by default
 * @property {import("./json.js").Codec} [codec] how messages are written, if not in JSON: `cbor()` of "cometary/cbor", for
 *   messages with bytes in them
 * @property {{ base: number, cap: number }} [backoff] bounds of the pause before another attempt, the first and the
 *   last (milliseconds); 500 and 30,000 by default
 * @property {{ packets?: number, bytes?: number, batchBytes?: number }} [limits] of the send queue (1,000 packets,
 *   1 MiB) and of the packets in one request (128 KiB); `send` throws when they are reached
 * @property {number} [closeTimeout] seconds after which `close` does not wait for the server any longer; 5 by default
 * @property {Share} [share] one session for all tabs of the browser: `allTabs()` of "cometary/tabs"; otherwise each page has
 *   a session of its own
 * @property {Backend} [backend] whom to ask for paths, if not the one that these two are of (`paths.js`)
 * @property {boolean} [closeOnPageHide] end the session when the page is left for good; true by default
 * @property {Partial<Environment>} [environment] for tests, and where there is no `fetch`
 */

/** @typedef {{ packets: number, bytes: number, batchBytes: number }} Limits */

/**
 * Keeps a session for the client.
 * @typedef {object} Line
 * @property {string | undefined} sid
 * @property {import("./connection.js").State} state
 * @property {import("./wires.js").Wire | "requests"} wire
 * @property {number} unanswered
 * @property {() => void} open
 * @property {(path: string, message: unknown, wishes: import("./queue.js").Wishes) => void} send
 * @property {(paths: readonly string[], opened: Promise<unknown>) => Promise<void>} connect
 * @property {(paths: readonly string[]) => Promise<void>} disconnect
 * @property {() => void} retry
 * @property {() => void} close
 * @property {(reason: string) => void} end
 * @property {(type: string, kept: boolean) => void} onPage
 */

/**
 * Makes what keeps the session, or says by undefined that the browser has not got what it takes.
 * @typedef {(url: string, options: any, tell: (type: string, detail: any) => void) => Line | undefined} Share
 */

/**
 * What the client takes from its surroundings.
 * @typedef {object} Environment
 * @property {typeof globalThis.fetch} fetch
 * @property {typeof globalThis.WebSocket | undefined} WebSocket
 * @property {(callback: () => void, milliseconds: number) => ReturnType<typeof setTimeout>} setTimeout
 * @property {(timer: ReturnType<typeof setTimeout>) => void} clearTimeout
 * @property {() => number} now milliseconds of any clock that only goes forward
 * @property {() => number} date milliseconds of a clock that all tabs share
 * @property {() => number} random from 0 up to 1
 * @property {Pick<EventTarget, "addEventListener" | "removeEventListener"> | undefined} page hears `online`,
 *   `pagehide` and `pageshow`
 * @property {(url: string, body: string | Blob) => boolean} sendBeacon
 * @property {(error: unknown) => void} reportError for what a handler throws
 * @property {Pick<EventTarget, "addEventListener" | "removeEventListener"> | undefined} document hears `freeze` and
 *   `resume`
 * @property {Pick<LockManager, "request" | "query"> | undefined} locks
 * @property {typeof globalThis.BroadcastChannel | undefined} BroadcastChannel
 */

/** Browsers take a longer time-out for none at all, and call back at once (milliseconds). */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

// Wrapped, because browsers refuse to run these as methods of anything but the window.
/** @type {Environment} */
const BROWSER = {
  fetch: (input, init) => globalThis.fetch(input, init),
  WebSocket: globalThis.WebSocket,
  setTimeout: (callback, milliseconds) => globalThis.setTimeout(callback, milliseconds),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
  now: () => globalThis.performance.now(),
  date: () => Date.now(),
  random: () => Math.random(),
  page: "addEventListener" in globalThis ? globalThis : undefined,
  sendBeacon: (url, body) => globalThis.navigator?.sendBeacon?.(url, body) ?? false,
  reportError: (error) =>
    queueMicrotask(() => {
      throw error; // which browsers tell the page's error handlers, as they do of anything that nobody has caught
    }),
  document: globalThis.document,
  locks: globalThis.origin === "null" ? undefined : globalThis.navigator?.locks, // refused there
  BroadcastChannel: globalThis.BroadcastChannel,
};

const LIMITS = { packets: 1000, bytes: 1 << 20, batchBytes: 128 << 10 };
const BACKOFF = { base: 500, cap: 30_000 };

/**
 * The options with every default filled in.
 *
 * @param {Options} options
 * @throws {TypeError} the page's fault: a time is not a number of 0 or more
 */
export function withDefaults({ token, wait, ...options }) {
  checkTimes({ ...options, ...(wait === undefined ? {} : { wait }) });
  const { credentials = "same-origin", margin = 10, closeTimeout = 5 } = options;
  const { closeOnPageHide = true, wires = ["websocket", "stream"], codec = JSON_CODEC } = options;
  const chosen = {
    ...options,
    wait,
    credentials,
    margin,
    closeTimeout,
    closeOnPageHide,
    wires,
    codec,
    token: typeof token === "function" ? token : () => token,
    limits: { ...LIMITS, ...options.limits },
    backoff: { ...BACKOFF, ...options.backoff },
    environment: boundedTimers({ ...BROWSER, ...options.environment }),
  };
  return { ...chosen, backend: options.backend ?? new Backend(chosen) };
}

/**
 * @param {Environment} environment
 * @returns {Environment} the same, with time-outs as long as browsers can make them
 */
function boundedTimers({ setTimeout, ...environment }) {
  return {
    ...environment,
    setTimeout: (callback, milliseconds) => setTimeout(callback, Math.min(milliseconds, LONGEST_TIMEOUT)),
  };
}

/**
 * Accept the options by returning, or refuse them by throwing.
 *
 * @param {Pick<Options, "wait" | "margin" | "closeTimeout" | "backoff">} options
 * @throws {TypeError} the page's fault: a time is not a number of 0 or more
 */
function checkTimes({ wait = 0, margin = 0, closeTimeout = 0, backoff = BACKOFF }) {
  const { base = 0, cap = 0 } = backoff;
  for (const [name, value] of Object.entries({ wait, margin, closeTimeout, base, cap })) {
    if (!(typeof value === "number" && value >= 0)) {
      throw new TypeError(`The option ${name} is a number of 0 or more, not ${String(value)}.`);
    }
  }
  if (wait === Infinity) throw new TypeError("The option wait is a number of seconds, or left out.");
}
