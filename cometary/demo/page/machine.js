/**
 * The sessions in the drawing of their machine: a disc for each, which takes the ways that its session took.
 *
 * What moved arrives at most five times a second, each session with the states that it came through since. A
 * disc goes through them one after the other; one that falls far behind jumps.
 */

import { Diagram, RADIUS } from "./diagram.js";
import { byId, drawing } from "./dom.js";

/** @typedef {import("./diagram.js").State} State */

const HOP = 190; // milliseconds
const FAR_BEHIND = 12; // moves
const NARROW = 560; // pixels

/**
 * @param {import("./client/comet.js").Comet} comet
 * @param {import("./people.js").People} people
 */
export function showMachine(comet, people) {
  const box = byId("machine");
  /** @type {Map<string, Disc>} in the order of their coming */
  const discs = new Map();
  let diagram = new Diagram(false);

  const arrange = () => {
    const ids = [...discs.keys()].filter((id) => id !== people.you);
    if (discs.has(people.you)) ids.unshift(people.you); // in the middle
    ids.forEach((id, place) => discs.get(id)?.settle(diagram, place, ids.length, id === people.you));
    diagram.count([...discs.values()].map(({ destination }) => destination));
  };
  const label = () => {
    for (const [id, disc] of discs) disc.name(people.name(id));
    arrange();
  };
  const draw = () => {
    diagram = new Diagram(box.clientWidth < NARROW);
    diagram.discs.append(...[...discs.values()].map(({ shape }) => shape));
    box.replaceChildren(diagram.svg);
    arrange();
  };

  comet.on("watch/sessions", ({ sessions, gone }) => {
    const before = discs.size;
    for (const [id, states] of Object.entries(sessions)) {
      const disc = discs.get(id) ?? enter(id, states[0]);
      disc.follow(states);
    }
    for (const id of gone) leave(id);
    if (discs.size !== before || gone.length > 0) label();
    diagram.count([...discs.values()].map(({ destination }) => destination));
  });
  comet.addEventListener("reopened", () => [...discs.keys()].forEach(leave));
  people.addEventListener("change", label);
  new ResizeObserver(([entry]) => {
    if (entry !== undefined && entry.contentRect.width < NARROW !== diagram.vertical) draw();
  }).observe(box);
  draw();

  /**
   * @param {string} id
   * @param {State} state
   */
  function enter(id, state) {
    const disc = new Disc(state, () => diagram);
    discs.set(id, disc);
    diagram.discs.append(disc.shape);
    return disc;
  }

  /** @param {string} id */
  function leave(id) {
    discs.get(id)?.shape.remove();
    discs.delete(id);
  }
}

/** One session. */
class Disc {
  /** @type {State[]} */
  #ahead = [];
  #moving = false;
  #place = 0;
  #spread = 0;
  #circle = drawing("circle");
  #initial = drawing("text", { dy: "0.36em" });
  #title = drawing("title");
  #diagram;

  /**
   * @param {State} state
   * @param {() => Diagram} diagram
   */
  constructor(state, diagram) {
    this.state = state;
    this.#diagram = diagram;
    this.shape = drawing("g", { class: "disc" }, this.#circle, this.#initial, this.#title);
  }

  /** Where the session is by now; the disc may still be on its way there. */
  get destination() {
    return this.#ahead.at(-1) ?? this.state;
  }

  /** @param {string} name */
  name(name) {
    this.#initial.textContent = [...name][0]?.toUpperCase() ?? "";
    this.#title.textContent = name;
  }

  /**
   * Take a place among the others.
   *
   * @param {Diagram} diagram
   * @param {number} place
   * @param {number} among how many
   * @param {boolean} own
   */
  settle(diagram, place, among, own) {
    this.#place = place;
    this.#spread = Math.min(29, (RADIUS - 12) / Math.sqrt(Math.max(among - 1, 1)));
    this.#circle.setAttribute("r", String(Math.min(13, this.#spread * 0.46)));
    this.shape.classList.toggle("own", own);
    this.shape.classList.toggle("small", this.#spread < 20);
    this.#stand(diagram.seat(this.state, place, this.#spread));
  }

  /** @param {State[]} states */
  follow(states) {
    this.#ahead.push(...states);
    if (!this.#moving) void this.#go();
  }

  async #go() {
    this.#moving = true;
    while (this.#ahead.length > 0) {
      const jump = document.hidden || this.#ahead.length > FAR_BEHIND || still.matches;
      if (jump) this.#ahead.splice(0, this.#ahead.length - 1);
      const next = this.#ahead.shift() ?? this.state;
      if (next !== this.state) await this.#move(next, jump);
    }
    this.#moving = false;
  }

  /**
   * @param {State} next
   * @param {boolean} jump
   */
  async #move(next, jump) {
    const diagram = this.#diagram();
    const here = diagram.seat(this.state, this.#place, this.#spread);
    const there = diagram.seat(next, this.#place, this.#spread);
    const points = jump ? [] : [here, ...diagram.along(this.state, next), there];
    this.state = next;
    this.#stand(there);
    if (jump) return;
    const hop = HOP / Math.max(1, this.#ahead.length / 2);
    await this.shape.animate(points.map(frame), { duration: hop, easing: "ease-in-out" }).finished.catch(() => {});
  }

  /** @param {import("./diagram.js").Point} point */
  #stand(point) {
    this.shape.style.transform = frame(point).transform;
  }
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {import("./diagram.js").Point} point */
function frame({ x, y }) {
  return { transform: `translate(${x}px, ${y}px)` };
}
