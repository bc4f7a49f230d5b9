// What two clients with strophe.js, the real one, see: run in Node and in browsers.

async function script(library, url, names) {
  const { Strophe, $msg, $pres, $iq } = library;
  const told = { statuses: {} };

  function connect(name) {
    const connection = new Strophe.Connection(url);
    return new Promise((resolve, reject) => {
      connection.connect(`${name}@localhost`, "secret", (status, condition) => {
        if (status === Strophe.Status.CONNECTED) resolve(connection);
        if (status === Strophe.Status.CONNFAIL || status === Strophe.Status.AUTHFAIL)
          reject(new Error(`${status} ${condition}`));
        if (status === Strophe.Status.DISCONNECTED) told.statuses[name] = "disconnected";
      });
    });
  }

  const [speaker, listener] = await Promise.all(names.map(connect));
  listener.send($pres());
  const count = 50;
  const heard = [];
  const all = new Promise((resolve) => {
    listener.addHandler(
      (message) => {
        heard.push(message.getElementsByTagName("body")[0].textContent);
        if (heard.length === count) resolve();
        return true;
      },
      null,
      "message",
    );
  });
  for (let number = 0; number < count; number += 1) {
    speaker.send($msg({ to: listener.jid, type: "chat" }).c("body").t(`<${number}> & so on`));
  }
  await all;
  told.inOrder = heard.every((text, number) => text === `<${number}> & so on`);

  const ping = $iq({ to: "localhost", type: "get" }).c("ping", { xmlns: "urn:xmpp:ping" });
  told.pinged = await new Promise((resolve) =>
    speaker.sendIQ(
      ping,
      () => resolve(true),
      () => resolve(false),
    ),
  );

  const gone = new Promise((resolve) => {
    const look = () => (Object.keys(told.statuses).length === 2 ? resolve() : setTimeout(look, 5));
    look();
  });
  speaker.disconnect("done");
  listener.disconnect("done");
  await gone;
  return told;
}

globalThis.script = script;
