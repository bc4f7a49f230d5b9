/** The hooks of the examples, in React and Vue themselves. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createElement } from "react";
import { act, create } from "react-test-renderer";
import { effectScope } from "vue";

import * as react from "../../../examples/hooks/react.js";
import * as vue from "../../../examples/hooks/vue.js";
import { Comet } from "../src/comet.js";
import { Surroundings } from "./surroundings.js";

const OPENED = { version: 1, sid: "first", wait: 60, die: 45, requests: 2 };

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

/** @type {Surroundings} */
let world;
/** @type {Comet} */
let comet;

beforeEach(() => {
  world = new Surroundings();
  comet = new Comet("/comet", { wires: [], environment: world.environment });
});

/** Open the session, and have it hear one message; returns the request that is held then. */
async function hear() {
  void comet.open();
  (await world.call()).answer(OPENED);
  (await world.call()).answer({ seq: 1, packets: [{ path: "jobs/7", message: "half" }] });
  return world.call();
}

test("a component of React renders again with each message, until it is gone", async () => {
  let rendered = 0;
  const Job = () => {
    rendered += 1;
    return `${react.useCometState(comet)} ${react.useMessage(comet, "jobs/*")}`;
  };
  /** @type {import("react-test-renderer").ReactTestRenderer | undefined} */
  let tree;
  await act(async () => {
    tree = create(createElement(Job));
  });
  assert.equal(tree?.toJSON(), "closed undefined");
  await act(async () => void (await hear()));
  assert.equal(tree?.toJSON(), "open half");
  await act(async () => tree?.unmount());
  const before = rendered;
  comet.dispatchEvent(new CustomEvent("state", { detail: {} }));
  assert.equal(rendered, before);
});

test("a ref of Vue follows the messages, until its scope is gone", async () => {
  const scope = effectScope();
  const refs = scope.run(() => [vue.useCometState(comet), vue.useMessage(comet, "jobs/*")]) ?? [];
  assert.deepEqual(
    refs.map(({ value }) => value),
    ["closed", undefined],
  );
  const held = await hear();
  assert.deepEqual(
    refs.map(({ value }) => value),
    ["open", "half"],
  );
  scope.stop();
  held.answer({ seq: 2, packets: [{ path: "jobs/7", message: "done" }] });
  await world.call();
  assert.equal(refs[1]?.value, "half");
});
