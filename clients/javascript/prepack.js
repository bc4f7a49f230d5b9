/**
 * Makes the types, and the builds beside the modules, that go into the package, before `npm pack` and `npm publish`. In a clone in which nothing has
 * been installed yet, what the lock file names is installed first.
 */

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

/** @param {string[]} command */
function run([program, ...args], cwd = here) {
  // Nothing to standard output: that is the package's name, for whoever called npm.
  execFileSync(/** @type {string} */ (program), args, { cwd, stdio: ["ignore", 2, 2], env });
}

// What npm says of itself to its scripts, such as the workspace, is not for another npm.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(cache|registry|userconfig))/i.test(name)),
);

try {
  createRequire(import.meta.url).resolve("typescript/package.json");
} catch {
  run(["npm", "ci", "--no-audit", "--no-fund"], root);
}
run(["tsc", "--project", "tsconfig.types.json"]);
run(["node", "build.js"]);
