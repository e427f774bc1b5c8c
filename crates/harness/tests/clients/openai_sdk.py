"""The openai package for Python against a server of maru: what an application does with it."""

import os

from openai import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OpenAI,
)

URL = os.environ["MARU_URL"] + "/v1"
client = OpenAI(base_url=URL, api_key=os.environ["MARU_KEY"])
ECHO, SLOW = os.environ["MARU_MODEL"], os.environ["MARU_SLOW_MODEL"]
SLOW_TEXT = os.environ["MARU_SLOW_TEXT"]


def refused(kind, status, code, param, call):
    try:
        call()
    except kind as error:
        assert (error.status_code, error.code, error.param) == (status, code, param), error
        assert error.request_id, error
        return
    raise AssertionError(f"not refused: {kind}")


# Models.
names = [model.id for model in client.models.list()]
assert names[0] == ECHO, names
assert client.models.retrieve(ECHO).id == ECHO
refused(NotFoundError, 404, "model_not_found", "model", lambda: client.models.retrieve("nowhere/x"))
refused(
    NotFoundError, 404, "model_not_found", "model",
    lambda: client.responses.create(model="nowhere/x", input="hi"),
)

# Chat completions: plain, streamed, stored.
said = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "one"}]
answer = client.chat.completions.create(model=ECHO, messages=said, temperature=0.5)
assert answer.choices[0].message.content == "reply to: one", answer
assert answer.choices[0].finish_reason == "stop" and answer.usage.total_tokens > 0
chunks = list(
    client.chat.completions.create(model=ECHO, messages=said, stream=True, stream_options={"include_usage": True})
)
assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "reply to: one"
assert chunks[-1].usage.total_tokens > 0 and chunks[-2].choices[0].finish_reason == "stop"
with client.chat.completions.stream(model=ECHO, messages=said) as stream:
    assert stream.get_final_completion().choices[0].message.content == "reply to: one"
stored = client.chat.completions.create(model=ECHO, messages=said, store=True, metadata={"topic": "x"})
assert client.chat.completions.retrieve(stored.id).choices[0].message.content == "reply to: one"
assert [m.content for m in client.chat.completions.messages.list(stored.id)] == ["be brief", "one"]
assert client.chat.completions.update(stored.id, metadata={"topic": "y"}).metadata == {"topic": "y"}
assert [c.id for c in client.chat.completions.list(limit=1)] == [stored.id]
assert client.chat.completions.delete(stored.id).deleted
refused(NotFoundError, 404, None, None, lambda: client.chat.completions.retrieve(stored.id))

# Responses: alone, streamed, after another.
response = client.responses.create(model=ECHO, input="hello", metadata={"a": "b"})
assert (response.output_text, response.status) == ("reply to: hello", "completed"), response
assert client.responses.retrieve(response.id).output_text == "reply to: hello"
with client.responses.stream(model=ECHO, input="two", previous_response_id=response.id) as stream:
    numbers = [event.sequence_number for event in stream]
    second = stream.get_final_response()
assert numbers == list(range(len(numbers))), numbers
assert second.output_text == "reply to: two" and second.conversation.id == response.conversation.id
items = list(client.responses.input_items.list(second.id))
assert [item.content[0].text for item in items] == ["two"], items

# A stream that is lost is gone on with where it broke off.
text, last = "", None
stream = client.responses.create(model=SLOW, input="go", stream=True)
for event in stream:
    last = event.sequence_number
    if event.type == "response.created":
        lost = event.response.id
    if event.type == "response.output_text.delta":
        text += event.delta
        break
stream.close()
for event in client.responses.retrieve(lost, stream=True, starting_after=last):
    assert event.sequence_number == last + 1
    last = event.sequence_number
    if event.type == "response.output_text.delta":
        text += event.delta
assert (text, event.type) == (SLOW_TEXT, "response.completed"), (text, event)

# In the background, and cancelled.
running = client.responses.create(model=SLOW, input="go", background=True)
assert running.status in ("queued", "in_progress")
cancelled = client.responses.cancel(running.id)
assert cancelled.status == "cancelled" and client.responses.retrieve(running.id).status == "cancelled"
client.responses.delete(running.id)
refused(NotFoundError, 404, None, None, lambda: client.responses.retrieve(running.id))

