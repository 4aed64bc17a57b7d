// Drives a hundred steps from Node or a browser, with the WebSocket that both have, and no package.
//
//     ac-bridge actor
//     node examples/minimal_client.mjs ws://127.0.0.1:8765 [DELAY_TICKS]
//
// The manual is docs/protocol.md. Node 22 has WebSocket, Node 20 with --experimental-websocket. A
// token comes from AC_BRIDGE_TOKEN. In a page: import { run }. Then the actor must allow its origin
// (--allow-origin) and ask for no token: a page cannot send one.

const STEPS = 100;
const CODEC = "ac-bridge.v1+json";
const PATIENCE_MS = 7000; // an actor that has nothing to say pings every two seconds

const inWords = ({ code, message, hint = "" }) => `${code}: ${message} ${hint}`.trim();

class Client {
  constructor(socket, say) {
    Object.assign(this, { socket, say, lastId: 0, inbox: [] }); // ids rise
    const put = (message) => (this.inbox.push(message), this.wake?.());
    this.end = (message) => put({ type: "failure", code: "link", message });
    socket.onmessage = ({ data }) => put(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.end(`closed, ${code} ${reason}`);
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  async next() {
    const silence = setTimeout(() => this.end("nothing came for 7 s"), PATIENCE_MS);
    while (this.inbox.length === 0) await new Promise((resolve) => (this.wake = resolve));
    clearTimeout(silence);
    return this.inbox.shift();
  }

  // The next message of a type; what needs no answer is passed over.
  async waitFor(type) {
    for (;;) {
      const message = await this.next();
      if (message.type === type) return message;
      if (["refusal", "failure"].includes(message.type)) throw new Error(inWords(message));
      if (message.type === "event") this.say(`  ${message.kind}: ${message.message}`);
      if (message.type === "reset_progress") this.say(`  reset: ${message.phase}`);
    }
  }

  async reset(delay) {
    this.send({ type: "reset", id: ++this.lastId });
    this.lastId += delay; // so many steps open by themselves, with the ids after the reset's
    const { frame } = await this.waitFor("reset_result");
    return { frame, tick: 0 };
  }

  // The next result: in fixed_delay, that of `delay` steps before.
  async step(action, tick) {
    this.send({ type: "step", id: ++this.lastId, action, tick });
    return this.waitFor("step_result");
  }
}

// Straight on, with the throttle half open below 50 km/h.
function choose(spec, frame) {
  return spec.action.map(({ name }) => (name === "throttle" && frame.speed_kmh < 50 ? 0.5 : 0));
}

function open(uri, headers) {
  // The headers are Node's own: a page's WebSocket takes nothing but the subprotocols.
  const socket = new WebSocket(uri, headers ? { protocols: [CODEC], headers } : [CODEC]);
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve(socket);
    socket.onerror = async () => reject(new Error(`No WebSocket: ${await whyNot(uri, headers)}`));
  });
}

// A WebSocket does not tell why it did not open. Node asks again by HTTP: a refusal is the body.
async function whyNot(uri, headers) {
  if (!globalThis.process) return "a page is not told why; the actor's log says it.";
  const { get } = await import(uri.startsWith("wss:") ? "node:https" : "node:http");
  const own = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": btoa("16 bytes, any 16"), "Sec-WebSocket-Protocol": CODEC };
  return new Promise((resolve) => {
    const asking = get(uri.replace(/^ws/, "http"), { headers: { ...own, ...headers } });
    asking.on("response", async (answer) => {
      const body = (await answer.toArray()).join("");
      const why = body.startsWith("{") ? inWords(JSON.parse(body)) : "that is no actor.";
      resolve(`HTTP ${answer.statusCode}, ${why}`);
    });
    asking.on("upgrade", (_, socket) => (socket.destroy(), resolve("now it opens; try again.")));
    asking.on("error", (error) => resolve(error.message));
  });
}

export async function run(uri, { delay = 0, headers = undefined, say = console.log } = {}) {
  const client = new Client(await open(uri, headers), say);
  const mode = delay ? "fixed_delay" : null; // null: as the actor likes
  client.send({ type: "hello", client: "minimal_client.mjs/1", mode, delay_ticks: delay });
  const { spec } = await client.waitFor("welcome");
  say(`${spec.game}, ${spec.mode}, ${spec.control_hz} control ticks a second`);
  const ahead = spec.delay_ticks; // above 0 in fixed_delay, where each step names its tick
  let [{ frame, tick }, result] = [await client.reset(ahead), null];
  for (let count = 0; count < STEPS; count += 1) {
    result = await client.step(choose(spec, frame), ahead ? tick + ahead : null);
    ({ frame, receipt: { tick } } = result);
    if (result.end !== null) ({ frame, tick } = await client.reset(ahead)); // paused, vanished, ...
  }
  client.send({ type: "release" }); // the wheel is neutral at once; anybody may have the car
  client.socket.close();
  say(JSON.stringify(result.receipt, null, 2));
}

if (globalThis.process?.argv[1]?.endsWith("minimal_client.mjs")) {
  const [uri, delay = "0"] = process.argv.slice(2);
  const token = process.env.AC_BRIDGE_TOKEN;
  const headers = token && { Authorization: `Bearer ${token}` };
  const stop = (why) => (console.error(why), process.exit(1));
  if (!globalThis.WebSocket) stop("Take Node 22, or Node 20 with --experimental-websocket.");
  if (!uri) stop("Usage: node minimal_client.mjs ws://HOST:PORT [DELAY_TICKS]");
  await run(uri, { delay: +delay, headers }).catch((error) => stop(error.message));
}
