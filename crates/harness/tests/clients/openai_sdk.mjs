// The openai package for Node against a server of maru: what an application does with it.
import assert from "node:assert/strict";
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";

const baseURL = process.env.MARU_URL + "/v1";
const client = new OpenAI({ baseURL, apiKey: process.env.MARU_KEY });
const { MARU_MODEL: echo, MARU_SLOW_MODEL: slow, MARU_SLOW_TEXT: slowText } = process.env;

async function refused(kind, code, param, call) {
  await assert.rejects(call, (error) => {
    assert(error instanceof kind, error);
    assert.deepEqual([error.code ?? null, error.param ?? null], [code, param]);
    return true;
  });
}

async function all(list) {
  const items = [];
  for await (const item of list) items.push(item);
  return items;
}

// Models.
assert.equal((await all(client.models.list()))[0].id, echo);
assert.equal((await client.models.retrieve(echo)).id, echo);
await refused(NotFoundError, "model_not_found", "model", () => client.models.retrieve("nowhere/x"));

// Chat completions.
const messages = [{ role: "user", content: "one" }];
const answer = await client.chat.completions.create({ model: echo, messages });
assert.equal(answer.choices[0].message.content, "reply to: one");
const streamed = client.chat.completions.stream({ model: echo, messages, stream_options: { include_usage: true } });
assert.equal(await streamed.finalContent(), "reply to: one");
assert((await streamed.totalUsage()).total_tokens > 0);
const stored = await client.chat.completions.create({ model: echo, messages, store: true });
assert.equal((await client.chat.completions.retrieve(stored.id)).id, stored.id);
assert.deepEqual((await all(client.chat.completions.messages.list(stored.id))).map((m) => m.content), ["one"]);
assert.deepEqual((await all(client.chat.completions.list({ limit: 1 }))).map((c) => c.id), [stored.id]);
assert((await client.chat.completions.delete(stored.id)).deleted);

// Responses.
const response = await client.responses.create({ model: echo, input: "hello" });
assert.equal(response.output_text, "reply to: hello");
const stream = client.responses.stream({ model: echo, input: "two", previous_response_id: response.id });
const numbers = [];
stream.on("event", (event) => numbers.push(event.sequence_number));
const second = await stream.finalResponse();
assert.deepEqual(numbers, numbers.map((_, n) => n));
assert.equal(second.output[0].content[0].text, "reply to: two");
assert.deepEqual((await all(client.responses.inputItems.list(second.id))).map((i) => i.content[0].text), ["two"]);

// A stream that is lost is gone on with where it broke off.
let text = "";
let lost, last;
for await (const event of await client.responses.create({ model: slow, input: "go", stream: true })) {
  last = event.sequence_number;
  if (event.type === "response.created") lost = event.response.id;
  if (event.type === "response.output_text.delta") {
    text += event.delta;
    break;
  }
}
for await (const event of await client.responses.retrieve(lost, { stream: true, starting_after: last })) {
  assert.equal(event.sequence_number, ++last);
  if (event.type === "response.output_text.delta") text += event.delta;
}
assert.equal(text, slowText);

// In the background, and cancelled.
const running = await client.responses.create({ model: slow, input: "go", background: true });
assert.equal((await client.responses.cancel(running.id)).status, "cancelled");
await client.responses.delete(running.id);
await refused(NotFoundError, null, null, () => client.responses.retrieve(running.id));

// Conversations and their items, all pages of them.
const said = Array.from({ length: 20 }, (_, n) => ({ type: "message", role: "user", content: `${n}` }));
const conversation = await client.conversations.create({ items: said, metadata: { topic: "numbers" } });
const items = await all(client.conversations.items.list(conversation.id, { order: "asc", limit: 6 }));
assert.deepEqual(items.map((item) => item.content[0].text), said.map((item) => item.content));
const asked = await client.responses.create({ model: echo, conversation: conversation.id, input: "and?" });
assert.equal(asked.conversation.id, conversation.id);
assert((await client.conversations.delete(conversation.id)).deleted);
await refused(NotFoundError, null, null, () => client.conversations.retrieve(conversation.id));

// What is refused, in the SDK's own errors.
const stranger = new OpenAI({ baseURL, apiKey: "sk-nobody" });
await refused(AuthenticationError, "invalid_api_key", null, () => stranger.models.list());
await refused(BadRequestError, "unsupported_parameter", "tools", () =>
  client.responses.create({ model: echo, input: "x", tools: [{ type: "web_search" }] }),
);
console.log("done");
