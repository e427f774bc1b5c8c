"""langchain-openai against a server of maru, which keeps the conversation: the client sends each message once."""

import os

from langchain_openai import ChatOpenAI

settings = {"base_url": os.environ["MARU_URL"] + "/v1", "api_key": os.environ["MARU_KEY"]}
model = os.environ["MARU_MODEL"]

# With the id of the response before it.
chat = ChatOpenAI(model=model, use_responses_api=True, **settings)
first = chat.invoke("my name is Ann")
assert first.text == "reply to: my name is Ann", first
second = chat.invoke("what is it?", previous_response_id=first.response_metadata["id"])
assert second.text == "reply to: what is it?", second

# By itself, from the messages that it is given.
chat = ChatOpenAI(model=model, use_responses_api=True, use_previous_response_id=True, **settings)
messages = [("user", "one")]
one = chat.invoke(messages)
two = chat.invoke([("user", "one"), one, ("user", "two")])
assert two.text == "reply to: two", two
pieces = list(chat.stream([("user", "one"), one, ("user", "two"), two, ("user", "three")]))
assert "".join(piece.text for piece in pieces) == "reply to: three", pieces

# In a conversation of the server's.
from openai import OpenAI

client = OpenAI(**settings)
conversation = client.conversations.create()
chat = ChatOpenAI(model=model, use_responses_api=True, model_kwargs={"conversation": conversation.id}, **settings)
chat.invoke("remember the milk")
chat.invoke("what shall I remember?")
items = [item.content[0].text for item in client.conversations.items.list(conversation.id, order="asc")]
assert items == [
    "remember the milk", "reply to: remember the milk",
    "what shall I remember?", "reply to: what shall I remember?",
], items

# Without memory: chat completions.
chat = ChatOpenAI(model=model, **settings)
assert chat.invoke("hello").content == "reply to: hello"
assert "".join(piece.content for piece in chat.stream("hello")) == "reply to: hello"
# The conversation that the server has kept, for the test to compare with what the model was told.
print(client.responses.retrieve(two.response_metadata["id"]).conversation.id)
