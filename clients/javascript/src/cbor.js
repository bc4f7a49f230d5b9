/**
 * Messages with bytes in them: bodies and packets in CBOR (RFC 8949) in place of JSON.
 *
 * @example
 * import { Comet } from "cometary";
 * import { cbor } from "cometary/cbor";
 *
 * const comet = new Comet("/comet", { codec: cbor() });
 * comet.on("thumbnails/*", (bytes) => show(new Blob([bytes])));
 * comet.send("sketches/7", new Uint8Array([1, 2, 3]));
 *
 * What is sent is what JSON would make of it, with its `toJSON`, but for bytes and for numbers that JSON has not got. What comes
 * is what JSON has, bytes (`Uint8Array`), and those numbers.
 */

import { DEEPEST, parseObject, refuseHalves, tooDeep } from "./json.js";

/** @typedef {import("./json.js").Codec} Codec */

/** What an item is, by the first three bits. */
const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;

const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const UNDEFINED = 0xf7;
const FLOAT_16 = 0xf9;
const FLOAT_32 = 0xfa;
const FLOAT_64 = 0xfb;

/** Levels of a body above a message: its map, the array of packets, a packet's map. */
const ABOVE = 3;

/** @returns {Codec} For the option `codec`. */
export function cbor() {
  const type = "application/cbor";
  return {
    type,
    streams: "application/cbor-seq",
    protocol: "cometary.1.cbor",
    packet: encode,
    body(members, packets) {
      const writer = new Writer();
      const entries = Object.entries(members).filter(([, value]) => value !== undefined);
      writer.head(MAP, entries.length + (packets ? 1 : 0));
      for (const [key, value] of entries) writer.entry(key, value, ABOVE);
      if (packets) {
        writer.value("packets", ABOVE);
        writer.head(ARRAY, packets.length);
        for (const packet of packets) writer.put(packet);
      }
      return writer.bytes;
    },
    beacon: (body) => new Blob([body], { type }),
    read: (frame) => readObject(new Uint8Array(frame)),
    async answer(response) {
      const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
      return isJson
        ? parseObject(await response.text())
        : readObject(new Uint8Array(await response.arrayBuffer()));
    },
    reader() {
      let rest = new Uint8Array();
      return (piece) => {
        const reader = new Reader(joined([rest, piece]));
        const bodies = reader.all();
        rest = reader.rest;
        return bodies;
      };
    },
  };
}

/**
 * @param {unknown} value
 * @throws {TypeError} the calling code's fault: it cannot travel
 */
export function encode(value) {
  const writer = new Writer();
  writer.value(value, 0);
  return writer.bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {unknown}
 * @throws {RangeError} if there is less than one item, or more
 */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value();
  if (reader.rest.length > 0) throw new RangeError("There is more than one item.");
  return value;
}

/** @param {Uint8Array} bytes */
function readObject(bytes) {
  try {
    const value = decode(bytes);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @param {readonly Uint8Array[]} pieces */
function joined(pieces) {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

class Writer {
  /** @type {Uint8Array[]} */
  #pieces = [];

  get bytes() {
    return joined(this.#pieces);
  }

  /** @param {Uint8Array} piece */
  put(piece) {
    this.#pieces.push(piece);
  }

  /** @param {number} kind @param {number} count a length, or a number */
  head(kind, count) {
    const first = kind << 5;
    if (count < 24) return this.put(Uint8Array.of(first | count));
    const view = new DataView(new ArrayBuffer(9));
    const [bits, size] =
      count < 2 ** 8 ? [24, 1] : count < 2 ** 16 ? [25, 2] : count < 2 ** 32 ? [26, 4] : [27, 8];
    view.setUint8(0, first | bits);
    if (size === 8) view.setBigUint64(1, BigInt(count));
    else if (size === 4) view.setUint32(1, count);
    else if (size === 2) view.setUint16(1, count);
    else view.setUint8(1, count);
    this.put(new Uint8Array(view.buffer, 0, 1 + size));
  }

  /** @param {string} key @param {unknown} value @param {number} level */
  entry(key, value, level) {
    this.value(key, level);
    this.value(value, level);
  }

  /** @param {any} value @param {number} level how many containers it is in */
  value(value, level) {
    if (typeof value?.toJSON === "function") value = value.toJSON();
    if (typeof value === "string") this.#text(value);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "boolean") this.put(Uint8Array.of(value ? TRUE : FALSE));
    else if (typeof value === "bigint") throw new TypeError("Numbers are no BigInts here.");
    else if (typeof value !== "object" || value === null) this.put(Uint8Array.of(NULL));
    else if (value instanceof ArrayBuffer) this.#bytes(new Uint8Array(value));
    else if (ArrayBuffer.isView(value))
      this.#bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    else this.#container(value, level + 1);
  }

  /** @param {string} text */
  #text(text) {
    refuseHalves("", text);
    const bytes = new TextEncoder().encode(text);
    this.head(TEXT, bytes.length);
    this.put(bytes);
  }

  /** @param {number} number */
  #number(number) {
    if (Number.isSafeInteger(number) && !Object.is(number, -0)) {
      return number < 0 ? this.head(NEGATIVE, -1 - number) : this.head(UNSIGNED, number);
    }
    const view = new DataView(new ArrayBuffer(9));
    view.setUint8(0, FLOAT_64);
    view.setFloat64(1, number);
    this.put(new Uint8Array(view.buffer));
  }

  /** @param {Uint8Array} bytes They are copied: later changes to them are not sent. */
  #bytes(bytes) {
    this.head(BYTES, bytes.length);
    this.put(bytes.slice());
  }

  /** @param {object} container @param {number} level */
  #container(container, level) {
    if (level > DEEPEST + 1) throw tooDeep(); // the packet's own map is one of them
    if (Array.isArray(container)) {
      this.head(ARRAY, container.length);
      for (const item of container) this.value(item, level);
      return;
    }
    const entries = Object.entries(container).filter(([, value]) => isSaid(value));
    this.head(MAP, entries.length);
    for (const [key, value] of entries) this.entry(key, value, level);
  }
}

