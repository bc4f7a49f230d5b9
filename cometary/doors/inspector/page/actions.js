/** What an operator does, once it is confirmed: calls of the control interface. */

import { byId } from "./dom.js";
import { secret } from "./link.js";

/**
 * Ask the operator to confirm, and do it if so.
 *
 * @param {string} question
 * @param {string} sure what the button says
 * @param {string} path of the call
 * @param {object} body
 */
export async function act(question, sure, path, body) {
  if (!(await confirmed(question, sure))) return;
  const told = byId("told");
  told.textContent = `${sure} …`;
  told.textContent = await call(path, body).then(
    () => `${sure}: done.`,
    (error) => `${sure}: ${error.message}`,
  );
}

/**
 * @param {string} question
 * @param {string} sure
 * @returns {Promise<boolean>}
 */
function confirmed(question, sure) {
  const dialog = byId("confirm");
  byId("question").textContent = question;
  byId("sure").textContent = sure;
  dialog.returnValue = "no"; // as Escape leaves it
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/**
 * @param {string} path
 * @param {object} body
 * @throws {Error} the server refuses, or cannot be reached; the message says why
 */
async function call(path, body) {
  const token = secret.get();
  const answer = await fetch(path, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error((await answer.json()).detail ?? answer.statusText);
}
