// What a client of Socket.IO, the real one, sees: run in Node and in browsers, once for each choice of transports.

const LAST = 200;

const once = (socket, event) => new Promise((resolve) => socket.once(event, (...args) => resolve(args)));

async function script(io, url, transports, recovers) {
  const options = { transports, forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 50 };
  const socket = io(url, options);
  await once(socket, "connect");
  const told = { before: socket.id };
  told.echoed = await socket.emitWithAck("echo", 1, "2", { 3: [true] });
  const bytes = await socket.emitWithAck("echo", { a: [new Uint8Array([1, 2, 3])] });
  told.bytes = [...new Uint8Array(bytes.a[0])];
  const asked = once(socket, "question");
  const answered = once(socket, "answered");
  socket.emit("ask-me", "why");
  const [question, answer] = await asked;
  answer("because");
  told.answered = [question, (await answered)[0]];

  const chat = io(`${url}/chat`, options);
  const said = once(chat, "message");
  chat.send("hello");
  told.chat = (await said)[0];

  const admin = io(`${url}/admin`, options);
  const [error] = await once(admin, "connect_error");
  told.refused = [error.message, error.data.error];
  admin.auth = { token: "root" };
  admin.connect();
  await once(admin, "connect");
  told.random = (await once(io(`${url}/random`, options), "connect_error"))[0].message;

  const other = io(url, options);
  await once(other, "connect");
  await socket.emitWithAck("join");
  await other.emitWithAck("join");
  const heard = [];
  socket.on("room", (text) => heard.push(`socket ${text}`));
  other.on("room", (text) => heard.push(`other ${text}`));
  socket.emit("to-others", 1);
  other.emit("to-others", 2);
  await Promise.all([once(socket, "room"), once(other, "room")]);
  told.heard = heard.sort();

  const numbers = [];
  let isBack = null;
  const counted = new Promise((resolve) => {
    socket.on("number", (number) => {
      numbers.push(number);
      if (recovers && number === 50) {
        isBack = once(socket, "disconnect").then(() => once(socket, "connect"));
        setTimeout(() => socket.io.engine.close()); // in a handler, the client would keep what it has read already
      }
      if (number === LAST - 1) resolve();
    });
  });
  socket.emit("count-up-to", LAST);
  await counted;
  await isBack;
  told.inOrder = numbers.length === LAST && numbers.every((number, place) => number === place);
  told.recovered = [Boolean(socket.recovered), socket.id === told.before];
  delete told.before;
  told.transport = socket.io.engine.transport.name;

  const left = once(socket, "disconnect");
  socket.emit("kick");
  told.kicked = (await left)[0];
  for (const one of [chat, admin, other]) one.disconnect();
  return told;
}

globalThis.script = script;
