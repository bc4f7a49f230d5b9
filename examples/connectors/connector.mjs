/** A connector for Node.js 20, without any package: `const push = new Connector("http://127.0.0.1:8081")`. */
export class Connector {
  #url;
  #headers;
  #timeout;

  constructor(url, { secret, timeout = 5 } = {}) {
    this.#url = url;
    this.#headers = { "Content-Type": "application/json", ...(secret && { Authorization: `Bearer ${secret}` }) };
    this.#timeout = timeout * 1000;
  }

  /** Each update is [path, message]; all of them are taken, in order, or none. */
  async update(...updates) {
    return (await this.#call("/update", packets(updates))).updates;
  }

  async connect(sid, paths) {
    return (await this.#call("/connect", { sid, paths })).paths;
  }

  async send(sid, ...pairs) {
    return (await this.#call("/send", { sid, packets: packets(pairs) })).packets;
  }

  /** The push server is away: what `fetch` throws. It refuses: an Error with its word. Neither is tried again. */
  async #call(path, body) {
    const signal = AbortSignal.timeout(this.#timeout);
    const request = { method: "POST", headers: this.#headers, body: JSON.stringify(body), signal, redirect: "error" };
    const response = await fetch(this.#url + path, request);
    const result = await response.json();
    if (!response.ok) throw new Error(`${path}: ${result.error}: ${result.detail}`);
    return result;
  }
}

const packets = (pairs) => pairs.map(([path, message]) => ({ path, message }));