# Not stored.
passing = client.responses.create(model=ECHO, input="psst", store=False)
assert passing.output_text == "reply to: psst"
refused(NotFoundError, 404, None, None, lambda: client.responses.retrieve(passing.id))

# Conversations and their items, all pages of them.
conversation = client.conversations.create(
    items=[{"type": "message", "role": "user", "content": f"{n}"} for n in range(20)], metadata={"topic": "numbers"}
)
client.conversations.items.create(
    conversation.id, items=[{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "20"}]}]
)
items = list(client.conversations.items.list(conversation.id, order="asc", limit=6))
assert [item.content[0].text for item in items] == [f"{n}" for n in range(21)]
answer = client.responses.create(model=ECHO, conversation=conversation.id, input="and?")
assert answer.conversation.id == conversation.id
newest = client.conversations.items.list(conversation.id, limit=1).data[0]
assert (newest.role, newest.content[0].text) == ("assistant", "reply to: and?")
assert client.conversations.items.retrieve(newest.id, conversation_id=conversation.id).id == newest.id
client.conversations.items.delete(newest.id, conversation_id=conversation.id)
assert client.conversations.update(conversation.id, metadata={"a": "b"}).metadata == {"a": "b"}
assert client.conversations.retrieve(conversation.id).metadata == {"a": "b"}
assert client.conversations.delete(conversation.id).deleted
refused(NotFoundError, 404, None, None, lambda: client.conversations.retrieve(conversation.id))

# What is refused, in the SDK's own errors.
stranger = OpenAI(base_url=URL, api_key="sk-nobody")
refused(AuthenticationError, 401, "invalid_api_key", None, lambda: stranger.models.list())
refused(
    BadRequestError, 400, "mutually_exclusive_parameters", "previous_response_id",
    lambda: client.responses.create(
        model=ECHO, input="x", conversation=response.conversation.id, previous_response_id=response.id
    ),
)
refused(
    BadRequestError, 400, "unsupported_parameter", "tools",
    lambda: client.responses.create(model=ECHO, input="x", tools=[{"type": "web_search"}]),
)
refused(
    BadRequestError, 400, "unsupported_parameter", "messages[0].content[0].type",
    lambda: client.chat.completions.create(
        model=ECHO,
        messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}],
    ),
)

# Every parameter that the SDK knows has a type here, too.
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

NUMBERS = ("temperature", "top_p", "top_logprobs", "n", "seed")
for path, params, body in [
    ("/responses", response_create_params.ResponseCreateParamsBase, {"model": ECHO, "input": "x"}),
    (
        "/chat/completions", completion_create_params.CompletionCreateParamsBase,
        {"model": ECHO, "messages": [{"role": "user", "content": "x"}]},
    ),
]:
    for name in [*params.__annotations__, "stream"]:
        wrong = "x" if name in NUMBERS or name.startswith("max_") or name.endswith("_penalty") else 5
        refused(
            BadRequestError, 400, "invalid_type", name,
            lambda: client.post(path, cast_to=object, body={**body, name: wrong}),
        )

# What maru does not do is not found.
for call in [
    lambda: client.files.list(),
    lambda: client.embeddings.create(model=ECHO, input="x"),
    lambda: client.moderations.create(input="x"),
    lambda: client.images.generate(prompt="x"),
    lambda: client.audio.speech.create(model=ECHO, voice="alloy", input="x"),
    lambda: client.batches.list(),
    lambda: client.fine_tuning.jobs.list(),
    lambda: client.vector_stores.list(),
    lambda: client.completions.create(model=ECHO, prompt="x"),
]:
    refused(NotFoundError, 404, "not_found", None, call)

# More than all of a stream nobody has.
refused(
    BadRequestError, 400, "invalid_value", "starting_after",
    lambda: client.responses.retrieve(lost, stream=True, starting_after=last + 1),
)

# A stream that is cancelled ends by the event that the SDK has for a reply that is not whole.
with client.responses.stream(model=SLOW, input="go") as stream:
    for event in stream:
        if event.type == "response.output_text.delta":
            client.responses.cancel(event_id)
            break
        if event.type == "response.created":
            event_id = event.response.id
    ends = [event for event in stream]
assert (ends[-1].type, ends[-1].response.status) == ("response.incomplete", "cancelled"), ends[-1]
print("done")
