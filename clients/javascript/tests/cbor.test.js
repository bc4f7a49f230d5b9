import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { cbor, decode, encode } from "../src/cbor.js";

/** @param {string} hex */
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));

describe("CBOR", () => {
  // RFC 8949, appendix A.
  for (const [hex, value] of /** @type {[string, unknown][]} */ ([
    ["00", 0],
    ["17", 23],
    ["1818", 24],
    ["1903e8", 1000],
    ["1a000f4240", 1000000],
    ["1b000000e8d4a51000", 1000000000000],
    ["20", -1],
    ["3903e7", -1000],
    ["fb3ff199999999999a", 1.1],
    ["fbc010666666666666", -4.1],
    ["f4", false],
    ["f5", true],
    ["f6", null],
    ["4401020304", bytes("01020304")],
    ["6449455446", "IETF"],
    ["63e6b0b4", "水"],
    ["64efbbbf61", "\ufeffa"],
    ["83010203", [1, 2, 3]],
    ["a26161016162820203", { a: 1, b: [2, 3] }],
    [
      `98190102030405060708090a0b0c0d0e0f101112131415161718181819`,
      Array.from({ length: 25 }, (_, n) => n + 1),
    ],
  ])) {
    test(`writes and reads ${hex.slice(0, 20)}`, () => {
      assert.deepEqual(encode(value), bytes(hex));
      assert.deepEqual(decode(bytes(hex)), value);
    });
  }

  for (const [hex, value] of /** @type {[string, unknown][]} */ ([
    ["f93c00", 1],
    ["f97bff", 65504],
    ["f90001", 5.960464477539063e-8],
    ["f9c400", -4],
    ["f97c00", Infinity],
    ["fa47c35000", 100000],
    ["c249010000000000000000", 18446744073709551616],
    ["c349010000000000000000", -18446744073709551617],
    ["c11a514b67b0", 1363896240],
  ])) {
    test(`reads ${hex} as well`, () => assert.deepEqual(decode(bytes(hex)), value));
  }

  test("takes what JSON takes, as JSON does", () => {
    const date = new Date(0);
    const value = { a: undefined, b: [undefined, () => 1], c: date, d: () => 1 };
    assert.deepEqual(decode(encode(value)), JSON.parse(JSON.stringify(value)));
    assert(Object.is(decode(encode(-0)), -0));
    assert(Number.isNaN(decode(encode(NaN))));
  });

  test("has bytes of any kind, as they are now", () => {
    const buffer = bytes("0102030405");
    const written = encode([buffer.buffer, buffer.subarray(1, 3), new DataView(buffer.buffer, 4)]);
    buffer.fill(0);
    assert.deepEqual(decode(written), [bytes("0102030405"), bytes("0203"), bytes("05")]);
  });

  test("gives a key no power over objects", () => {
    const value = decode(encode(JSON.parse('{"__proto__": {"bad": 1}}')));
    assert.equal(/** @type {any} */ (value).bad, undefined);
    assert.deepEqual(Object.keys(/** @type {object} */ (value)), ["__proto__"]);
  });

  test("refuses what the server would refuse", () => {
    const codec = cbor();
    const nested = (/** @type {number} */ levels) => JSON.parse("[".repeat(levels) + "]".repeat(levels));
    codec.packet({ path: "a", message: nested(61), receipt: undefined });
    const cycle = {};
    Object.assign(cycle, { cycle });
    for (const message of [nested(62), cycle, "\ud83d", { "\ud83d": 1 }, 1n]) {
      assert.throws(() => codec.packet({ path: "a", message, receipt: undefined }), TypeError);
    }
  });

  test("reads a stream of bodies, wherever it is cut", () => {
    const said = [{ seq: 1, packets: [] }, {}, { packets: [{ path: "a", message: bytes("ff00") }] }];
    const all = Buffer.concat(said.map(encode));
    for (let size = 1; size < all.length; size += 1) {
      const read = cbor().reader();
      const heard = [];
      for (let at = 0; at < all.length; at += size) heard.push(...read(all.subarray(at, at + size)));
      assert.deepEqual(heard, said);
    }
  });

  test("writes a body around packets that are written already", () => {
    const codec = cbor();
    const packets = [1, 2].map((message) => codec.packet({ path: "a", message, receipt: undefined }));
    const body = codec.body({ sid: undefined, rid: 2, close: true }, packets);
    assert.deepEqual(codec.read(body), {
      rid: 2,
      close: true,
      packets: [
        { path: "a", message: 1 },
        { path: "a", message: 2 },
      ],
    });
  });

  test("takes a proxy's page for none of its bodies", async () => {
    const codec = cbor();
    assert.equal(await codec.answer(new Response("<html>")), undefined);
    const json = new Response('{"error":"not-found"}', { headers: { "Content-Type": "application/json" } });
    assert.deepEqual(await codec.answer(json), { error: "not-found" });
  });
});
