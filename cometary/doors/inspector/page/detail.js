/** One thing beside the list: a session, an actor or a crash report, and what can be done to it. */

import { act } from "./actions.js";
import { byId, element } from "./dom.js";
import { drawMachine } from "./drawing.js";
import { Steps } from "./steps.js";
import { REASONS, badge, duration, rate, since, size } from "./words.js";

/** @typedef {import("./lists.js").Target} Target */
/** @typedef {Record<string, any>} Frame */

export class Detail {
  #root = byId("detail");
  #heading = element("h2");
  #body = element("div", { className: "body" });
  #actions = element("p", { className: "buttons" });
  #steps = new Steps();
  #shownActions = "";

  /** @param {(target: Target | undefined) => void} go to another thing, or back to the list alone */
  constructor(go) {
    this.go = go;
  }

  /** @param {Target | undefined} target what the frames that come next are about; undefined for nothing */
  begin(target) {
    this.#root.hidden = target === undefined;
    byId("main").classList.toggle("beside", target !== undefined);
    if (target === undefined) return;
    this.#steps = new Steps();
    this.#shownActions = "";
    this.#actions.replaceChildren();
    this.#body.replaceChildren(element("p", { className: "soft" }, "…"));
    const back = element("button", { type: "button", className: "back" }, "×");
    back.setAttribute("aria-label", "Close");
    back.onclick = () => this.go(undefined);
    this.#heading.textContent = target.id ?? "";
    this.#root.replaceChildren(
      element("div", { className: "top" }, this.#heading, back),
      this.#actions,
      this.#body,
      this.#steps.root,
    );
    this.#root.scrollTop = 0;
  }

  /** @param {Frame} frame */
  show(frame) {
    const shown = { session: showSession, actor: showActor, crash: showCrash, gone: showGone }[
      String(frame["at"])
    ];
    if (shown === undefined) return;
    this.#heading.textContent = frame["name"] ?? frame["session"] ?? frame["child"] ?? frame["actor"] ?? "";
    this.#body.replaceChildren(...shown(frame, this.go));
    this.#offer(actionsOf(frame));
    if (frame["steps"]) this.#steps.show(frame["steps"]);
  }

  /**
   * Have buttons for these; they stay what they are while nothing changes, so that a click is not lost.
   *
   * @param {Action[]} actions
   */
  #offer(actions) {
    const shown = JSON.stringify(actions);
    if (shown === this.#shownActions) return;
    this.#shownActions = shown;
    this.#actions.replaceChildren(...actions.map(button));
  }
}

/** @typedef {{ label: string, question: string, path: string, body: object }} Action */

/** @param {Action} action */
function button({ label, question, path, body }) {
  const made = element("button", { type: "button" }, label);
  made.onclick = () => void act(question, label, path, body);
  return made;
}

/**
 * @param {Frame} frame
 * @returns {Action[]}
 */
function actionsOf(frame) {
  const { at, name, urn, node } = frame;
  const where = node ? `?node=${encodeURIComponent(node)}` : "";
  if (at === "session" && frame["state"] !== "ended") {
    const question = `End the session ${name}? Its client is told that it was kicked.`;
    return [{ label: "Kick", question, path: `/kick${where}`, body: { name } }, ...orders(urn, where, false)];
  }
  return at === "actor" ? orders(urn, where, frame["status"] === "suspended") : [];
}

/**
 * @param {string} urn
 * @param {string} where what names the node, in the query of a call
 * @param {boolean} suspended
 * @returns {Action[]}
 */
function orders(urn, where, suspended) {
  const all = {
    Suspend: ["suspend", "Suspend this actor? It handles no messages until it is resumed."],
    Resume: ["resume", "Resume this actor? It goes on with the waiting messages."],
    Kill: ["kill", "Kill this actor? Its supervisor deals with that as with any other end."],
  };
  const left = suspended ? ["Resume", "Kill"] : ["Suspend", "Resume", "Kill"];
  return left.map((label) => {
    const [order = "", question = ""] = all[/** @type {keyof typeof all} */ (label)];
    return { label, question, path: `/actor${where}`, body: { urn, order } };
  });
}

// --- what is shown

/**
 * @param {[string, Node | string | null | undefined][]} pairs those without a value are left out
 */
function facts(pairs) {
  const list = element("dl", { className: "facts" });
  for (const [name, value] of pairs)
    if (value !== null && value !== undefined && value !== "")
      list.append(element("dt", {}, name), element("dd", {}, value));
  return list;
}

/**
 * @param {string} title
 * @param {readonly (Node | string)[]} items
 */
function listing(title, items) {
  if (items.length === 0) return [];
  return [
    element("h3", {}, title),
    element("ul", { className: "items" }, ...items.map((item) => element("li", {}, item))),
  ];
}

/** @param {{ path: string, size: number, seq?: number }} packet */
const packet = ({ path, size: bytes, seq }) =>
  `${seq === undefined ? "" : `${seq}  `}${path}  ${size(bytes)}`;

