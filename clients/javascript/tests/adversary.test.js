import { test } from "node:test";

import { Adversary } from "./adversary.js";

const RUNS = 1500;
const STEPS = 150;

test("whatever the network does, each packet arrives once and in order, both ways", () => {
  for (let seed = 1; seed <= RUNS; seed += 1) {
    try {
      new Adversary(seed).run(STEPS);
    } catch (error) {
      throw new Error(`with the seed ${seed}`, { cause: error });
    }
  }
});
