/** The back-end's jobs: a bar for each, moved by the updates to its path. */

import { byId, element } from "./dom.js";

/** @typedef {{ by: string, progress: number, estimate?: number }} Progress */

const KEPT = 6;

/**
 * @param {import("./client/comet.js").Comet} comet
 * @param {import("./people.js").People} people
 */
export function showJobs(comet, people) {
  const list = byId("jobs");
  /** @type {Map<string, Job>} */
  const jobs = new Map();
  let backend = 0;

  comet.on("process/*/*", (/** @type {Progress} */ progress, path) => {
    const job = jobs.get(path) ?? begin(path, progress);
    job.show(progress);
  });
  comet.on("process/back-end", ({ pid }) => {
    if (backend !== 0 && pid !== backend) for (const job of jobs.values()) job.lose();
    backend = pid;
    byId("pid").textContent = ` (pid ${pid})`;
  });
  comet.on("process/refused", (reason) => { byId("refused").textContent = reason; });
  for (const kind of ["shared", "private"]) {
    byId(kind).addEventListener("click", () => {
      byId("refused").textContent = "";
      comet.send("jobs/start", kind);
    });
  }

  /**
   * @param {string} path
   * @param {Progress} progress
   */
  function begin(path, { by }) {
    const owner = by === people.you ? "you" : people.name(by);
    const job = new Job(path, path.startsWith("process/shared/") ? `started by ${owner}` : "for you alone");
    list.querySelector(".empty")?.remove();
    list.prepend(job.item);
    jobs.set(path, job);
    for (const [oldest, { item, over }] of jobs) {
      if (jobs.size <= KEPT || !over) break;
      item.remove();
      jobs.delete(oldest);
    }
    return job;
  }
}

class Job {
  over = false;
  #bar = element("progress", { max: 1, value: 0 });
  #state = element("span", { className: "state" });

  /**
   * @param {string} path
   * @param {string} whose
   */
  constructor(path, whose) {
    const title = element("label", {}, element("code", {}, path), ` ${whose}`, this.#bar);
    this.item = element("li", {}, title, this.#state);
  }

  /** @param {Progress} progress */
  show({ progress, estimate }) {
    this.#bar.value = progress;
    this.over = progress >= 1;
    this.item.classList.toggle("done", this.over);
    const percent = `${Math.round(progress * 100)} %`;
    this.#state.textContent = estimate === undefined ? percent : `${percent} · π ≈ ${estimate.toFixed(4)}`;
  }

  /** The process that worked on it has ended. */
  lose() {
    if (this.over) return;
    this.over = true;
    this.item.classList.add("lost");
    this.#state.textContent = "lost: the back-end was restarted";
  }
}
