/** A state machine drawn: its states on an ellipse, the ways between them as arrows, the state it is in lit up. */

import { drawing } from "./dom.js";

/** @typedef {{ name: string, doc: string }} State */
/** @typedef {{ from: string, to: string, events: string[] }} Way */
/** @typedef {{ x: number, y: number }} Point */

const [WIDTH, HEIGHT] = [380, 250];
const BOX = { width: 104, height: 34 };

/** @param {{ name: string, states: State[], ways: Way[], state: string }} machine */
export function drawMachine({ name, states, ways, state }) {
  const at = new Map(states.map(({ name }, index) => [name, onEllipse(index, states.length)]));
  const svg = drawing("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    class: "machine",
    "aria-label": `${name}, in the state ${state}`,
  });
  svg.append(arrowhead());
  for (const way of ways) {
    const [from, to] = [at.get(way.from), at.get(way.to)];
    if (from && to && from !== to) svg.append(drawWay(from, to, way));
  }
  for (const one of states)
    svg.append(drawState(one, at.get(one.name) ?? { x: 0, y: 0 }, one.name === state));
  return svg;
}

/**
 * @param {number} index
 * @param {number} count
 */
function onEllipse(index, count) {
  const angle = (index / count) * 2 * Math.PI - Math.PI / 2;
  const [wide, high] = [(WIDTH - BOX.width) / 2 - 6, (HEIGHT - BOX.height) / 2 - 10];
  return { x: WIDTH / 2 + wide * Math.cos(angle), y: HEIGHT / 2 + high * Math.sin(angle) };
}

/**
 * @param {State} state
 * @param {Point} point
 * @param {boolean} lit
 */
function drawState({ name, doc }, { x, y }, lit) {
  const box = { x: x - BOX.width / 2, y: y - BOX.height / 2, ...BOX, rx: 8 };
  const text = drawing("text", { x, y: y + 4, "text-anchor": "middle" }, name.replaceAll("_", " "));
  const shape = drawing("g", { class: lit ? "state lit" : "state" }, drawing("rect", box), text);
  if (doc) shape.prepend(drawing("title", {}, doc));
  return shape;
}

/**
 * @param {Point} from
 * @param {Point} to
 * @param {Way} way
 */
function drawWay(from, to, way) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const aside = { x: (-(to.y - from.y) / length) * 14, y: ((to.x - from.x) / length) * 14 };
  const [start, end] = [edge(from, to, aside), edge(to, from, aside)];
  const bend = { x: (start.x + end.x) / 2 + aside.x, y: (start.y + end.y) / 2 + aside.y };
  const d = `M${start.x} ${start.y} Q${bend.x} ${bend.y} ${end.x} ${end.y}`;
  const path = drawing("path", { d, class: "way", "marker-end": "url(#arrow)" });
  path.append(drawing("title", {}, `${way.from} → ${way.to}: ${way.events.join(", ")}`));
  return path;
}

/**
 * Where the way to another state leaves the box of one.
 *
 * @param {Point} from
 * @param {Point} to
 * @param {Point} aside
 */
function edge(from, to, aside) {
  const [dx, dy] = [to.x + aside.x - from.x, to.y + aside.y - from.y];
  const part = Math.min(BOX.width / 2 / Math.abs(dx || 1e-9), BOX.height / 2 / Math.abs(dy || 1e-9));
  return { x: from.x + dx * part + aside.x / 3, y: from.y + dy * part + aside.y / 3 };
}

function arrowhead() {
  const size = { viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" };
  return drawing(
    "defs",
    {},
    drawing("marker", { id: "arrow", ...size }, drawing("path", { d: "M0 .8 7 4 0 7.2" })),
  );
}
