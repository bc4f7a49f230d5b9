/**
 * The page's session with the push server, set up by what `{% comet %}` has put into the page.
 *
 * @example
 * import { comet } from "{% static 'cometary/django.js' %}";
 * comet.on("todos/*", show);
 * await comet.connect(["todos/7"]);
 */

import { Comet } from "./client/comet.js";

const { endpoint, connectUrl, disconnectUrl, csrfHeader, csrfToken } = JSON.parse(
  document.getElementById("cometary").textContent,
);

/** What Django wants to see in each request that changes something: the CSRF token. */
export const headers = { [csrfHeader]: csrfToken };

export const comet = new Comet(endpoint, { connectUrl, disconnectUrl, backendHeaders: headers });
