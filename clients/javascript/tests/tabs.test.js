import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Browser } from "./browser.js";

/** @typedef {import("./browser.js").Tab} Tab */

/** @param {Browser} browser @param {() => boolean} done */
async function until(browser, done) {
  for (let steps = 0; !done(); steps += 1) {
    assert(steps < 5_000, "it never comes to that");
    assert(await browser.step(), "nothing is left to do");
  }
}

/** @param {Browser} browser @param {number} steps */
async function play(browser, steps) {
  for (let step = 0; step < steps; step += 1) await browser.step();
}

/** @param {Browser} browser @param {number} count */
async function tabs(browser, count) {
  /** @type {Tab[]} */
  const opened = [];
  for (let index = 0; index < count; index += 1) opened.push(browser.open());
  await until(browser, () => opened.every(({ comet }) => comet.state === "open"));
  return opened;
}

/** @param {Browser} browser */
function session(browser) {
  const [only, ...more] = browser.server.open;
  assert(only && more.length === 0, "there is not one session");
  return only;
}

/** @param {Tab} tab */
function missedNothing(tab) {
  const [first = 0] = tab.heard;
  assert.deepEqual(
    tab.heard,
    tab.heard.map((_, index) => first + index),
  );
}

/** @param {Tab} tab @param {string} type */
function count(tab, type) {
  return tab.events.filter(([name]) => name === type).length;
}

describe("several tabs", () => {
  test("have one session, and each hears everything", async () => {
    const browser = new Browser(1);
    const opened = await tabs(browser, 4);
    session(browser).push(1);
    await until(browser, () => opened.every(({ heard }) => heard.length === 1));
    assert.equal(browser.server.sessions.size, 1);
    for (const { comet } of opened) assert.equal(comet.sid, "session 1");
    for (const tab of opened) assert.equal(count(tab, "open"), 1);
  });

  test("send through the one that leads, each in order", async () => {
    const browser = new Browser(2);
    const opened = await tabs(browser, 3);
    for (const tab of opened) tab.send(20);
    await until(browser, () => browser.server.received.length === 60);
    for (const { id } of opened) {
      const own = browser.server.received.filter(([tab]) => tab === id).map(([, n]) => n);
      assert.deepEqual(
        own,
        [...own].sort((one, other) => one - other),
      );
    }
    await until(browser, () => opened.every(({ comet }) => comet.unanswered === 0));
  });

  for (const how of /** @type {const} */ (["crash", "leave", "freeze"])) {
    test(`go on with the same session when the one that leads has gone (${how})`, async () => {
      const browser = new Browser(3);
      const [first, ...others] = await tabs(browser, 3);
      session(browser).push(1);
      await until(browser, () => others.every(({ heard }) => heard.length === 1));
      first?.[how]();
      session(browser).push(2);
      others[0]?.send();
      await until(browser, () => others.every(({ heard }) => heard.length === 2));
      await until(browser, () => browser.server.received.length === 1);
      assert.equal(browser.server.sessions.size, 1);
      for (const tab of others) assert.equal(count(tab, "reopened"), 0);
    });
  }

  test("take the session from one that hangs, after a while", async () => {
    const browser = new Browser(4);
    const [first, second] = await tabs(browser, 2);
    assert(first && second);
    first.runs = false;
    session(browser).push(1);
    second.send();
    await until(browser, () => browser.server.received.length === 1);
    assert(browser.now >= 15_000 && browser.now < 20_000, `after ${browser.now} ms`);
    first.runs = true;
    first.send();
    await until(browser, () => browser.server.received.length === 2 && first.heard.length === 1);
    session(browser).push(2);
    await until(browser, () => first.heard.length === 2 && second.heard.length === 2);
    assert.equal(browser.server.sessions.size, 1);
  });

  test("end the session with the last of them, and with no other", async () => {
    const browser = new Browser(5);
    const opened = await tabs(browser, 3);
    for (const tab of opened) {
      assert.equal(browser.server.open.length, 1);
      tab.send();
      void tab.comet.close();
      await until(browser, () => tab.comet.state === "closed");
      assert.deepEqual(tab.events.at(-1), ["close", { reason: "closed", undelivered: [] }]);
    }
    assert.equal(browser.server.open.length, 0);
    assert.equal(browser.server.received.length, 3);
  });

  test("hear last words of the last page, which end the session", async () => {
    const browser = new Browser(6);
    const [first, second] = await tabs(browser, 2);
    first?.leave();
    await until(browser, () => second?.comet.state === "open" && browser.holder(lockName()) === second);
    await play(browser, 50);
    second?.send(3);
    second?.leave();
    assert.equal(browser.server.open.length, 0);
    assert.equal(browser.server.received.length, 3);
  });

  test("say that something was missed to a page that slept", async () => {
    const browser = new Browser(7);
    const [first, second] = await tabs(browser, 2);
    assert(first && second);
    second.freeze();
    session(browser).push(1);
    await until(browser, () => first.heard.length === 1);
    second.resume();
    await until(browser, () => count(second, "reopened") === 1);
    session(browser).push(2);
    await until(browser, () => second.heard.length === 1);
    assert.deepEqual(second.heard, [2]);
  });

  test("all hear of it when the server ends the session for good", async () => {
    const browser = new Browser(8);
    const opened = await tabs(browser, 3);
    session(browser).kick();
    await until(browser, () => opened.every(({ comet }) => comet.state === "closed"));
    for (const tab of opened) assert.equal(tab.events.at(-1)?.[1].reason, "kicked");
  });

  test("all hear of it when the server has lost the session", async () => {
    const browser = new Browser(9);
    const opened = await tabs(browser, 3);
    browser.server.lose();
    for (const tab of opened) tab.send();
    await until(browser, () => opened.every((tab) => count(tab, "reopened") === 1));
    await until(browser, () => opened.every(({ comet }) => comet.unanswered === 0));
    const uncertain = opened.flatMap(({ events }) => events.flatMap(([, detail]) => detail.uncertain ?? []));
    assert.equal(browser.server.received.length + uncertain.length, 3);
  });
});

function lockName() {
  return "cometary 2 http://localhost/comet ";
}
