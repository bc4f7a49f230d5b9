/** A client in Node that asks, and prints what it is told, as JSON. Argument: the endpoint's URL. */

import { Comet } from "../../clients/javascript/src/asking.js";

const comet = new Comet(process.argv[2]);
const told = (error) => [error.name, error.fault, error.condition, error.message];

await comet.open();
const answers = await Promise.all([
  comet.ask("double", 21),
  comet.ask("refuse").catch(told),
  comet.ask("fail").catch(told),
]);
await comet.close();
console.log(JSON.stringify(answers));
