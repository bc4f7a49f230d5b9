/**
 * A list of any length, of which the server sends, and the page draws, only the lines in view.
 *
 * The number of a line gives its place. So the scroll bar is that of the whole list, and a line that comes late finds
 * its place empty.
 */

import { byId, element } from "./dom.js";

const NARROW = matchMedia("(max-width: 480px)");
const height = () => (NARROW.matches ? 44 : 32); // of a line, in pixels, as in style.css
const BESIDE = 12; // lines before and behind those in view that are asked for as well
const MOST = 200; // lines that the server tells at a time

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {(line: any) => Node | string} cell
 * @property {boolean} [wide] whether it is shown only where there is room
 * @property {boolean} [under] whether it stands below the one before it where there is little
 * @property {boolean} [several] whether it is shown only in lists of several nodes
 */
/** @typedef {{ first: number, most: number }} Range */

export class Rows {
  #rows = byId("rows");
  #space = byId("space");
  #head = byId("head");
  /** @type {readonly Column[]} */
  #columns = [];
  /** @type {Map<number, { row: HTMLElement, shown: string }>} by their numbers */
  #drawn = new Map();
  #total = 0;
  /** @type {Range} what was asked for */
  #asked = { first: 0, most: 0 };

  /**
   * @param {(range: Range) => void} ask for the lines in view
   * @param {(line: any) => void} choose what a line is about
   */
  constructor(ask, choose) {
    this.ask = ask;
    this.choose = choose;
    this.#rows.addEventListener("scroll", () => this.#look());
    new ResizeObserver(() => this.#look()).observe(this.#rows);
    NARROW.addEventListener("change", () => this.begin(this.#columns));
  }

  /**
   * Begin another list, from its top.
   *
   * @param {readonly Column[]} columns
   */
  begin(columns) {
    this.#columns = columns;
    this.#head.replaceChildren(...columns.map((column) => cell("columnheader", column, column.title)));
    this.#forget();
    this.#rows.scrollTop = 0;
    this.#look(true);
  }

  /** Ask again for what is in view: something else is searched for. */
  again() {
    this.#rows.scrollTop = 0;
    this.#look(true);
  }

  /** @param {{ first: number, total: number, lines: any[] }} frame */
  show({ first, total, lines }) {
    this.#total = total;
    this.#space.style.height = `${total * height()}px`;
    byId("table").setAttribute("aria-rowcount", String(total));
    lines.forEach((line, index) => this.#draw(first + index, line));
    for (const number of [...this.#drawn.keys()])
      if (number < first || number >= first + lines.length) this.#erase(number);
    this.#look();
  }

  /**
   * @param {number} number
   * @param {any} line
   */
  #draw(number, line) {
    const shown = JSON.stringify(line);
    const drawn = this.#drawn.get(number);
    if (drawn?.shown === shown) return;
    const row = drawn?.row ?? this.#newRow(number);
    row.replaceChildren(...this.#columns.map((column) => cell("cell", column, column.cell(line))));
    row.onclick = (event) => {
      if (!(event.target instanceof Element && event.target.closest("button.fold"))) this.choose(line);
    };
    this.#drawn.set(number, { row, shown });
  }

  /** @param {number} number */
  #newRow(number) {
    const row = element("div", { className: number % 2 ? "row odd" : "row" });
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", String(number + 1));
    row.style.transform = `translateY(${number * height()}px)`;
    this.#space.insertBefore(row, this.#behind(number)); // in order, for those who have it read to them
    return row;
  }

  /** @param {number} number */
  #behind(number) {
    const rows = [...this.#space.children];
    return rows.find((row) => Number(row.getAttribute("aria-rowindex")) > number + 1) ?? null;
  }

  /** @param {number} number */
  #erase(number) {
    this.#drawn.get(number)?.row.remove();
    this.#drawn.delete(number);
  }

  #forget() {
    this.#total = 0;
    this.#space.style.height = "0";
    for (const number of [...this.#drawn.keys()]) this.#erase(number);
  }

  #look(afresh = false) {
    const top = Math.floor(this.#rows.scrollTop / height());
    const visible = Math.ceil(this.#rows.clientHeight / height());
    const { first, most } = this.#asked;
    const inView = first <= top && Math.min(top + visible, this.#total) <= first + most;
    if (inView && !afresh) return;
    this.#asked = { first: Math.max(0, top - BESIDE), most: Math.min(visible + 2 * BESIDE, MOST) };
    this.ask(this.#asked);
  }
}

/**
 * @param {string} role
 * @param {Column} column
 * @param {Node | string} content
 */
function cell(role, column, content) {
  const className = column.wide ? "wide" : column.under ? "under" : "";
  const made = element("span", { className }, content);
  made.setAttribute("role", role);
  return made;
}
