/** Who is who: the sessions' public ids and the names that their visitors go by. */

export class People extends EventTarget {
  /** This page's own id. */
  you = "";
  /** @type {{ id: string, name: string }[]} */
  present = [];
  /** @type {Map<string, string>} Of those who have left, too: their jobs and crashes may still be shown. */
  #names = new Map();

  /** @param {import("./client/comet.js").Comet} comet */
  constructor(comet) {
    super();
    comet.on("chat/welcome", ({ you }) => {
      this.you = you;
      this.dispatchEvent(new Event("change"));
    });
    comet.on("chat/present", ({ people, count }) => {
      this.present = people;
      this.count = count;
      for (const { id, name } of people) this.#names.set(id, name);
      this.dispatchEvent(new Event("change"));
    });
  }

  /** @param {string} id */
  name(id) {
    return this.#names.get(id) ?? id;
  }

  /**
   * A text in which ids stand, with names instead.
   * @param {string} text
   */
  named(text) {
    return text.replace(/\b[0-9a-f]{10}\b/g, (id) => this.name(id));
  }
}
