/**
 * Makes what is in `dist`: CommonJS for programs that `require`, one classic script for pages without modules, and
 * modules of one file, the smaller one without tabs; and says how large that one is.
 *
 *     node build.js            make them
 *     node build.js --check    only see that the client is small enough; 1 if it is not
 */

import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";
import { minify } from "terser";

/** Bytes that the client may have, minified and compressed: 9.13 KB of 1,024. */
const LIMIT = 9_350;

/**
 * Names of members that modules only share among themselves: made short in what is minified. None is a browser's, in a
 * request or in the interface.
 */
const OWN_NAMES = [
  "abandon|isStale|place|acknowledgeLater|anyLost|anyOnSocket|attachment|attaching|attempts|boundTo|causeOf|confirmed|crowded|detached|expect|farewell|giveUp|hasGap",
  "highestAnswered|isSet|mayAttach|networkIsBack|nextRid|onTheWire|patience|putBack|reliefAfter|relieve|renewalDue",
  "adopt|allowed|attached|backend|broke|drain|ended|failed|frame|journal|kind|late|opened|over|pump|received|refusal|refused|release|reopening|replaced|restore|sign|unwant",
  "retryAfter|shortFarewell|pushed|onSocket|takeBatch|takes|unansweredRequest|wasAttached|wasFirst|wentOut|written|user|matches|seconds|waiting|contents|deliver",
  "answered|append|closing|connection|flush|leave|lost|networkIsBack|onPage|put|queue|record|renew|resume|session|start|stop",
];

/** @param {string} name */
function path(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}

/**
 * @param {string} entry
 * @param {import("esbuild").BuildOptions} options
 */
async function bundle(entry, options) {
  const { outputFiles = [] } = await build({
    entryPoints: [path(entry)],
    bundle: true,
    write: false,
    target: "es2022",
    ...options,
  });
  return outputFiles[0]?.contents ?? new Uint8Array();
}

/** The client as a module of one file, as small as it gets: terser finds some more in what esbuild has made. */
async function smallClient() {
  const mangleProps = new RegExp(`^(${OWN_NAMES.join("|")})$`);
  const client = await bundle("src/comet.js", { minify: true, mangleProps, format: "esm" });
  const options = { module: true, ecma: /** @type {const} */ (2020), compress: { passes: 3 } };
  return (await minify(new TextDecoder().decode(client), options)).code ?? "";
}

const client = await smallClient();
const size = gzipSync(client, { level: 9 }).length;
console.error(`The client has ${size} bytes, minified and compressed; it may have ${LIMIT}.`);
if (size > LIMIT) process.exitCode = 1;

if (!process.argv.includes("--check")) {
  mkdirSync(path("dist/types"), { recursive: true });
  for (const name of ["comet", "asking", "paths", "tabs", "cbor", "connector", "protocol"]) {
    writeFileSync(
      path(`dist/${name}.js`),
      await bundle(`src/${name}.js`, { format: "cjs", platform: "browser" }),
    );
  }
  // Without this file Node.js and TypeScript would take them for modules, as all of this package.
  writeFileSync(path("dist/package.json"), '{ "type": "commonjs" }\n');
  for (const name of readdirSync(path("types")))
    copyFileSync(path(`types/${name}`), path(`dist/types/${name}`));
  writeFileSync(path("dist/comet.min.mjs"), client);
  // With tabs, names stay: what one tab says, another has to understand, which may have an older version.
  writeFileSync(path("dist/cometary.min.mjs"), await bundle("src/all.js", { minify: true, format: "esm" }));
  const script = { minify: true, format: /** @type {const} */ ("iife"), globalName: "Cometary" };
  writeFileSync(path("dist/cometary.min.js"), await bundle("src/all.js", script));
}
