/**
 * @stomp/stompjs, over TCP and over a WebSocket: subscribes, sends in a transaction, acknowledges, has a receipt.
 *
 *     node stompjs.mjs PORT WEBSOCKET-URL SECRET
 *
 * With TLS if the URL says so; NODE_EXTRA_CA_CERTS names who is trusted.
 */

import { connect } from "node:net";
import { connect as connectSecurely } from "node:tls";

import { Client } from "@stomp/stompjs";
import { WebSocket } from "ws";

const [port, url, passcode] = process.argv.slice(2);
const secure = url.startsWith("wss:");

/** As much of a WebSocket as the library wants, on TCP. */
class TcpSocket {
  constructor() {
    this.url = `tcp://127.0.0.1:${port}`;
    this.readyState = 0;
    this.socket = (secure ? connectSecurely : connect)({ port: Number(port), host: "127.0.0.1" }, () => {
      this.readyState = 1;
      this.onopen?.();
    });
    this.socket.on("data", (data) =>
      this.onmessage?.({ data: data.buffer.slice(data.byteOffset, data.byteOffset + data.length) }),
    );
    this.socket.on("close", () => {
      this.readyState = 3;
      this.onclose?.({ code: 1000, wasClean: true });
    });
  }

  send(data) {
    this.socket.write(typeof data === "string" ? data : Buffer.from(data));
  }

  close() {
    this.socket.end();
  }
}

async function talk(name, webSocketFactory) {
  const heard = [];
  const client = new Client({
    webSocketFactory,
    connectHeaders: { login: "any", passcode },
    heartbeatIncoming: 1000,
    heartbeatOutgoing: 1000,
    reconnectDelay: 0,
  });
  client.onStompError = (frame) => console.log(`${name} error: ${frame.headers.message}: ${frame.body}`);
  await new Promise((resolve) => {
    client.onConnect = resolve;
    client.activate();
  });
  await new Promise((resolve) => {
    client.subscribe(
      `from/${name}`,
      (message) => {
        heard.push(
          message.headers["content-type"] === "application/json" ? JSON.parse(message.body) : message.body,
        );
        message.ack();
        if (heard.length === 3) resolve();
      },
      { ack: "client-individual" },
    );
    const json = { "content-type": "application/json" };
    client.publish({ destination: `from/${name}`, body: "plain é" });
    const transaction = client.begin();
    client.publish({
      destination: `from/${name}`,
      body: '{"a":1}',
      headers: { ...json, transaction: transaction.id },
    });
    client.publish({
      destination: `from/${name}`,
      binaryBody: new TextEncoder().encode("a\0b"),
      headers: { transaction: transaction.id },
    });
    transaction.commit();
  });
  await new Promise((resolve) => {
    client.watchForReceipt("last", resolve);
    client.publish({ destination: "news", body: name, headers: { receipt: "last" } });
  });
  const version = client.connectedVersion;
  await client.deactivate();
  console.log(JSON.stringify([name, version, heard]));
}

await talk("tcp", () => new TcpSocket());
await talk("websocket", () => new WebSocket(url, ["v12.stomp", "v11.stomp", "v10.stomp"]));
