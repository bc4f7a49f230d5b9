/** Programs that are right, and programs that are wrong: the compiler tells them apart. */

import { Comet } from "../src/comet.js";
import { allTabs } from "../src/tabs.js";

interface Job {
  progress: number;
}

type Messages = { "jobs/*": Job; "log/**": string; news: { title: string } };

export function right(): void {
  const comet = new Comet<Messages>("/comet", { connectUrl: "/connect", share: allTabs("ada"), wires: [] });
  comet.on("jobs/*", (job, path) => job.progress.toFixed() + path.slice());
  comet.on("news", ({ title }) => title.trim());
  comet.send("jobs/7", { progress: 1 });
  comet.send("log/a/b", "text", { receipt: "a" });
  comet.addEventListener("retrying", ({ detail: { attempt, delay } }) => attempt + delay);
  comet.addEventListener("close", ({ detail }) => detail.undelivered.map(({ path }) => path));
  const sid: Promise<string> = comet.open();
  const wire: "websocket" | "stream" | "requests" = comet.wire;
  new Comet("/comet").on("anything", (message) => message.whatever);
  new Comet("/comet").send("anything", { at: "all" });
  void [sid, wire];
}

export function wrong(): void {
  const comet = new Comet<Messages>("/comet");
  // @ts-expect-error no such pattern
  comet.on("job/*", () => undefined);
  // @ts-expect-error not what jobs have
  comet.on("jobs/*", (job) => job.title);
  // @ts-expect-error not what goes to jobs
  comet.send("jobs/7", "text");
  // @ts-expect-error no such path
  comet.send("chat/7", "text");
  // @ts-expect-error no such event
  comet.addEventListener("opened", () => undefined);
  // @ts-expect-error not what this event has
  comet.addEventListener("open", ({ detail }) => detail.reason);
  // @ts-expect-error no such option
  new Comet("/comet", { margins: 3 });
  // @ts-expect-error no such wire
  new Comet("/comet", { wires: ["carrier pigeon"] });
  // @ts-expect-error it is made by allTabs
  new Comet("/comet", { share: true });
  // @ts-expect-error nobody sets it
  comet.sid = "stolen";
}
