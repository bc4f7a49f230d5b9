/**
 * Cometary's client for browsers that have XMLHttpRequest and JSON and nothing newer: ECMAScript 5, one classic script,
 * requests alone. `new Cometary.Comet(url, { connectUrl, disconnectUrl, token })` with `open`, `on`, `send`, `connect`,
 * `disconnect`, `close`, `sid`, `state` and `addEventListener`, as in the other client. In place of promises `connect`
 * and `disconnect` return what has a `then(done, failed)`.
 *
 * 1. At least one request is unanswered, for the server to hold, and two at most. Each new one has the next id.
 * 2. A request that was lost is sent again with the same id and packets, the lowest id first. An answer says that all
 *    requests before it were processed.
 * 3. `ack` is the highest number received. What is numbered at or below it is dropped.
 * 4. An error changes nothing on the server: the same id is used again, without its packets if these were at fault.
 * 5. While a request is being repeated, new ones carry nothing.
 * 6. A session that is lost is replaced, and its paths are asked for again (`reopened`). Packets that may or may not have
 *    arrived are `uncertain`.
 * 7. A back-end that cannot be reached, or not now, is asked again, six times at most. One that refuses is not.
 */
(function (global) {
  "use strict";

  var MOST_REQUESTS = 2;
  var MARGIN = 10;
  var LATER = /^(too-many-requests|too-many-sessions|shutting-down|internal-error)$/;
  var ABOUT_PACKETS = /^(bad-request|forbidden-path|forbidden|too-large)$/;
  var LOST = /^(unknown-session|session-ended|bad-ack|rid-out-of-window)$/;
  var FINAL = /^(closed|kicked)$/;
  var BACKEND_LATER = /^(0|408|425|429|5\d\d)$/; // it could not be reached, or not now: it has refused nothing
  var ATTEMPTS = 6;

  function Comet(url, options) {
    this.url = url;
    this.options = options || {};
    this.state = "closed";
    this.handlers = [];
    this.listeners = {};
    this.queue = [];
    this.wanted = {};
    this.forget();
  }

  Comet.prototype.forget = function () {
    this.sid = undefined;
    this.unanswered = [];
    this.answeredUpTo = 1;
    this.rid = 2;
    this.ack = 0;
    this.failures = 0;
  };

  // --- what a page uses

  Comet.prototype.open = function () {
    if (this.state !== "closed") return;
    this.enter("connecting");
    this.ask();
  };

  Comet.prototype.on = function (pattern, handler) {
    var handlers = this.handlers;
    var entry = { segments: pattern.split("/"), handler: handler };
    handlers.push(entry);
    return function () {
      for (var index = 0; index < handlers.length; index++)
        if (handlers[index] === entry) handlers.splice(index, 1);
    };
  };

  Comet.prototype.send = function (path, message) {
    this.queue.push(JSON.stringify({ path: path, message: message }));
    var self = this;
    setTimeout(function () {
      self.pump();
    }, 0);
  };

  Comet.prototype.connect = function (paths) {
    paths = [].concat(paths);
    for (var index = 0; index < paths.length; index++) this.wanted[paths[index]] = true;
    return this.askBackend("connectUrl", paths);
  };

  Comet.prototype.disconnect = function (paths) {
    paths = [].concat(paths);
    for (var index = 0; index < paths.length; index++) delete this.wanted[paths[index]];
    return this.askBackend("disconnectUrl", paths);
  };

  Comet.prototype.close = function () {
    this.closing = true;
    if (this.sid === undefined) this.end("closed");
    else this.pump();
  };

  Comet.prototype.addEventListener = function (type, listener) {
    (this.listeners[type] = this.listeners[type] || []).push(listener);
  };

  // --- a session

  Comet.prototype.ask = function () {
    var self = this;
    var token = this.options.token;
    var body = { rid: 1, version: 1, token: typeof token === "function" ? token() : token };
    this.post(JSON.stringify(body), MARGIN, function (answer, error) {
      if (self.state === "closed") return;
      if (answer && answer.sid) return self.opened(answer);
      if (error && !LATER.test(error.error)) return self.end(error.error);
      self.pause(function () {
        self.ask();
      });
    });
  };

  Comet.prototype.opened = function (answer) {
    var replaced = this.replaced;
    var paths = Object.keys(this.wanted);
    this.sid = answer.sid;
    this.most = answer.packets || 256;
    this.failures = 0;
    var margin = Math.min(MARGIN, answer.die / 3);
    this.patience = answer.wait + margin;
    this.relief = Math.min(answer.wait, answer.die - 2 * margin);
    this.replaced = undefined;
    this.enter("open");
    if (!replaced) this.tell("open", { sid: answer.sid });
    else if (paths.length === 0) this.tell("reopened", replaced);
    else {
      var self = this;
      var done = function (error) {
        replaced.missing = error ? paths : [];
        self.tell("reopened", replaced);
      };
      this.askBackend("connectUrl", paths).then(done, done);
    }
    this.pump();
  };

  Comet.prototype.replace = function (reason) {
    var uncertain = this.unsure();
    this.forget();
    this.replaced = { reason: reason, uncertain: uncertain, missing: [] };
    this.enter("reconnecting");
    this.failures += 1;
    var self = this;
    this.pause(function () {
      self.ask();
    });
  };

  Comet.prototype.unsure = function () {
    var packets = [];
    for (var index = 0; index < this.unanswered.length; index++) {
      var request = this.unanswered[index];
      if (request.rid > this.answeredUpTo) packets = packets.concat(request.packets);
    }
    return packets.map(JSON.parse);
  };

  Comet.prototype.end = function (reason) {
    var undelivered = this.unsure().concat(this.queue.map(JSON.parse));
    this.forget();
    this.queue = [];
    this.closing = false;
    this.wanted = {};
    clearTimeout(this.pausing);
    clearTimeout(this.relieving);
    this.pausing = undefined;
    this.enter("closed");
    this.tell("close", { reason: reason, undelivered: undelivered });
  };

  // --- requests

  Comet.prototype.pump = function () {
    var request;
    while (this.sid !== undefined && this.pausing === undefined && (request = this.next()))
      this.transmit(request);
  };

  Comet.prototype.next = function () {
    var doubt = false;
    for (var index = 0; index < this.unanswered.length; index++) {
      if (!this.unanswered[index].onTheWire) return this.unanswered[index];
      if (this.unanswered[index].attempts > 1) doubt = true;
    }
    var last = this.unanswered[this.unanswered.length - 1];
    var room = this.unanswered.length < MOST_REQUESTS && !(last && last.close);
    var wanted = room && (this.queue.length > 0 || this.closing || this.relieve);
    this.relieve = false;
    if (last && !wanted) return undefined;
    var packets = doubt ? [] : this.queue.splice(0, this.most);
    var close = !doubt && this.closing === true && this.queue.length === 0;
    var request = { rid: this.rid, packets: packets, close: close, attempts: 0, onTheWire: false };
    this.rid += 1;
    this.unanswered.push(request);
    return request;
  };

  Comet.prototype.transmit = function (request) {
    var self = this;
    var sid = this.sid;
    request.onTheWire = true;
    request.attempts += 1;
    request.first = request === this.unanswered[0];
    clearTimeout(this.relieving);
    this.relieving = setTimeout(function () {
      self.relieve = true;
      self.pump();
    }, this.relief * 1000);
    var head = '{"sid":' + JSON.stringify(sid) + ',"rid":' + request.rid + ',"ack":' + this.ack;
    var body =
      head + ',"packets":[' + request.packets.join() + "]" + (request.close ? ',"close":true}' : "}");
    this.post(body, this.patience, function (answer, error) {
      if (self.sid !== sid) return;
      request.onTheWire = false;
      if (answer) self.answered(request, answer);
      else if (error) self.refused(request, error);
      else self.lost(request);
    });
  };

  Comet.prototype.answered = function (request, answer) {
    var sid = this.sid;
    this.answeredUpTo = Math.max(this.answeredUpTo, request.rid);
    this.drop(request);
    for (var index = this.unanswered.length - 1; index >= 0; index--)
      if (!this.unanswered[index].onTheWire) this.dropIfProcessed(this.unanswered[index]);
    this.failures = 0;
    this.enter("open");
    var known = answer.packets.length > 0 ? this.ack + 1 - answer.seq : 0;
    var fresh = answer.packets.slice(known);
    this.ack += fresh.length;
    for (index = 0; index < fresh.length; index++) this.deliver(fresh[index]);
    if (this.sid !== sid) return;
    if (request.close) return this.end("closed");
    this.pump();
  };

  Comet.prototype.lost = function (request) {
    this.dropIfProcessed(request);
    for (var index = 0; index < this.unanswered.length; index++)
      if (!this.unanswered[index].onTheWire) return this.repeatLater();
    this.pump();
  };

  Comet.prototype.repeatLater = function () {
    var self = this;
    this.enter("reconnecting");
    this.failures += 1;
    this.pause(function () {
      self.pump();
    });
  };

  Comet.prototype.refused = function (request, error) {
    var condition = error.error;
    var reason = error.reason || condition;
    if (LATER.test(condition) || (condition === "rid-out-of-window" && !request.first))
      return this.lost(request);
    if (ABOUT_PACKETS.test(condition) && request.packets.length > 0) {
      this.tell("error", {
        condition: condition,
        detail: error.detail,
        packets: request.packets.splice(0).map(JSON.parse),
      });
      return this.pump();
    }
    if (condition === "unknown-session" && request.attempts === 1)
      this.queue = request.packets.splice(0).concat(this.queue);
    if (reason === "closed" && this.closing) this.unanswered = [];
    if (LOST.test(condition) && !FINAL.test(reason) && !this.closing) return this.replace(reason);
    this.end(reason);
  };

  Comet.prototype.dropIfProcessed = function (request) {
    if (request.rid < this.answeredUpTo) this.drop(request);
  };

  Comet.prototype.drop = function (request) {
    var index = this.unanswered.indexOf(request);
    if (index >= 0) this.unanswered.splice(index, 1);
  };

  Comet.prototype.pause = function (then) {
    if (this.pausing !== undefined) return;
    var self = this;
    var bound = Math.min(30000, 500 * Math.pow(2, Math.min(this.failures, 10)));
    this.pausing = setTimeout(function () {
      self.pausing = undefined;
      then();
    }, Math.random() * bound);
  };

  // --- the wire, the page

  /** Post a body; `done` gets an answer, or an error of the protocol, or nothing: whatever else came of it. */
  Comet.prototype.post = function (body, patience, done) {
    var request = new XMLHttpRequest();
    var watchdog = setTimeout(function () {
      request.abort();
    }, patience * 1000);
    request.onreadystatechange = function () {
      if (request.readyState !== 4 || !done) return;
      clearTimeout(watchdog);
      var said = read(request.responseText);
      var then = done;
      done = undefined;
      if (request.status === 200 && said && (said.sid || said.packets)) then(said);
      else if (said && typeof said.error === "string" && typeof said.detail === "string")
        then(undefined, said);
      else then();
    };
    request.open("POST", this.url, true);
    request.setRequestHeader("Content-Type", "text/plain"); // which needs no preflight
    request.send(body);
  };

  Comet.prototype.askBackend = function (option, paths) {
    var self = this;
    var waiting = [];
    var attempts = 0;
    var wanted = this.wanted; // another one is made when the client ends
    var result;
    function settle(error) {
      result = [error];
      for (var index = 0; index < waiting.length; index++) waiting[index](error);
    }
    function ask() {
      if (self.wanted !== wanted) return settle(new Error("The client has been closed."));
      if (self.sid === undefined) return setTimeout(ask, 100);
      var request = new XMLHttpRequest();
      request.onreadystatechange = function () {
        if (request.readyState !== 4) return;
        var fine = request.status >= 200 && request.status < 300;
        attempts += 1;
        if (BACKEND_LATER.test(request.status) && attempts < ATTEMPTS)
          return void setTimeout(ask, Math.random() * 500 * Math.pow(2, attempts));
        return void settle(fine ? undefined : new Error("The back-end answered " + request.status + "."));
      };
      request.open("POST", self.options[option], true);
      request.setRequestHeader("Content-Type", "application/json");
      request.send(JSON.stringify({ sid: self.sid, paths: paths }));
      return undefined;
    }
    ask();
    return {
      then: function (done, failed) {
        var settled = function (error) {
          if (!error && done) done();
          if (error && failed) failed(error);
        };
        if (result) settled(result[0]);
        else waiting.push(settled);
      },
    };
  };

  Comet.prototype.deliver = function (packet) {
    var handlers = this.handlers.slice();
    var message = packet.message === undefined ? null : packet.message;
    for (var index = 0; index < handlers.length; index++)
      if (covers(handlers[index].segments, packet.path.split("/")))
        call(handlers[index].handler, message, packet.path);
  };

  Comet.prototype.enter = function (state) {
    if (this.state === state) return;
    this.state = state;
    this.tell("state", { state: state });
  };

  Comet.prototype.tell = function (type, detail) {
    var listeners = (this.listeners[type] || []).slice();
    for (var index = 0; index < listeners.length; index++)
      call(listeners[index], { type: type, detail: detail });
  };

  /** What it throws keeps nobody else from being called. */
  function call(handler, first, second) {
    try {
      handler(first, second);
    } catch (error) {
      setTimeout(function () {
        throw error;
      }, 0);
    }
  }

  function covers(pattern, path) {
    var deep = pattern[pattern.length - 1] === "**";
    var length = deep ? pattern.length - 1 : pattern.length;
    if (deep ? path.length <= length : path.length !== length) return false;
    for (var index = 0; index < length; index++)
      if (pattern[index] !== "*" && pattern[index] !== path[index]) return false;
    return true;
  }

  function read(text) {
    try {
      var value = JSON.parse(text);
      return typeof value === "object" ? value : undefined;
    } catch (error) {
      return undefined;
    }
  }

  global.Cometary = { Comet: Comet };
})(this);
