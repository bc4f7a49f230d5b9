/** The drawing of the sessions' machine: its states, side by side or one below the other, and the ways between. */

import { drawing } from "./dom.js";

/** @typedef {{ x: number, y: number }} Point */
/** @typedef {keyof typeof STATES} State */

export const RADIUS = 62; // of a state

const STATES = {
  have_request: "a request waits for a packet",
  waiting: "no request held, nothing new to send",
  have_packet: "a packet waits for a request",
};

const WAYS = [
  ["have_request", "waiting", "a packet", "answers the request"],
  ["waiting", "have_request", "a request", "is held"],
  ["waiting", "have_packet", "a packet", "is queued"],
  ["have_packet", "waiting", "a request", "takes all of them"],
];

/** The drawing. What moves in it is put into `discs`. */
export class Diagram {
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

function arrowhead() {
  const size = { viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" };
  return drawing("defs", {}, drawing("marker", { id: "arrow", ...size }, drawing("path", { d: "M0 .8 7 4 0 7.2" })));
}
