/** The page: a list, perhaps one thing beside it, and what the server tells it put in its place. */

import { Detail } from "./detail.js";
import { byId, element } from "./dom.js";
import { Link, secret } from "./link.js";
import { LISTS, folds } from "./lists.js";
import { Nodes } from "./nodes.js";
import { Rows } from "./rows.js";
import { rate } from "./words.js";

/** @typedef {import("./lists.js").Target} Target */

const link = new Link();
const detail = new Detail(go);
const rows = new Rows(ask, go);
const nodes = new Nodes();
const search = byId("search");
const choice = byId("choice");
let at = "tree";
let node = ""; // which one is looked at; empty for all
/** @type {Record<string, any>} */
let overview = {};

/** @param {import("./rows.js").Range} range */
function ask({ first, most }) {
  const { choice: offered } = listed();
  link.look("list", {
    at,
    first,
    most,
    search: search.value,
    node,
    ...(offered ? { [offered.member]: choice.value } : {}),
    ...(at === "tree" ? { opened: [...folds.opened], closed: [...folds.closed] } : {}),
  });
}

const listed = () => LISTS[at] ?? LISTS["tree"] ?? raise();

/** @returns {never} */
function raise() {
  throw new Error("There is no such list.");
}

// --- where the page is: in the address, so that going back, reloading and links do what they should

/** @param {Target | any} to a thing, or a line of the list that is about one; undefined for none */
function go(to) {
  const target = to === undefined || to.what !== undefined ? to : listed().target(to);
  if (target !== undefined && target.id === null && target.time === undefined) return;
  const { what, id, time, node: of } = target ?? {};
  const whose = of ?? (what === undefined ? "" : node);
  location.hash = new URLSearchParams({
    at,
    ...(node === "" ? {} : { node }),
    ...(what === undefined ? {} : { what, id: id ?? "" }),
    ...(time === undefined ? {} : { time: String(time) }),
    ...(whose === "" ? {} : { of: whose }),
  }).toString();
}

/** @param {string} of the list, of whichever node the page looks at */
const addressOf = (of, looked = node) =>
  `#${new URLSearchParams({ at: of, ...(looked === "" ? {} : { node: looked }) })}`;

function arrive() {
  const place = new URLSearchParams(location.hash.slice(1));
  const wanted = place.get("at") ?? "tree";
  const looked = place.get("node") ?? "";
  if (wanted !== at || looked !== node || !byId("lists").querySelector("[aria-current]"))
    begin(Object.hasOwn(LISTS, wanted) ? wanted : "tree", looked);
  const [what, id, time] = [place.get("what"), place.get("id"), place.get("time")];
  const target =
    what === null
      ? undefined
      : { what, id, node: place.get("of") ?? "", ...(time === null ? {} : { time: Number(time) }) };
  detail.begin(target);
  link.look("detail", target === undefined ? null : asked(target));
}

/** @param {Target} target */
function asked({ what, id, time, node: of }) {
  if (what === "crash") return { at: what, time, urn: id === "" ? null : id, node: of };
  return { at: what, [what === "session" ? "name" : "urn"]: id, node: of };
}

/**
 * @param {string} list
 * @param {string} looked the node that is looked at
 */
function begin(list, looked) {
  if (list !== at || looked === node) search.value = "";
  [at, node] = [list, looked];
  const { choice: offered } = listed();
  const options = Object.entries(offered?.options ?? {});
  choice.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  byId("choosing").hidden = offered === undefined;
  byId("chosen").textContent = offered?.title ?? "";
  byId("empty").hidden = true;
  byId("lists").replaceChildren(...Object.entries(LISTS).map(tab));
  showOverview();
  beginRows();
}

function beginRows() {
  const ofSeveral = nodes.several && node === "";
  byId("table").className = ofSeveral ? `${at} several` : at;
  rows.begin(listed().columns.filter(({ several }) => !several || ofSeveral));
}

/** @param {[string, import("./lists.js").List]} entry */
function tab([name, { title }]) {
  const made = element("a", { href: addressOf(name) }, title);
  if (name === at) made.setAttribute("aria-current", "page");
  return made;
}

// --- what the server tells

link.addEventListener("list", (event) => {
  const frame = /** @type {CustomEvent} */ (event).detail;
  if (!nodes.isOf(frame, at, node)) return;
  if (frame.at === "gone") {
    rows.show({ first: 0, total: 0, lines: [] });
    [byId("total").textContent, byId("empty").textContent] = ["", frame.detail];
    byId("empty").hidden = false;
  }
  if (frame.at !== at) return;
  rows.show(frame);
  const without = frame.away?.length ? `, without ${frame.away.join(", ")}` : "";
  byId("total").textContent = frame.total.toLocaleString() + without;
  byId("empty").textContent = listed().empty;
  byId("empty").hidden = frame.total > 0;
});

link.addEventListener("detail", (event) => detail.show(/** @type {CustomEvent} */ (event).detail));

link.addEventListener("overview", (event) => {
  overview = /** @type {CustomEvent} */ (event).detail;
  if (nodes.take(overview)) beginRows();
  showOverview();
  const { worker } = overview;
  if (worker) byId("workers").replaceChildren(...workers(worker));
});

function showOverview() {
  nodes.draw(at, node, (other) => addressOf(at, other));
  const counted = nodes.counted(overview, at, node);
  const { sessions, rate: packets, queued, actors, ended, crashes, longest_handler: longest, away } = counted;
  if (actors === undefined) return byId("overview").replaceChildren(); // not told yet, or of a node that is away
  const shown = {
    sessions,
    "packets a second": packets === 0 ? "0" : rate(packets).replace("/s", ""),
    queued,
    actors,
    ended,
    crashes,
    ...(longest > 0 ? { "longest handler": `${longest.toFixed(1)} s` } : {}),
    ...(away > 0 ? { "nodes away": away } : {}),
  };
  byId("overview").replaceChildren(
    ...Object.entries(shown).map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value?.toLocaleString() ?? "0")),
    ),
  );
}

/** @param {[number, number]} worker One of several looks at itself; the others are pages of their own. */
function workers([number, count]) {
  return Array.from({ length: count }, (_, before) => {
    const made = element("a", { href: `?worker=${before + 1}${location.hash}` }, `worker ${before + 1}`);
    if (before + 1 === number) made.setAttribute("aria-current", "page");
    return made;
  });
}

link.addEventListener("state", (event) => {
  const state = /** @type {CustomEvent} */ (event).detail;
  byId("connection").dataset.state = state;
  byId("connection").querySelector(".state").textContent = state;
  document.body.classList.toggle("stale", state !== "open");
});

link.addEventListener("unauthorized", (event) => {
  byId("login").hidden = false;
  byId("main").hidden = true;
  byId("refused").textContent = /** @type {CustomEvent} */ (event).detail
    ? "This secret does not have the right to read."
    : "";
});

link.addEventListener("closed", (event) => {
  const reason = /** @type {CustomEvent} */ (event).detail;
  if (reason === "kicked") location.reload(); // the secrets have changed
});

// --- what the visitor does

byId("login").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  secret.set(byId("secret").value);
  location.reload();
});

let typing = 0;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => rows.again(), 200);
});
choice.addEventListener("change", () => rows.again());
folds.changed = () => rows.again();
addEventListener("hashchange", arrive);

arrive();
link.open();
