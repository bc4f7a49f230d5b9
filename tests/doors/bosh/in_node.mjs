// The script, in Node: the URL, and the names of two accounts.

import xhr from "xmlhttprequest-ssl";
import * as library from "strophe.js";
import "./script.js";

// Node has no requests of this kind, and those of the package do not parse XML, on which the library counts.
globalThis.XMLHttpRequest = function () {
  const request = new xhr.XMLHttpRequest();
  const parsed = () =>
    request.responseText && new DOMParser().parseFromString(request.responseText, "text/xml");
  return Object.defineProperty(request, "responseXML", { get: parsed, set() {} });
};

const [url, ...names] = process.argv.slice(2);
library.Strophe.setLogLevel(library.Strophe.LogLevel.ERROR);
console.log(JSON.stringify(await globalThis.script(library, url, names)));
process.exit(0);