/** @param {Frame} frame */
const machineOf = ({ machine }) => (machine ? [element("h3", {}, machine.name), drawMachine(machine)] : []);

/** @param {Frame} session */
function showSession(session) {
  const ended = session["state"] === "ended";
  const why = REASONS[/** @type {keyof typeof REASONS} */ (session["reason"])];
  const more = (session["path_count"] ?? 0) - session["paths"].length;
  return [
    element(
      "p",
      {},
      badge(
        ended ? session["reason"] : session["state"],
        (ended ? session["reason"] : session["state"]).replaceAll("_", " "),
      ),
      ended ? ` ${why ?? ""}` : "",
    ),
    facts([
      ["user", session["user"] === null ? null : String(session["user"])],
      ["node", session["node"]],
      ["wire", ended ? null : session["wire"]],
      ["ended", ended ? element("span", {}, since(session["ended"]), " ago") : null],
      ["age", ended ? duration(session["age"]) : since(session["opened"])],
      ["last state", ended ? session["last_state"].replaceAll("_", " ") : null],
      ["packets in", session["received"].toLocaleString()],
      ["delivered", session["delivered"].toLocaleString()],
      ["a second", ended ? null : rate(session["rate"])],
      ["queued", `${session["queued"].toLocaleString()} (${size(session["queued_bytes"])})`],
      ["undelivered", ended ? String(session["undelivered"] ?? "not known yet") : null],
      ["not handled", session["unhandled"] ? String(session["unhandled"]) : null],
      [
        "expired, dropped",
        session["expired"] + session["dropped"] ? `${session["expired"]}, ${session["dropped"]}` : null,
      ],
      ["crashes", session["restarts"] ? String(session["restarts"]) : null],
      ["token expires", session["expires"] ? new Date(session["expires"] * 1000).toLocaleTimeString() : null],
    ]),
    ...machineOf(session),
    ...listing("Connections", (session["connections"] ?? []).map(connection)),
    ...listing("Timers", (session["timers"] ?? []).map(timer)),
    ...listing("Paths", [...session["paths"], ...(more > 0 ? [`… ${more.toLocaleString()} more`] : [])]),
    ...listing("Queue", (session["queue"] ?? []).map(packet)),
    ...listing("Not delivered", (session["undelivered_packets"] ?? []).map(packet)),
  ];
}

/** @param {Frame} one */
const connection = ({ kind, rid, carried, address }) =>
  [
    kind,
    rid === undefined ? `up to packet ${carried}` : `number ${rid}`,
    address ? `from ${address}` : "",
  ].join("  ");

/** @param {{ name: string, due: number }} timer */
const timer = ({ name, due }) =>
  `${name}  at ${new Date(due * 1000).toLocaleTimeString([], { hour12: false })}`;

/**
 * @param {Frame} actor
 * @param {(target: Target) => void} go
 */
function showActor(actor, go) {
  /** @param {{ actor: string, urn: string } | null} other */
  const link = (other) => {
    if (other === null) return null;
    const made = element("button", { type: "button", className: "link" }, other.actor);
    made.onclick = () => go({ what: "actor", id: other.urn, node: actor["node"] });
    return made;
  };
  /** @param {string} name */
  const links = (name) => listing(name, actor[name.toLowerCase().replace(" ", "_")].map(link));
  return [
    element("p", {}, badge(actor["status"]), ` ${actor["actor"]}`),
    facts([
      ["names", actor["names"].join(", ")],
      ["node", actor["node"]],
      ["started", actor["started"] === null ? null : since(actor["started"])],
      ["restarts", String(actor["restarts"])],
      ["mailbox", String(actor["mailbox"])],
      ["messages", rate(actor["rate"])],
      ["last message", actor["last_message"]],
      ["supervisor", link(actor["supervisor"])],
      ["tasks", actor["tasks"] ? String(actor["tasks"]) : null],
      ["traps exits", actor["trap_exits"] ? "yes" : null],
      ["URN", element("code", {}, actor["urn"])],
    ]),
    ...machineOf(actor),
    ...listing("Timers", actor["timers"]),
    ...links("Links"),
    ...links("Monitors"),
    ...links("Monitored by"),
  ];
}

/** @param {Frame} crash */
function showCrash(crash) {
  return [
    element("p", {}, badge("failed", crash["reason"]), ` ${crash["error"] ?? ""}`),
    facts([
      ["when", new Date(crash["time"] * 1000).toLocaleString()],
      ["node", crash["node"]],
      ["supervisor", crash["supervisor"]],
      ["class", crash["actor"]],
      ["names", crash["names"].join(", ")],
      ["while handling", crash["last_message"]],
      ["state", crash["state"]],
      ["then", crash["action"].replace("_", " ")],
      ["restarts before", String(crash["restarts"])],
      ["URN", crash["urn"] === null ? null : element("code", {}, crash["urn"])],
    ]),
    element("pre", {}, crash["traceback"]),
  ];
}

/** @param {Frame} gone */
function showGone(gone) {
  return [element("p", { className: "soft" }, gone["detail"])];
}
