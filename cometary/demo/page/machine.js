/**
 * The drawing of the sessions' machine: three states, the ways between them, and a disc for each session that
 * takes the ways its session took.
 *
 * What moved arrives at most five times a second, each session with the states that it came through since. A
 * disc goes through them one after the other; one that falls far behind jumps.
 */

import { byId, drawing } from "./dom.js";

/** @typedef {{ x: number, y: number }} Point */

const RADIUS = 62;
const HOP = 190; // milliseconds
const FAR_BEHIND = 12; // moves
const NARROW = 560; // pixels

const STATES = {
  have_request: "a request is held, until a packet comes",
  waiting: "no request held, nothing new to send",
  have_packet: "a packet waits for a request",
};

const WAYS = [
  ["have_request", "waiting", "a packet", "answers the request"],
  ["waiting", "have_request", "a request", "is held"],
  ["waiting", "have_packet", "a packet", "is queued"],
  ["have_packet", "waiting", "a request", "takes all of them"],
];

/** @typedef {keyof typeof STATES} State */

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

/** The states and the ways between them, side by side or one below the other. */
class Diagram {
  discs = drawing("g");
  /** @type {Record<string, Point>} */
  #centres = {};
  /** @type {Map<string, SVGPathElement>} */
  #ways = new Map();
  /** @type {Record<string, SVGTextElement>} */
  #counts = {};

  /** @param {boolean} vertical */
  constructor(vertical) {
    this.vertical = vertical;
    Object.keys(STATES).forEach((state, index) => {
      this.#centres[state] = vertical ? { x: 165, y: 72 + index * 205 } : { x: 112 + index * 258, y: 96 };
    });
    const size = vertical ? "0 0 350 554" : "0 0 740 232";
    this.svg = drawing("svg", { viewBox: size, role: "img", "aria-label": "State machine of the sessions" });
    this.svg.append(arrowhead(), ...WAYS.flatMap((way) => this.#drawWay(way)));
    for (const state of Object.keys(STATES)) this.svg.append(this.#drawState(/** @type {State} */ (state)));
    this.svg.append(this.discs);
  }

  /** @param {State} state */
  #drawState(state) {
    const { x, y } = this.#centre(state);
    const count = drawing("text", { class: "count" });
    const name = drawing("text", { class: "name" }, state);
    const text = drawing("text", {}, this.vertical ? "" : STATES[state]);
    this.#counts[state] = count;
    if (this.vertical) {
      put(name, x + RADIUS + 12, y, "start");
      put(count, x + RADIUS + 12, y + 18, "start");
    } else {
      put(name, x, y + RADIUS + 25, "middle");
      put(text, x, y + RADIUS + 43, "middle");
      put(count, x, y + RADIUS + 62, "middle");
    }
    return drawing("g", { class: "state" }, drawing("circle", { cx: x, cy: y, r: RADIUS }), name, text, count);
  }

  /** @param {string[]} way */
  #drawWay([from = "", to = "", cause = "", effect = ""]) {
    const { start, bend, end, normal } = curve(this.#centre(from), this.#centre(to));
    const d = `M${start.x} ${start.y} Q${bend.x} ${bend.y} ${end.x} ${end.y}`;
    const way = drawing("path", { class: "way", d, "marker-end": "url(#arrow)" });
    const glow = drawing("path", { class: "glow", d });
    this.#ways.set(`${from} ${to}`, glow);
    const middle = way.getPointAtLength(way.getTotalLength() / 2);
    const anchor = this.vertical ? (normal.x > 0 ? "start" : "end") : "middle";
    const x = middle.x + normal.x * 12;
    const y = this.vertical ? middle.y - 3 : middle.y + (normal.y < 0 ? -23 : 18);
    const text = drawing("text", {}, drawing("tspan", {}, cause), drawing("tspan", { x, dy: 15 }, effect));
    put(text, x, y, anchor);
    return [way, glow, text];
  }

  /** @param {string} state */
  #centre(state) {
    return this.#centres[state] ?? { x: 0, y: 0 };
  }

  /**
   * Where a disc stands: around the middle in a spiral, as seeds do in a sunflower.
   *
   * @param {State} state
   * @param {number} place
   * @param {number} spread between two discs
   */
  seat(state, place, spread) {
    const { x, y } = this.#centre(state);
    const away = spread * Math.sqrt(place);
    return { x: x + away * Math.cos(place * 2.4), y: y + away * Math.sin(place * 2.4) };
  }

  /**
   * Points along the way between two states, for what moves; none if there is no such way.
   *
   * @param {State} from
   * @param {State} to
   */
  along(from, to) {
    const glow = this.#ways.get(`${from} ${to}`);
    if (glow === undefined) return [];
    glow.animate([{ opacity: 0.9 }, { opacity: 0 }], { duration: 600, easing: "ease-out" });
    const length = glow.getTotalLength();
    return [0, 0.25, 0.5, 0.75, 1].map((part) => glow.getPointAtLength(length * part));
  }

  /** @param {State[]} states of all sessions */
  count(states) {
    for (const [state, text] of Object.entries(this.#counts)) {
      const here = states.filter((one) => one === state).length;
      text.textContent = here === 1 ? "1 session" : `${here} sessions`;
    }
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

  /** @param {Point} point */
  #stand(point) {
    this.shape.style.transform = frame(point).transform;
  }
}

const still = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * @param {SVGTextElement} text
 * @param {number} x
 * @param {number} y
 * @param {string} anchor
 */
function put(text, x, y, anchor) {
  text.setAttribute("x", String(x));
  text.setAttribute("y", String(y));
  text.setAttribute("text-anchor", anchor);
}

/** @param {Point} point */
function frame({ x, y }) {
  return { transform: `translate(${x}px, ${y}px)` };
}

/**
 * The curve from one circle to another, on the left of the straight line.
 *
 * @param {Point} from
 * @param {Point} to
 */
function curve(from, to) {
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  const along = { x: (to.x - from.x) / distance, y: (to.y - from.y) / distance };
  const normal = { x: along.y, y: -along.x };
  const [forth, aside] = [Math.cos(0.55) * (RADIUS + 3), Math.sin(0.55) * (RADIUS + 3)];
  /** @type {(origin: Point, a: number, n: number) => Point} */
  const off = (origin, a, n) => ({ x: origin.x + along.x * a + normal.x * n, y: origin.y + along.y * a + normal.y * n });
  return {
    start: off(from, forth, aside),
    bend: off(from, distance / 2, aside + 24),
    end: off(to, -forth, aside),
    normal,
  };
}

function arrowhead() {
  const size = { viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" };
  return drawing("defs", {}, drawing("marker", { id: "arrow", ...size }, drawing("path", { d: "M0 .8 7 4 0 7.2" })));
}
