/**
 * Makes what the server itself gives to browsers: the whole client as a module of one file, and its types.
 *
 *     node served.js [DIRECTORY]    into that directory; else where the server has them, in `cometary/browser`
 *
 * Both are in the repository as they are made here, so that whoever installs the server needs no Node.js.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = process.argv[2] ?? join(here, "../../cometary/browser");
const { license } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const banner = `/*! cometary, ${license} */`;

/** Names stay: what one tab says, another has to understand, which may have an older version. */
async function makeClient() {
  await build({
    entryPoints: [join(here, "src/all.js")],
    outfile: join(target, "comet.js"),
    banner: { js: banner },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
  });
}

/**
 * One file of declarations, for pages that import the client from wherever the server is: what `tsc` makes of each module
 * is a module that is declared, under a name of its own.
 */
function makeTypes() {
  const made = mkdtempSync(join(tmpdir(), "types-"));
  try {
    const options = ["--project", join(here, "tsconfig.types.json"), "--removeComments", "--outDir", made];
    execFileSync(join(here, "../../node_modules/.bin/tsc"), options, { stdio: ["ignore", 2, 2] });
    const own = 'declare module "*/comet.js" {\nexport * from "cometary:all";\n}\n';
    const modules = readdirSync(made)
      .sort()
      .map((name) => declared(name, readFileSync(join(made, name), "utf8")));
    writeFileSync(join(target, "comet.d.ts"), [banner, own, ...modules].join("\n"));
  } finally {
    rmSync(made, { recursive: true });
  }
}

/**
 * @param {string} name of the file
 * @param {string} text
 */
function declared(name, text) {
  const inside = text
    .replaceAll(/"\.\/(\w+)\.js"/g, '"cometary:$1"')
    .replaceAll(/^(export )?declare /gm, (_, exported = "") => exported); // all of it is declared already
  return `declare module "cometary:${name.replace(".d.ts", "")}" {\n${inside}}\n`;
}

await makeClient();
makeTypes();
