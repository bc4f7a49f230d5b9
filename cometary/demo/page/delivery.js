/**
 * Two numbered streams, one each way. The page checks the server's heartbeat itself; of its own ticks the
 * server keeps the tally and sends it back.
 */

import { byId, element } from "./dom.js";

const TICK = 1000; // milliseconds
const PULLED = 5000; // milliseconds
const SHOWN = 60; // heartbeats
const LATE = 750; // milliseconds after the quickest one
const BEHIND = 2000; // milliseconds that reports of crashes may be, which come one by one

/** What has come of a stream that is numbered from wherever it was joined. */
class Tally {
  received = 0;
  lost = 0;
  doubled = 0;
  /** @type {number | undefined} */
  #last;

  /**
   * @param {number} number
   * @returns {number[]} the numbers that should have come before it
   */
  count(number) {
    this.received += 1;
    const expected = this.#last === undefined ? number : this.#last + 1;
    if (number < expected) {
      this.doubled += 1;
      return [];
    }
    this.#last = number;
    this.lost += number - expected;
    return Array.from({ length: number - expected }, (_, place) => expected + place);
  }

  /** There is a new session: what was sent in between was for nobody, and the count begins anew, as the server's does. */
  restart() {
    this.received = this.lost = this.doubled = 0;
    this.#last = undefined;
  }
}

/** The last heartbeats as a row of cells, in the order of their numbers. */
class Strip {
  #strip = byId("strip");
  #quickest = Infinity;

  constructor() {
    this.#strip.append(...Array.from({ length: SHOWN }, () => element("span")));
  }

  /** @param {number} number of a heartbeat that has just come; they are sent one a second */
  arrived(number) {
    const journey = performance.now() - number * 1000;
    this.#quickest = Math.min(this.#quickest, journey);
    this.#push(journey - this.#quickest > LATE ? "late" : "ontime", number);
  }

  /** @param {number} number */
  lost(number) {
    this.#push("lost", number);
  }

  /**
   * @param {string} kind
   * @param {number} number
   */
  #push(kind, number) {
    this.#strip.firstChild.remove();
    this.#strip.append(element("span", { className: kind, title: `heartbeat ${number}` }));
  }
}

/**
 * @param {import("./client/comet.js").Comet} comet
 * @param {import("./people.js").People} people
 * @param {import("./cable.js").Cable} cable
 */
export function showDelivery(comet, people, cable) {
  const tally = new Tally();
  const strip = new Strip();
  let sent = 0;
  let sparedAt = -Infinity;
  let before = 0; // of these, in earlier sessions

  comet.on("delivery/beat", (number) => {
    tally.count(number).forEach((missing) => strip.lost(missing));
    strip.arrived(number);
    showTally("beats", tally);
  });
  comet.on("delivery/ticked", (ticks) => {
    before = ticks.before;
    showTally("ticks", ticks);
    showSent();
  });
  comet.addEventListener("reopened", () => {
    tally.restart();
    before = sent - comet.unanswered; // until the server says which was the first one that it has got
    showTally("beats", tally);
    showTally("ticks", { received: 0, lost: 0, doubled: 0 });
    showSent();
  });
  setInterval(() => {
    if (comet.state === "closed") return;
    sent += 1;
    comet.send("delivery/tick", sent);
    showSent();
  }, TICK);

  byId("crash").addEventListener("click", () => {
    comet.send("demo/crash");
    tell("Crashing …");
  });
  comet.on("demo/spared", ({ crashes, seconds }) => {
    sparedAt = performance.now();
    tell(`The supervisor puts up with ${crashes} crashes in ${seconds} seconds. This one more would have ended your session, so it was left out.`);
  });
  comet.on("watch/crash", ({ error, action }) => {
    if (!error.includes(people.you) || performance.now() - sparedAt < BEHIND) return;
    tell(action === "restart" ? "Your actor crashed, and was restarted. The session has not noticed." : FAILED);
  });
  comet.addEventListener("reopened", (event) => {
    const { reason } = /** @type {CustomEvent} */ (event).detail;
    tell(`Your session ended (${reason}); this is a new one, and is counted anew.`);
  });
  byId("cable").addEventListener("click", () => void pull(cable));

  function showSent() {
    byId("sent").textContent = String(Math.max(0, sent - before));
  }
}

const FAILED = "Your actor crashed too often: the supervisor has given your session up.";

/** @param {import("./cable.js").Cable} cable */
async function pull(cable) {
  const button = byId("cable");
  button.disabled = true;
  tell("The cable is out. What is sent now waits, at both ends; other tabs see this session in have_packet.");
  await cable.pull(PULLED);
  button.disabled = false;
  tell("The cable is in again. What had waited has come: late, but all of it.");
}

/** @param {string} text */
function tell(text) {
  byId("incident").textContent = text;
}

/**
 * @param {string} row
 * @param {Record<string, any>} tally
 */
function showTally(row, tally) {
  for (const cell of byId(row).querySelectorAll("[data-count]")) {
    const count = tally[cell.dataset.count];
    cell.textContent = count;
    cell.classList.toggle("bad", cell.dataset.count !== "received" && count > 0);
  }
}
