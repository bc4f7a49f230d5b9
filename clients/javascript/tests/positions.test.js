import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Positions } from "../src/positions.js";
import { seeded } from "./random.js";

/** @param {number} n */
const packet = (n, epoch = "e", path = "a") => ({ path, message: n, at: `${epoch}-${n}` });
/** @param {string} at */
const place = (at, path = "a") => ({ path: "::at", message: { path, at } });
/** @param {string} [at] */
const gap = (at, path = "a") => ({ path: "::gap", message: { path, at } });

/** @param {Positions} positions @param {readonly any[]} packets What the page gets of them. */
function got(positions, packets) {
  return packets.filter((each) => positions.take(each)).map(({ message }) => message);
}

describe("positions", () => {
  test("what has no position is always the page's, and what has is once", () => {
    const positions = new Positions();
    assert.deepEqual(
      got(positions, [place("e-0"), packet(1), packet(2), packet(2), packet(1), packet(3)]),
      [1, 2, 3],
    );
    const plain = { path: "b", message: 7 };
    assert.deepEqual(got(positions, [plain, plain]), [7, 7]);
    assert.deepEqual(got(positions, [packet(9, "other"), packet(10, "other")]), [9, 10]);
  });

  test("a new session is awaited until it replays from where the page was", () => {
    const positions = new Positions();
    got(positions, [place("e-0"), packet(1), packet(2)]);
    positions.renew();
    assert.deepEqual(positions.awaited, [["a", "e-2"]]);
    assert.deepEqual(got(positions, [place("e-4"), packet(5)]), []); // somebody else has connected it
    assert.deepEqual(
      got(positions, [place("e-2"), packet(3), packet(4), packet(5), packet(6)]),
      [3, 4, 5, 6],
    );
    assert.deepEqual(positions.awaited, []);
  });

  test("that a replay comes twice makes no difference", () => {
    const positions = new Positions();
    got(positions, [packet(1)]);
    positions.renew();
    const replay = [place("e-1"), packet(2), packet(3)];
    assert.deepEqual(got(positions, [...replay, ...replay, packet(4)]), [2, 3, 4]);
  });

  test("a gap ends the waiting, with or without a position", () => {
    const positions = new Positions();
    got(positions, [packet(1), packet(1, "e", "b")]);
    positions.renew();
    assert.deepEqual(got(positions, [gap("new-7"), packet(7, "new"), packet(8, "new")]), [8]);
    positions.miss("b");
    assert.deepEqual(positions.awaited, []);
    assert.deepEqual(got(positions, [packet(1, "e", "b")]), [1]);
  });

  test("only so many are known, those with the latest packets", () => {
    const positions = new Positions();
    for (let n = 0; n <= 1000; n += 1) got(positions, [packet(1, "e", `p${n}`)]);
    positions.renew();
    assert.equal(positions.awaited.length, 1000);
    assert.deepEqual(positions.ask(["p0", "p1"]), [["p1", "e-1"]]);
    assert.equal(positions.open.length, 999);
    positions.leave(["p1"]);
    assert.equal(positions.open.length, 1000);
  });

  test("a pattern moves on with what it covers, and is awaited as a path is", () => {
    const positions = new Positions();
    const packets = [place("e-3", "b/*"), packet(4, "e", "b/1"), packet(5, "e", "c"), packet(6, "e", "b/2")];
    assert.deepEqual(got(positions, packets), [4, 5, 6]);
    positions.renew();
    assert.deepEqual(Object.fromEntries(positions.open), { "b/*": "e-6", c: "e-5" });
    assert.deepEqual(positions.ask(["b/*"]), [["b/*", "e-6"]]);
    assert.deepEqual(positions.open, [["c", "e-5"]]);
    assert.deepEqual(got(positions, [place("e-9", "b/*"), packet(10, "e", "b/3")]), []);
    const replay = [
      place("e-6", "b/*"),
      packet(8, "e", "b/1"),
      packet(9, "e", "b/4"),
      packet(10, "e", "b/3"),
    ];
    assert.deepEqual(got(positions, replay), [8, 9, 10]);
    assert.deepEqual(positions.awaited, [["c", "e-5"]]);
  });

  test("a gap in a pattern ends the waiting for all that it covers", () => {
    const positions = new Positions();
    got(positions, [place("e-3", "b/*"), packet(4, "e", "b/1"), packet(5, "e", "c")]);
    positions.renew();
    const packets = [gap("new-7", "b/*"), packet(8, "new", "b/1"), packet(9, "new", "c")];
    assert.deepEqual(got(positions, packets), [8]);
    assert.deepEqual(positions.awaited, [["c", "e-5"]]);
  });

  test("a path that is asked for by itself comes by itself", () => {
    const positions = new Positions();
    got(positions, [place("e-3", "b/*"), packet(4, "e", "b/1")]);
    positions.renew();
    positions.ask(["b/*", "b/1"]);
    const own = [place("e-4", "b/1"), packet(5, "e", "b/1"), packet(6, "e", "b/2")];
    assert.deepEqual(got(positions, own), [5]);
    const replay = [packet(5, "e", "b/1"), packet(6, "e", "b/2"), packet(7, "e", "b/1")];
    assert.deepEqual(got(positions, [place("e-4", "b/*"), ...replay]), [6, 7]);
  });

  for (const seed of [1, 2, 3, 4, 5]) {
    test(`whatever is lost between, the page has all of it once and in order (seed ${seed})`, () => {
      const chance = seeded(seed);
      const positions = new Positions();
      let published = Math.floor(chance() * 4);
      const before = published;
      const page = got(positions, [place(`e-${published}`)]);
      const expected = [];
      for (let session = 0; session < 50; session += 1) {
        if (session > 0) {
          const last = published;
          const missed = Math.floor(chance() * 4);
          published += missed;
          positions.renew();
          assert.deepEqual(positions.awaited, [["a", `e-${last}`]]);
          // What the application's own connecting brings, and then the replay.
          const early = chance() < 0.5 && missed > 0 ? [place(`e-${published - 1}`), packet(published)] : [];
          const replay = [];
          for (let n = last + 1; n <= published; n += 1) replay.push(packet(n));
          page.push(...got(positions, [...early, place(`e-${last}`), ...replay]));
        }
        for (let more = Math.floor(chance() * 4); more > 0; more -= 1) {
          published += 1;
          page.push(...got(positions, [packet(published)]));
        }
      }
      for (let n = before + 1; n <= published; n += 1) expected.push(n);
      assert.deepEqual(page, expected);
    });
  }
});
