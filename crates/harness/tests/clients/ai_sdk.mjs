// The chat class of the AI SDK with its default transport, as useChat has it in a browser.
import assert from "node:assert/strict";
import { AbstractChat, DefaultChatTransport } from "ai";

const { MARU_URL: url, MARU_KEY: key, MARU_SLOW_MODEL: slow, MARU_SLOW_TEXT: slowText } = process.env;

// What a framework's own class keeps in its signals.
class Chat extends AbstractChat {
  constructor(id, { model, messages = [] } = {}) {
    const state = {
      status: "ready",
      error: undefined,
      messages,
      pushMessage: (message) => (state.messages = [...state.messages, message]),
      popMessage: () => (state.messages = state.messages.slice(0, -1)),
      replaceMessage: (index, message) => (state.messages = state.messages.with?.(index, message) ?? state.messages.map((old, n) => (n === index ? message : old))),
      snapshot: (value) => structuredClone(value),
    };
    const transport = new DefaultChatTransport({
      api: `${url}/api/chat`,
      headers: { Authorization: `Bearer ${key}` },
      body: model ? { model } : {},
    });
    super({ id, state, transport });
  }
}

const text = (message) => message.parts.filter((part) => part.type === "text").map((part) => part.text).join("");
const texts = (chat) => chat.messages.map(text);
const until = async (what, holds) => {
  for (let n = 0; n < 1200; n++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("not in half a minute: " + what);
};

// Send.
const chat = new Chat("chat-1");
await chat.sendMessage({ text: "one" });
assert.deepEqual([chat.status, texts(chat)], ["ready", ["one", "reply to: one"]]);
const [asked, replied] = chat.messages;

// Regenerate: another reply, with an id of its own, in the place of the one that was there.
await chat.regenerate();
assert.deepEqual(texts(chat), ["one", "reply to: one"]);
assert.equal(chat.messages[0].id, asked.id);
assert.notEqual(chat.messages[1].id, replied.id);

// Another text for a message that was sent.
await chat.sendMessage({ text: "two" });
await chat.sendMessage({ text: "uno", messageId: asked.id });
assert.deepEqual(texts(chat), ["uno", "reply to: uno"]);

// Nothing else costs what is stored: neither an id that comes twice, nor a page that does not know the newest message.
await chat.sendMessage({ text: "three" });
const twice = new Chat("chat-1");
await twice.sendMessage({ id: asked.id, role: "user", parts: [{ type: "text", text: "another" }] });
assert.match(twice.error.message, /messageId/);
const stale = new Chat("chat-1", { messages: chat.messages.slice(0, 2) });
await stale.regenerate();
assert.match(stale.error.message, /more was said/);
await chat.regenerate();
const all = ["uno", "reply to: uno", "three", "reply to: three"];
assert.deepEqual(texts(chat), all);

// Nothing runs: resuming changes nothing.
await chat.resumeStream();
assert.deepEqual([chat.status, texts(chat)], ["ready", all]);

// A page that is loaded anew in the middle of a reply goes on with it.
const first = new Chat("chat-2", { model: slow });
const sending = first.sendMessage({ text: "go" });
await until("text", () => first.messages.length === 2 && text(first.messages[1]) !== "");
const second = new Chat("chat-2", { messages: [first.messages[0]] });
await second.resumeStream();
await sending;
assert.deepEqual([texts(first), texts(second)], [["go", slowText], ["go", slowText]]);
assert.equal(first.messages[1].id, second.messages[1].id);

// Stop: the server stops, too.
const third = new Chat("chat-3", { model: slow });
const stopped = third.sendMessage({ text: "go" });
await until("text", () => third.messages.length === 2 && text(third.messages[1]) !== "");
const answer = await fetch(`${url}/api/chat/chat-3/stop`, { method: "POST", headers: { Authorization: `Bearer ${key}` } });
assert.deepEqual(await answer.json(), { success: true });
await third.stop();
await stopped;
assert(slowText.startsWith(text(third.messages[1])) && text(third.messages[1]) !== slowText);
assert.equal((await fetch(`${url}/api/chat/chat-3/stream`, { headers: { Authorization: `Bearer ${key}` } })).status, 204);

// What is refused is the error's message.
const fourth = new Chat("chat-4", { model: "nowhere/x" });
await fourth.sendMessage({ text: "hi" });
assert.equal(fourth.status, "error");
assert.match(fourth.error.message, /no such model/);
console.log("done");
