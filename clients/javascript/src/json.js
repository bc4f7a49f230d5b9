/**
 * Bodies and packets in JSON. The option `codec` may be another one, such as that of `cbor.js`: this is what each of them
 * does.
 */

/** @typedef {string | Uint8Array<ArrayBuffer>} Written */

/**
 * @typedef {object} Codec
 * @property {string} type of the bodies of requests
 * @property {string} streams the type of a stream of bodies
 * @property {string} protocol of WebSockets whose frames are bodies
 * @property {(packet: { path: string, message: unknown } & import("./queue.js").Wishes) => any} packet writes a packet, if
 *   the server is going to take it: it refuses a request as a whole, so one message that it does not take would take along
 *   all that travel with it. Throws a `TypeError`, the calling code's fault
 * @property {(members: object, packets?: readonly any[]) => any} body writes a body, without what is undefined
 * @property {(body: any) => any} beacon makes of a body what a beacon takes
 * @property {(frame: any) => Record<string, any> | undefined} read reads a body; undefined if it is none
 * @property {(response: Response) => Promise<Record<string, any> | undefined>} answer reads that of a response
 * @property {() => (piece: Uint8Array) => any[]} reader reads the bodies of a stream, from pieces
 */

/** Levels of arrays and objects that a message may have: the server takes 64, three of which are the request's. */
export const DEEPEST = 61;
const SURROGATE = /\p{Surrogate}/u;

/** @type {Codec} */
export const JSON_CODEC = {
  type: "application/json",
  streams: "application/x-ndjson",
  protocol: "cometary.1",
  packet(packet) {
    const json = JSON.stringify(packet, refuseHalves);
    if (depth(json) > DEEPEST + 1) throw tooDeep();
    return json;
  },
  body(members, packets) {
    const json = JSON.stringify(members);
    return packets ? `${json.slice(0, -1)},"packets":[${packets.join()}]}` : json;
  },
  beacon: (body) => body,
  read: parseObject,
  answer: async (response) => parseObject(await response.text()),
  reader() {
    const decoder = new TextDecoder();
    let rest = "";
    return (piece) => {
      const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      return lines.map((line) => JSON.parse(line));
    };
  },
};

/**
 * @param {string} text
 * @returns {Record<string, any> | undefined}
 */
export function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

export function tooDeep() {
  return new TypeError(`A message is nested ${DEEPEST} levels deep at most.`);
}

/**
 * @param {string} key
 * @param {unknown} value
 */
export function refuseHalves(key, value) {
  if (SURROGATE.test(key) || (typeof value === "string" && SURROGATE.test(value))) {
    throw new TypeError("Text has no halves of characters (surrogates): the server could not read it.");
  }
  return value;
}

/** @param {string} json How many levels of arrays and objects it has. */
function depth(json) {
  let level = 0;
  let deepest = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, (level += 1));
    else if (token === "]" || token === "}") level -= 1;
  }
  return deepest;
}