/** @param {unknown} value Whether JSON has anything to say of a member. */
function isSaid(value) {
  return value !== undefined && typeof value !== "function" && typeof value !== "symbol";
}

class Reader {
  #at = 0;
  #bytes;
  #view;

  /** @param {Uint8Array<ArrayBuffer> | Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** What has not been read. */
  get rest() {
    return this.#bytes.slice(this.#at);
  }

  /** All items that are there as a whole. */
  all() {
    const items = [];
    while (this.#at < this.#bytes.length) {
      const start = this.#at;
      try {
        items.push(this.value());
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        this.#at = start; // the rest of it comes later
        break;
      }
    }
    return items;
  }

  /**
   * @returns {any}
   * @throws {RangeError} if it is not there as a whole
   * @throws {TypeError} if it is nothing that this server sends
   */
  value() {
    const first = this.#view.getUint8(this.#take(1));
    const kind = first >> 5;
    if (kind > TAG) return this.#simple(first);
    const count = this.#count(first & 31);
    if (kind === UNSIGNED) return count;
    if (kind === NEGATIVE) return -1 - count;
    if (kind === BYTES) return this.#part(count);
    if (kind === TEXT) return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.#part(count));
    if (kind === ARRAY) return Array.from({ length: this.#plausible(count) }, () => this.value());
    if (kind === MAP) return this.#map(this.#plausible(count));
    return this.#tagged(count);
  }

  /** @param {number} count */
  #map(count) {
    const entries = Array.from({ length: count }, () => [this.value(), this.value()]);
    return Object.fromEntries(entries); // a key may be __proto__
  }

  /** @param {number} tag Numbers of more than 64 bits have one (RFC 8949, section 3.4.3); of any other, what it is about. */
  #tagged(tag) {
    const value = this.value();
    if (tag !== 2 && tag !== 3) return value;
    const magnitude = value.reduce(
      (/** @type {number} */ sum, /** @type {number} */ byte) => sum * 256 + byte,
      0,
    );
    return tag === 2 ? magnitude : -1 - magnitude;
  }

  /** @param {number} first */
  #simple(first) {
    if (first === FALSE || first === TRUE) return first === TRUE;
    if (first === NULL || first === UNDEFINED) return null;
    if (first === FLOAT_64) return this.#view.getFloat64(this.#take(8));
    if (first === FLOAT_32) return this.#view.getFloat32(this.#take(4));
    if (first === FLOAT_16) return halfFloat(this.#view.getUint16(this.#take(2)));
    throw new TypeError("There is no such simple value.");
  }

  /** @param {number} bits the last five of an item's first byte */
  #count(bits) {
    if (bits < 24) return bits;
    if (bits === 24) return this.#view.getUint8(this.#take(1));
    if (bits === 25) return this.#view.getUint16(this.#take(2));
    if (bits === 26) return this.#view.getUint32(this.#take(4));
    if (bits === 27) return Number(this.#view.getBigUint64(this.#take(8)));
    throw new TypeError("An item has a length.");
  }

  /** @param {number} length */
  #part(length) {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  /** @param {number} count of items, each of which has a byte at least */
  #plausible(count) {
    if (count > this.#bytes.length - this.#at) throw new RangeError("Not all of it is there.");
    return count;
  }

  /** @param {number} length @returns {number} where they begin */
  #take(length) {
    this.#plausible(length);
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

/** @param {number} bits RFC 8949, appendix D. */
function halfFloat(bits) {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  const magnitude =
    exponent === 0
      ? mantissa * 2 ** -24
      : exponent === 31
        ? mantissa === 0
          ? Infinity
          : NaN
        : (mantissa + 1024) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}
