// The eventsource package: a turn's events and a room's, with its own reconnection.
import assert from "node:assert/strict";
import { EventSource } from "eventsource";

const { MARU_URL: url, MARU_KEY: key, MARU_SLOW_MODEL: slow, MARU_SLOW_TEXT: slowText } = process.env;
const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
const post = async (path, body) => (await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) })).json();
// The package opens its connections through this. The first one is lost after a few pieces.
let connections = 0;
const open = async (address, init) => {
  const answer = await fetch(address, { ...init, headers: { ...init.headers, Authorization: headers.Authorization } });
  if (++connections > 1) return answer;
  const reader = answer.body.getReader();
  let pieces = 0;
  const body = new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (!done) controller.enqueue(value);
      if (done || ++pieces === 4) {
        controller.close();
        await reader.cancel();
      }
    },
  });
  return new Response(body, { status: answer.status, headers: answer.headers });
};

const room = await post("/v1/rooms", { model: slow });
const sent = await post(`/v1/rooms/${room.id}/messages`, { content: "go" });
const source = new EventSource(`${url}/v1/turns/${sent.turn.id}/events`, { fetch: open });
let text = "";
await new Promise((resolve, reject) => {
  source.addEventListener("delta", (event) => (text += JSON.parse(event.data).text));
  source.addEventListener("reset", (event) => (text = JSON.parse(event.data).text));
  source.addEventListener("done", (event) => resolve(JSON.parse(event.data)));
  setTimeout(() => reject(new Error("no end within a minute")), 60_000).unref();
}).then((turn) => assert.equal(turn.status, "completed"));
source.close();
assert.equal(text, slowText);
assert(connections >= 2, "it has come back, with the last id that it had");

// Quote Generator's stream, with the token in the address.
const quote = { userId: "u", threadNum: "t", content: "hello", timestamp: new Date().toISOString() };
await post("/api/chat/send", quote);
const stream = new EventSource(`${url}/api/chat/stream?userId=u&threadNum=t&token=${encodeURIComponent(key)}`);
const said = await new Promise((resolve) => {
  let said = "";
  stream.onmessage = (event) => {
    const data = JSON.parse(event.data);
    if (data.type === "content") said += data.data;
    if (data.type === "complete") resolve(said);
  };
});
stream.close();
assert(said.length > 0);
console.log("done");
