/** Charts of how busy a machine is, and of what is in its memory: the last hundred figures of each. */

import { byId, drawing } from "./dom.js";

const POINTS = 100;
const HEIGHT = 40;

/** @typedef {{ total: number, free: number, buffers: number, cached: number }} Memory */

/** @returns {(cpu: number, memory: Memory) => void} what takes the latest figures; does nothing where there is no chart */
export function showLoad() {
  if (byId("cpu") === null) return () => {};
  const cpu = new Chart(byId("cpu"), ["cpu"]);
  const memory = new Chart(byId("memory"), ["used", "cached", "buffers", "free"]);
  return (percent, { total, free, buffers, cached }) => {
    cpu.add([percent], 100);
    byId("percent").textContent = `${percent.toFixed(1)} %`;
    memory.add([total - free - buffers - cached, cached, buffers, free], total);
    byId("used").textContent = `${total - free - buffers - cached} of ${total} MiB`;
  };
}

/** Lines that move to the left as figures come. */
class Chart {
  /**
   * @param {Element} place where it is drawn
   * @param {string[]} names of its lines
   */
  constructor(place, names) {
    /** @type {number[][]} */
    this.figures = names.map(() => []);
    this.lines = names.map((name) => drawing("polyline", { class: name, points: "" }));
    place.append(drawing("svg", { viewBox: `0 0 ${POINTS - 1} ${HEIGHT}`, preserveAspectRatio: "none" }, ...this.lines));
  }

  /**
   * @param {number[]} latest one of each line
   * @param {number} most the highest that there may be
   */
  add(latest, most) {
    latest.forEach((figure, line) => {
      const figures = /** @type {number[]} */ (this.figures[line]);
      figures.push(figure / most);
      if (figures.length > POINTS) figures.shift();
      const points = figures.map((each, place) => `${POINTS - figures.length + place},${HEIGHT * (1 - each)}`);
      this.lines[line]?.setAttribute("points", points.join(" "));
    });
  }
}
