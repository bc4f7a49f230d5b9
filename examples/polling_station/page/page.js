import { Comet } from "/comet.js";

const comet = new Comet("/comet");
const outcomes = { counted: "counted", changed: "changed", again: "had voted", unknown: "unknown tag" };
const byId = (id) => document.getElementById(id);
let state = null;

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/* Rows are moved, not made anew, so that one sees who overtakes whom. */
function move(list, rows) {
  const before = new Map(rows.map((row) => [row, row.isConnected ? row.getBoundingClientRect() : null]));
  list.replaceChildren(...rows);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const [row, was] of before) {
    const is = row.getBoundingClientRect();
    if (was && (was.x !== is.x || was.y !== is.y)) {
      const from = `translate(${was.x - is.x}px, ${was.y - is.y}px)`;
      row.animate([{ transform: from }, { transform: "none" }], { duration: 350, easing: "ease-out" });
    }
  }
}

for (const poll of document.querySelectorAll(".poll")) {
  const rows = new Map();
  comet.on(poll.dataset.path, ({ text, total, answers }) => {
    poll.querySelector("h2").textContent = text;
    poll.querySelector(".total").replaceChildren(element("b", "", total), total === 1 ? " vote" : " votes");
    const most = Math.max(1, ...answers.map(([, votes]) => votes));
    for (const [answer, votes] of answers) {
      if (!rows.has(answer)) {
        const row = document.createElement("li");
        row.append(element("span", "answer", answer), element("span", "votes", ""));
        rows.set(answer, row);
      }
      const row = rows.get(answer);
      row.style.setProperty("--share", votes / most);
      row.classList.toggle("leads", votes === most && votes > 0);
      row.querySelector(".votes").textContent = votes;
    }
    move(poll.querySelector("ol"), answers.map(([answer]) => rows.get(answer)));
  });
}

function show(id, text, className = "") {
  byId(id).textContent = text;
  byId(id).className = className;
}

comet.on("station", (told) => {
  state = told;
  const [name] = told.unplugged;
  const away = told.unplugged.length;
  show("readers", away ? `${told.readers - away} of ${told.readers}` : `${told.readers}, all there`, away ? "bad" : "");
  show("network", told.network ? "up" : "down", told.network ? "" : "bad");
  show("waiting", told.waiting, told.waiting ? "late" : "");
  byId("plug").textContent = name ? `Plug in ${name}` : "Pull a reader’s plug";
  byId("cut").textContent = told.network ? "Cut the network" : "Mend the network";
  byId("latest").querySelector("ul").replaceChildren(...told.log.map(([tag, answer, outcome]) => {
    const row = element("li", outcome, "");
    row.append(element("code", "", tag), element("span", "", answer), element("span", "outcome", outcomes[outcome]));
    return row;
  }));
});

byId("plug").addEventListener("click", () => comet.send("plug/reader", state?.unplugged[0] ?? "where/Lisbon/1"));
byId("cut").addEventListener("click", () => comet.send("plug/network", !state?.network));

comet.addEventListener("state", ({ detail }) => {
  byId("connection").dataset.state = detail.state;
  byId("connection").querySelector(".word").textContent = detail.state === "open" ? "live" : detail.state;
});

await comet.open();
